"""A folder of results: which request they answer, what is done of it, and what has failed."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from latentode.data.reading.formats.part_folder import MANIFEST
from latentode.errors import OutputExistsError
from latentode.files import RunLock, atomic_write, clean_stray
from latentode.files.faults import explained
from latentode.scale.part_work import Record
from latentode.scale.shard import Shard

FORMAT = "latentode results"
_LOCK = ".lock"
_TRIES, _PAUSE_S = 100, 0.1  # of those that begin at once, before one is refused


class OutputFolder:
    """Results of parts, each a file that stands for its part.

    ``manifest.json`` says of which request they are; ``done.jsonl`` has a line for each part that
    stands (a shard has its own, ``done-3-of-16.jsonl``), ``failures.json`` those that failed.

    Args:
        path: The folder; it is made where it is missing.
        shard: The share of the parts that this process does.
    """

    def __init__(self, path: Path, shard: Shard) -> None:
        self.path = path
        self.shard = shard
        self.done_path = path / f"done{shard.ending}.jsonl"
        self.failures_path = path / f"failures{shard.ending}.json"
        self._request: dict[str, Any] = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock of the folder, or of this shard of it.

        Raises:
            OutputExistsError: If another process holds it.
            ResourceError: If the folder cannot be made.
        """
        with explained(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        with RunLock(self.path, f"{_LOCK}{self.shard.ending}"):
            self._check_alone()
            yield

    def _check_alone(self) -> None:
        """Refuse all parts beside a shard, and a shard beside all parts: both would do the same."""
        others = [self.path / _LOCK] if self.shard.count > 1 else self.path.glob(f"{_LOCK}-*")
        for path in others:
            holder = RunLock(self.path, path.name).holder() if path.exists() else None
            if holder is not None:
                raise OutputExistsError(
                    f"{self.path}: expected a folder that nobody else works on, got one held by "
                    f"{holder}. Wait for it, or, if that process is gone, delete {path}."
                )

    def begin(self, request: Mapping[str, Any], *, command: str | None, overwrite: bool) -> None:
        """Begin a request, or go on with it.

        Args:
            request: What decides the results, JSON types.
            command: How it was typed.
            overwrite: Whether results of any request are thrown away first.

        Raises:
            OutputExistsError: If the folder holds other files, or results of another request.
        """
        self._request = json.loads(json.dumps(request))
        with _in_turn(self.path):
            self._begin(command, overwrite)

    def _begin(self, command: str | None, overwrite: bool) -> None:
        manifest, request = self.path / MANIFEST, self._request
        known = self._known()
        if known is None:
            self._check_empty()
        elif overwrite:
            self._clear()
            known = None
        if known is None:
            content = {"format": FORMAT, "version": 1, "command": command, "request": request}
            atomic_write(manifest, (json.dumps(content, indent=1) + "\n").encode())
            known = self._known()
        self._check_same((known or {}).get("request", {}), request)

    @property
    def known_request(self) -> dict[str, Any]:
        """What decides the results that are there; nothing where there are none."""
        known = (self._known() or {}).get("request", {})
        return known if isinstance(known, dict) else {}

    def standing(self, names: Sequence[str]) -> dict[int, Record]:
        """What is noted of parts whose results stand.

        Args:
            names: Stems of the parts.
        """
        found = {}
        for path in sorted(self.path.glob("done*.jsonl")):
            for record in _lines(path):
                if self._stands(record, names):
                    found[record["part"]] = record
        return found

    def go_on(self, names: Sequence[str]) -> None:
        """Clear what a killed process left of parts that are done anew, and what failed before.

        Args:
            names: Names of the results that are made.
        """
        clean_stray(self.path, names)
        others = self.path.glob("failures*.json") if self.shard.count == 1 else ()
        for path in (self.failures_path, *others):
            path.unlink(missing_ok=True)
        if self.done_path.exists():  # the last line may be half of one
            lines = "".join(json.dumps(record) + "\n" for record in _lines(self.done_path))
            atomic_write(self.done_path, lines.encode())

    def add(self, record: Record) -> None:
        """Note a part that is done.

        Raises:
            OutputExistsError: If another request was begun in the folder since.
        """
        if self.known_request != self._request:
            raise OutputExistsError(
                f"{self.path}: expected the results that this run was started on, another request "
                "was begun in the folder. Choose another -o, and start again."
            )
        line = json.dumps(record) + "\n"
        with explained(self.done_path, len(line)), self.done_path.open("a") as file:
            file.write(line)

    def write_failures(self, failures: Sequence[Record]) -> None:
        """Say which parts failed; nothing where none did."""
        if failures:
            content = json.dumps(sorted(failures, key=lambda each: each["part"]), indent=1)
            atomic_write(self.failures_path, (content + "\n").encode())

    def _known(self) -> dict[str, Any] | None:
        """The manifest; None where there is none of ours."""
        try:
            found = json.loads((self.path / MANIFEST).read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and found.get("format") == FORMAT else None

    def _check_empty(self) -> None:
        names = sorted(each.name for each in self.path.iterdir())
        others = [name for name in names if not name.startswith(".")]
        if others:
            raise OutputExistsError(
                f"{self.path}: expected an empty folder, or one of results of parts, got one with "
                f"{others[0]!r}. Choose another -o."
            )

    def _check_same(self, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
        differing = [
            f"{name} ({_shown(there.get(name))} there, {_shown(here.get(name))} now)"
            for name in {**there, **here}
            if there.get(name) != here.get(name)
        ]
        if differing:
            raise OutputExistsError(
                f"{self.path}: expected results of the same request, got those of another: "
                f"{', '.join(differing)}. Choose another -o, or pass --overwrite to start again."
            )

    def _clear(self) -> None:
        """Remove results, what was made of them, and what is noted of them."""
        for pattern in ("part-*", "series-*", "metrics.json", "done*.jsonl", "failures*.json"):
            for path in self.path.glob(pattern):
                path.unlink(missing_ok=True)

    def _stands(self, record: Record, names: Sequence[str]) -> bool:
        index, file = record["part"], self.path / record["file"]
        if not 0 <= index < len(names) or file.stem != names[index]:
            return False
        if not file.is_file() or file.stat().st_size != record["bytes"]:
            return False
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == record.get("sha256")


def _lines(path: Path) -> list[Record]:
    """Whole lines of a file of records."""
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and _is_record(record):
            found.append(record)
    return found


def _is_record(record: Mapping[str, Any]) -> bool:
    """Whether it is of a part and names a file of the folder."""
    part, file, size = (record.get(name) for name in ("part", "file", "bytes"))
    plain = isinstance(file, str) and file == Path(file).name and file not in ("", "..")
    return isinstance(part, int) and isinstance(size, int) and plain


@contextmanager
def _in_turn(folder: Path) -> Iterator[None]:
    """One process after another: shards of a job array begin at once."""
    with ExitStack() as stack:
        for left in reversed(range(_TRIES)):
            try:
                stack.enter_context(RunLock(folder, ".begin"))
                break
            except OutputExistsError:
                if not left:
                    raise
                time.sleep(_PAUSE_S)
        yield


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:16]}...{text[-4:]}"
