"""What a run leaves on disk: its folder, its lock, and ``run.json`` which tells how it went.

A run folder holds ``run.json``, ``config.toml``, ``data_report.json``, ``model/``,
``checkpoints/``, ``metrics.csv``, ``log.jsonl``, ``report.html``, ``plots/``, ``forecasts/`` and,
while a process works on it, ``.lock``.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentode.cli.failures import classify
from latentode.cli.outputs import make_folder
from latentode.cli.runs.job import Job
from latentode.cli.runs.logs import Logs
from latentode.cli.runs.provenance import circumstances, utc_now, utc_stamp
from latentode.cli.session import Session, jsonable
from latentode.cli.signals import Stopped
from latentode.config import LatentODEConfig
from latentode.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    OutputExistsError,
    ResourceError,
)
from latentode.files import RunLock, atomic_write, clean_stray, recover, slug
from latentode.files.faults import explained, is_full
from latentode.files.regular import read_regular, refuse_links_out
from latentode.model_card import write_card

if TYPE_CHECKING:
    from latentode.estimators import LatentODE

SCHEMA = 1
_MAX_JSON_BYTES = 16 << 20  # a broken file must not fill the memory


class RunFolder:
    """A run folder that exists.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record_path, self.config_path = path / "run.json", path / "config.toml"
        self.model_path = path / "model"  # exists once a model was saved
        self.record: dict[str, Any] = {}

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open the folder of an earlier run; one whose process was killed is interrupted.

        Raises:
            CheckpointError: If it holds no readable ``run.json`` of a known schema, or a link that
                leads out of it.
        """
        refuse_links_out(path)
        folder = cls(path)
        try:
            if folder.record_path.is_file():
                folder.record = json.loads(read_regular(folder.record_path, _MAX_JSON_BYTES))
        except (ValueError, RecursionError):
            pass  # it has no record, then
        if not folder.record:
            raise CheckpointError(
                f"{path}: expected a run folder with a readable run.json, got none. "
                "Name the folder that `train` printed."
            )
        schema = folder.record.get("schema") if isinstance(folder.record, dict) else None
        if schema != SCHEMA:
            raise CheckpointError(
                f"{folder.record_path}: expected schema {SCHEMA}, got {schema!r}. "
                "Use the version of latentode that wrote it."
            )
        if folder.record.get("status") == "running" and RunLock(path).holder() is None:
            folder.record["status"] = "interrupted"
        if not folder.model_path.exists():
            with suppress(OSError):  # a folder that cannot be written into stays as it is
                recover(folder.model_path)
        return folder

    def check_begun(self) -> None:
        """Refuse a run that was killed before its settings were written: nothing can go on.

        Raises:
            CheckpointError: If it was.
        """
        if not self.config_path.is_file():
            raise CheckpointError(
                f"{self.path}: expected the settings of a run in {self.config_path.name}, got "
                "none: it was killed before it began. Remove the folder, and train again."
            )

    @property
    def has_checkpoint(self) -> bool:
        """True if training can go on from a saved step."""
        return (self.path / "checkpoints" / "last.json").is_file()

    @property
    def logs(self) -> Logs | None:
        """The log that the run was trained on; None where it has gone or changed, or was none.

        The folder may be somebody else's, and name any file: one is read by its sum alone.
        """
        record = self.record.get("log") or {}
        logs = Logs.recorded(record)
        return logs if logs is not None and logs.are_as_in(record) else None

    @property
    def left_out(self) -> set[str]:
        """Columns of the log that the run was trained on, and that it left out of it."""
        try:
            report = json.loads((self.path / "data_report.json").read_text(encoding="utf-8"))
            return {str(each["column"]) for each in report["left_out"]}
        except (OSError, ValueError, LookupError, TypeError):
            return set()  # of an earlier version, or removed

    def subfolder(self, name: str) -> Path:
        """Make ``plots/`` or ``forecasts/`` where it is missing; clear what killed writers left."""
        folder = make_folder(self.path / name, "Name another place with -o.")
        clean_stray(folder)
        return folder

    def write_json(self, name: str, values: Mapping[str, Any]) -> Path:
        """Write a JSON file into the folder."""
        text = json.dumps(jsonable(values), indent=2, allow_nan=False)
        return atomic_write(self.path / name, (text + "\n").encode())

    def write_config(self, config: LatentODEConfig) -> None:
        """Write the resolved configuration."""
        atomic_write(self.config_path, config.to_toml().encode())

    def update(self, **facts: Any) -> None:
        """Change facts of ``run.json``."""
        self.record.update(facts)
        self.write_json("run.json", self.record)

    def write_card(self, model: LatentODE) -> None:
        """Write the card of the model anew, with all that the folder knows by now."""
        write_card(self.model_path, model.describe(self.path)["model_card"])

    def append_log(self, event: Mapping[str, Any]) -> None:
        """Add one line to ``log.jsonl``."""
        line = json.dumps(jsonable({"time": utc_now(), **event}), allow_nan=False)
        path = self.path / "log.jsonl"
        with explained(path, len(line)), path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def clear(self) -> None:
        """Remove all files of the run but the lock."""
        for entry in self.path.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name != ".lock":
                entry.unlink(missing_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock of the folder, and clear what killed writers left."""
        with RunLock(self.path):
            clean_stray(self.path)
            yield

    @contextmanager
    def recorded(self, **facts: Any) -> Iterator[None]:
        """Keep ``run.json`` true from here to the end of the block, however it ends."""
        if self.record:
            kept = ("command", "started", "ended", "status", "exit_code")
            earlier = {key: self.record.get(key) for key in kept}
            facts["attempts"] = [*self.record.get("attempts", []), earlier]
        self.update(schema=SCHEMA, status="running", **circumstances(), **facts)
        try:
            yield
        except BaseException as error:
            self._record_failure(error)
            raise
        self.update(status="done", ended=utc_now(), exit_code=0)

    def _record_failure(self, error: BaseException) -> None:
        failure = classify(error)
        stopped = isinstance(error, Stopped | KeyboardInterrupt)
        # the first error matters more than a disk that is too full to note it
        with suppress(OSError, ResourceError):
            self.append_log(
                {
                    "event": "interrupted" if stopped else "failed",
                    **failure.to_dict(),
                    "traceback": "".join(traceback.format_exception(error)),
                }
            )
        self.record.update(
            status="interrupted" if stopped else "failed",
            ended=utc_now(),
            exit_code=failure.code,
            error=failure.to_dict(),
        )
        try:
            self.write_json("run.json", self.record)
        except OSError:
            pass
        except ResourceError as full:
            if is_full(full):
                self._record_in_place()

    def _record_in_place(self) -> None:
        """Write ``run.json`` over itself, where the disk gives no more bytes than it has."""
        with suppress(OSError), self.record_path.open("r+b", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            for error in (self.record["error"], None):  # without it where it does not fit
                facts = jsonable({**self.record, "error": error})
                text = json.dumps(facts, allow_nan=False).encode()
                if len(text) <= size:  # without the line breaks and blanks of the one there
                    # all at once: a process that is killed leaves the old record or the new one
                    file.write(text.ljust(size))
                    os.fsync(file.fileno())
                    return


@contextmanager
def new_folder(stem: str, out: Path | None) -> Iterator[RunFolder]:
    """Make the folder of a new run, and hold its lock.

    A run that is refused, for its log or its settings, before it has saved a step leaves nothing
    behind: the second try may have the same folder.

    Args:
        stem: First part of the name where `out` is None: ``runs/<stem>-<UTC stamp>-<4 hex>``.
        out: The folder itself; absent or empty.

    Yields:
        The folder, which exists and, but for the lock, is empty.

    Raises:
        OutputExistsError: If `out` is a file or a folder with files in it.
        ResourceError: If the folder cannot be made or written into.
    """
    name = slug(stem, 0).partition("-")[2] or "run"
    folder = out or Path("runs") / f"{name}-{utc_stamp()}-{secrets.token_hex(2)}"
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(exist_ok=out is not None)
    except (FileExistsError, NotADirectoryError):
        raise OutputExistsError(
            f"{folder}: expected a free name or an empty folder, got a file in the way. "
            "Choose another --out."
        ) from None
    except OSError as error:
        raise ResourceError(
            f"{folder}: cannot be made ({error.strerror}). Choose another --out."
        ) from None
    _check_empty(folder)
    run = RunFolder(folder)
    try:
        with RunLock(folder):
            _check_empty(folder)  # another process may have been faster
            try:
                yield run
            except (DataError, ConfigError):
                if not run.has_checkpoint:
                    run.clear()
                raise
    finally:
        with suppress(OSError):  # they are empty only where the run was refused
            for each in made:
                each.rmdir()


@contextmanager
def recording(session: Session, folder: RunFolder, job: Job) -> Iterator[None]:
    """Record a job from here to the end of the block; say how to go on where a signal ends it.

    Args:
        session: Session of the call, which learns the run folder.
        folder: The folder, locked.
        job: What is trained.
    """
    session.run_dir = folder.path
    try:
        with folder.recorded(**job.facts(session)):
            folder.write_config(job.config)
            yield
    except Stopped as stop:
        stop.hint = f"Continue with: {session.command_line('resume', folder.path)}"
        raise


def _check_empty(path: Path) -> None:
    # lock and unfinished writes of another process are not in the way: the lock says who holds it
    names = sorted(entry.name for entry in path.iterdir())
    others = [name for name in names if name != ".lock" and not name.endswith(".latentode-tmp")]
    if others:
        raise OutputExistsError(
            f"{path}: expected an empty folder, got one with {others[0]!r}. "
            f"Choose another --out, or continue that run with --resume {path}."
        )
