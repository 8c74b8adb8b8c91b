"""LOGS in parts: a part in, a part out, by processes of this machine or workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentode.cli.options import Parsed, typed_flags
from latentode.cli.outputs import RESULTS, STDOUT
from latentode.cli.runs.models import find_model
from latentode.cli.runs.progress import parts_display
from latentode.cli.runs.request import Request
from latentode.cli.session import Outcome
from latentode.cli.signals import Stopped

if TYPE_CHECKING:
    from latentode.scale import PartResults, Parts
    from latentode.scale.model_file import ModelFile
    from latentode.scale.part_work import PartFunction
    from latentode.scale.shard import Shard

_SHOWN = 3  # warnings of parts that are said; all are in done.jsonl
_OPTIONS = ("workers", "engine", "address", "shard", "form")
# what is asked of whole logs alone; what only says how logs are read was settled by `partition`
_OF_ALL = ("device", "output", "overwrite", "allow_missing", "far_readings", "as_json")


@dataclass(frozen=True)
class PartRun:
    """How the parts are done.

    Attributes:
        workers: Processes; None for this one.
        engine: A cluster in their place.
        address: Of the cluster.
        shard: The share of the parts that this call does.
        form: Format of the results.
    """

    workers: int | None
    engine: str | None
    address: str | None
    shard: Shard | None
    form: str = "parquet"

    def check(self, request: Request, *, allowed: tuple[str, ...]) -> Path:
        """Refuse what cannot succeed; return the folder of the results.

        Args:
            request: What is asked.
            allowed: Options of the command, by the names of its parameters, that parts heed.

        Raises:
            UsageError: If options do not go together, or no folder is named.
        """
        unheeded = typed_flags(but=(*_OF_ALL, *_OPTIONS, *allowed))
        if unheeded:
            raise click.UsageError(
                f"{', '.join(unheeded)}: of no use to LOGS in parts, which are read as `partition` "
                "read them, and answered one part at a time. Leave it out."
            )
        if self.engine is not None and self.workers is not None:
            raise click.UsageError(
                "--workers: expected none beside --engine, whose workers do the parts. Leave it "
                "out."
            )
        if (self.engine is None) != (self.address is None):
            raise click.UsageError(
                "--engine and --address go together, as in --engine dask --address "
                "tcp://10.0.0.1:8786. Give both, or --workers 2 for processes of this machine."
            )
        if self.shard is not None and request.overwrite:
            raise click.UsageError(
                "--overwrite: expected none beside --shard, as it would throw away what other "
                "shards have done. Remove the folder, or name another with -o."
            )
        output = request.output
        if output is None or output == STDOUT or output.suffix.lower() in RESULTS:
            raise click.UsageError(
                f"-o: expected a folder for the results of the parts, got "
                f"{'none' if output is None else repr(str(output))}. Name one, as in -o results; "
                "--format says what is in it."
            )
        return output


def part_options(*, formats: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options of LOGS in parts, as one value `how` of type `PartRun`.

    Args:
        formats: Whether results are tables, whose format is chosen.
    """
    from latentode.scale.shard import Shard

    form = click.option(
        "--format",
        "form",
        type=click.Choice(["parquet", "csv", "nc", "json"]),
        default="parquet",
        show_default=True,
        help="LOGS in parts: format of the results; nc holds every sample path.",
    )
    engines = (
        click.option(
            "--shard",
            type=Parsed("shard", Shard.parse),
            metavar="K/N",
            help="LOGS in parts: do the K-th of N shares, for job arrays.",
        ),
        click.option("--address", help="LOGS in parts: where the --engine is."),
        click.option(
            "--engine",
            type=click.Choice(["dask", "ray"]),
            help="LOGS in parts: the workers of a cluster do them.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(1),
            help="LOGS in parts: so many processes do them, each on one thread.",
        ),
    )

    def added(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def asked(*arguments: Any, **options: Any) -> Outcome:
            given = {name: options.pop(name) for name in _OPTIONS if name in options}
            outcome: Outcome = function(*arguments, how=PartRun(**given), **options)
            return outcome

        entry: Callable[..., Any] = asked
        for option in (*([form] if formats else []), *engines):
            entry = option(entry)
        return entry

    return added


def parts_of(request: Request) -> Parts | None:
    """The parts that LOGS are; None where they are a log as others.

    Args:
        request: What is asked.

    Raises:
        UsageError: If options are given that are of parts alone, or parts beside other logs.
    """
    from latentode.scale import Parts, is_parts

    named = () if request.logs is None else request.logs.parts
    folders = [each for each in named if is_parts(each)]
    if folders and len(named) > 1:
        raise click.UsageError(
            f"LOGS: expected one folder of parts, got {len(named)} logs. Make parts of all of them "
            "first, with `partition`."
        )
    if folders:
        return Parts.open(folders[0])
    unheeded = typed_flags(only=_OPTIONS)
    if unheeded:
        raise click.UsageError(
            f"{', '.join(unheeded)}: expected LOGS in parts, got "
            f"{'none' if request.logs is None else 'a log'}. Make parts first, with "
            f"`{request.session.command_line('partition', *named, 'PARTS')}`, and name PARTS."
        )
    return None


def model_of(request: Request) -> ModelFile:
    """The model of RUN, as workers get it.

    Args:
        request: What is asked.
    """
    from latentode.scale.model_file import ModelFile

    path = request.run
    if path.is_dir():
        path, _ = find_model(path, request.session)
    elif request.device != "cpu":
        raise click.UsageError(
            f"--device: expected cpu for an exported model, got {request.device!r}. Leave it out."
        )
    far = request.settings.get("data.far_readings")
    return ModelFile.of(path, device=request.device, far_readings=far)


def do_parts(
    request: Request,
    how: PartRun,
    parts: Parts,
    out: Path,
    function: PartFunction,
    settings: Mapping[str, Any],
    *,
    suffix: str | None = None,
) -> PartResults:
    """Do all parts, and say what they warned of.

    Args:
        request: What is asked.
        how: How the parts are done.
        parts: The parts.
        out: Folder of the results.
        function: What is asked of each part; see `latentode.scale.map_parts`.
        settings: What decides its answers, JSON types.
        suffix: Ending of the results; None takes that of --format.

    Raises:
        PartsError: If a part has failed.
    """
    from latentode.scale import Shard, map_parts

    session = request.session
    # once begun, it is gone on with
    command = session.command_line(*(word for word in session.args if word != "--overwrite"))
    with (
        _going_on(command),
        _engine(how, request, parts, out) as engine,
        parts_display(session) as show,
    ):
        results = map_parts(
            function,
            parts,
            out,
            map=engine,
            suffix=suffix or f".{how.form}",
            request=settings,
            command=command,
            shard=how.shard or Shard(),
            overwrite=request.overwrite,
            on_progress=show,
        )
    if not results.done and not results.failures:
        session.note(f"--shard: of {len(parts):,} parts none falls to this share")
    if results.kept:
        session.note(f"{results.kept:,} parts stood already")
    _say_warnings(request, results)
    results.check()
    return results


def outcome_of(results: PartResults) -> Outcome:
    """What a command answers of parts that were all done.

    Args:
        results: The parts.
    """
    facts = [record["facts"] for record in results.done]
    totals = {name: sum(each.get(name, 0) for each in facts) for name in ("series", "rows")}
    data = {"parts": len(results.done), "kept": results.kept, **totals}
    return Outcome(outputs=(results.out,), data=data)


@contextmanager
def _going_on(command: str) -> Iterator[None]:
    """Say how to go on where a signal ends the block."""
    try:
        yield
    except Stopped as stop:
        stop.hint = f"Continue with the same: {command}"
        raise


@contextmanager
def _engine(how: PartRun, request: Request, parts: Parts, out: Path) -> Iterator[Any]:
    from latentode.scale.engines.choice import engine_of
    from latentode.scale.engines.workers import Here

    here = Here.of(request.run, parts.folder, out.absolute().parent)
    with engine_of(
        here, workers=how.workers or 1, cluster=how.engine, address=how.address or ""
    ) as engine:
        yield engine


def _say_warnings(request: Request, results: PartResults) -> None:
    heard = [
        (record["part"], text) for record in results.done for text in record.get("warnings", ())
    ]
    for part, text in heard[:_SHOWN]:
        request.session.warn(f"part {part}: {text}")
    if len(heard) > _SHOWN:
        request.session.warn(
            f"{len(heard) - _SHOWN:,} more warnings of parts are in {results.out}/done*.jsonl"
        )
