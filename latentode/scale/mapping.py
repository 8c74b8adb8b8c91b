"""A folder of parts in, a folder of results out; whatever can map a function is the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from latentode.errors import PartsError
from latentode.scale.engines.results import Engine, Lost, results_of
from latentode.scale.engines.workers import VERSION
from latentode.scale.output_folder import OutputFolder
from latentode.scale.part_work import PartFunction, PartWork, Record, failure, sum_of, threads_kept
from latentode.scale.parts import Parts
from latentode.scale.shard import Shard

#: Is called with how many parts are done, how many there are, and how many have failed.
Progress = Callable[[int, int, int], None]
_ALL = Shard()


@dataclass(frozen=True)
class PartResults:
    """What became of the parts.

    Attributes:
        out: Folder of the results.
        done: A record of each part whose result stands, in order: see `PartWork`.
        failures: A record of each that failed.
        kept: How many stood before.
        failures_path: Where the failures are listed.
    """

    out: Path
    done: list[Record]
    failures: list[Record] = field(default_factory=list)
    kept: int = 0
    failures_path: Path = Path("failures.json")

    @property
    def files(self) -> list[Path]:
        """The results that stand, in order of their parts."""
        return [self.out / record["file"] for record in self.done]

    def check(self) -> None:
        """Refuse to go on where a part has failed.

        Raises:
            PartsError: If one has.
        """
        if self.failures:
            first = self.failures[0]
            count = len(self.failures) + len(self.done)
            raise PartsError(
                f"{self.out}: expected results of all {count:,} parts, got failures of "
                f"{len(self.failures):,}, the first of part {first['part']}: {first['message']} "
                f"All are in {self.failures_path}; mend them and type the same again without "
                "--overwrite, which does only what is missing."
            )


def map_parts(
    function: PartFunction,
    parts: Parts | str | Path,
    out: str | Path,
    *,
    map: Engine = map,
    suffix: str = ".parquet",
    request: Mapping[str, Any] | None = None,
    command: str | None = None,
    shard: Shard = _ALL,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> PartResults:
    """Do something with every part: one file in, one file out.

    A part whose result stands is not done again, so that a run that was ended goes on where the
    same is asked. A part that fails is noted, and the others are done.

    Args:
        function: Is called as ``function(parts, index, file)``: reads a part with
            ``parts.read(index)``, writes the file whole or not at all, and returns facts, JSON
            types. It is sent to the workers, so it is small and can be pickled, as a function of a
            module or a dataclass with ``__call__``.
        parts: Parts, or their folder; all workers must find it at the same place.
        out: Folder of the results, likewise.
        map: What maps a function over items: that of Python, ``Executor.map``,
            ``Pool.imap_unordered``, ``client.map`` of Dask, or any other; what has a ``result`` is
            waited for.
        suffix: Ending of the results.
        request: What decides the results beside the parts, JSON types: a model's sum, options. A
            folder of another request is not gone on with. None asks the function's own ``request``,
            and takes its name where it has none.
        command: What is noted as the way to type it.
        shard: The share of the parts that this call does.
        overwrite: Whether results of any request are thrown away first.
        on_progress: Is told after each part.

    Returns:
        What became of the parts of the shard.

    Raises:
        DataError: If the folder holds no parts.
        OutputExistsError: If the folder of results holds other files or the results of another
            request, or another process works on it.
        ResourceError: If the folder cannot be written.

    Example:
        >>> import tempfile
        >>> from latentode.data.synthetic import make
        >>> from latentode.files import atomic_write
        >>> from latentode.scale import map_parts, write_parts
        >>> def count(parts, index, file):
        ...     atomic_write(file, str(len(parts.read(index))).encode())
        ...     return {}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = make("toy_periodic", num_series=20).dataset
        ...     parts = write_parts(log, f"{folder}/parts", 4)
        ...     results = map_parts(count, parts, f"{folder}/counts", suffix=".txt")
        ...     sum(int(file.read_text()) for file in results.files)
        20
    """
    source = parts if isinstance(parts, Parts) else Parts.open(parts)
    if request is None:
        request = function.request() if hasattr(function, "request") else {"what": _name(function)}
    folder = OutputFolder(Path(out).absolute(), shard)
    work = PartWork(function, source.folder.absolute(), sum_of(source), folder.path, suffix)
    stems = [Path(each.file).stem for each in source.manifest.parts]
    chosen = [index for index in range(len(source)) if shard.picks(index)]
    about = {"latentode": VERSION, "parts": work.sha256, "ending": suffix}
    with folder.held(), threads_kept():
        folder.begin({**request, **about}, command=command, overwrite=overwrite)
        standing = folder.standing(stems)
        done = {index: standing[index] for index in chosen if index in standing}
        todo = [index for index in chosen if index not in done]
        folder.go_on([f"{stems[index]}{suffix}" for index in todo])
        kept, failures = len(done), list[Record]()
        try:
            for result in results_of(map, work, todo):
                record = failure(result.item, result.why) if isinstance(result, Lost) else result
                if "kind" in record:
                    failures.append(record)
                else:
                    folder.add(record)
                    done[record["part"]] = record
                if on_progress is not None:
                    on_progress(len(done), len(chosen), len(failures))
        finally:
            folder.write_failures(failures)
    ordered = [done[index] for index in sorted(done)]
    failures.sort(key=lambda each: int(each["part"]))
    return PartResults(folder.path, ordered, failures, kept, folder.failures_path)


def _name(function: PartFunction) -> str:
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"
