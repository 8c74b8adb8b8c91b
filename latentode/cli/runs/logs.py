"""LOGS on the command line: a file, several, a folder, a pattern, or the address of a database."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from latentode.cli.inputs import readable
from latentode.cli.runs.provenance import fingerprint
from latentode.data.reading.formats.database_url import DatabaseUrl, is_url, without_password
from latentode.errors import DataError
from latentode.files.spool import is_spooled

_STDIN = "/dev/stdin"


@dataclass(frozen=True)
class Logs:
    """What LOGS names.

    Attributes:
        parts: Files, folders, patterns and addresses; files that were kept of pipes.
        piped: What was typed for them where some came through a pipe, which is read only once.
        lost: Which of these were pipes of an earlier call, of which nothing is kept.
    """

    parts: tuple[str, ...]
    piped: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def source(self) -> Any:
        """What `latentode.data.reading.log.read_log` reads: one part, or a list of them.

        Raises:
            DataError: If it is a folder of parts, which is not one log.
        """
        if self.are_parts:
            raise DataError(
                f"{self}: expected a log, got a folder of parts, which train, forecast, "
                "interpolate, evaluate, density and inspect take. Name the log itself, or some of "
                "it."
            )
        return self.parts[0] if len(self.parts) == 1 else list(self.parts)

    @property
    def are_parts(self) -> bool:
        """Whether they are a folder that `partition` wrote."""
        if len(self.parts) != 1 or not Path(self.parts[0]).is_dir():
            return False
        from latentode.scale import is_parts

        return is_parts(self.parts[0])

    @property
    def words(self) -> tuple[str, ...]:
        """What to type for them, without a password."""
        return tuple(map(without_password, self.piped or self.parts))

    def __str__(self) -> str:
        return ", ".join(self.words)

    @property
    def stem(self) -> str:
        """First part of the name of a folder for them."""
        first = self.parts[0]
        name = DatabaseUrl(first).stem if is_url(first) else Path(first).resolve().name
        return re.sub(r"[^\w-]+", "-", name.split(".")[0]).strip("-") or "log"

    def gone(self) -> str | None:
        """The first part that cannot be read any more; None where all can."""
        if self.lost:
            return f"{without_password(self.lost[0])}, a pipe"
        return next((part for part in self.parts if not _exists(part)), None)

    def record(self) -> dict[str, Any]:
        """Where they lie and a sum of their content; of a database, where it is."""
        if any(is_url(part) for part in self.parts):
            where = {"path": self.words[0]} if len(self.parts) == 1 else {"paths": [*self.words]}
            return {**where, "bytes": None, "sha256": None}
        if self.are_parts:  # the manifest holds the sums of all parts
            folder = Path(self.parts[0])
            return {**fingerprint(folder / "manifest.json"), "path": str(folder.resolve())}
        files = [Path(name) for part in self.parts for name in _named(part)]
        each = [fingerprint(file) for file in files]
        if len(files) == 1:
            found = each[0]
        else:
            digest = hashlib.sha256("".join(item["sha256"] for item in each).encode())
            found = {
                "paths": [item["path"] for item in each],
                "bytes": sum(item["bytes"] for item in each),
                "sha256": digest.hexdigest(),
            }
        if self.piped:  # what was kept of it is gone when the command has ended
            kept = zip(self.parts, self.words, strict=True)
            pipes = [word for part, word in kept if is_spooled(Path(part))]
            sums = {"bytes": found["bytes"], "sha256": found["sha256"]}
            return {"piped": [*self.words], "pipes": pipes, **sums}
        return found

    @classmethod
    def recorded(cls, record: Mapping[str, Any]) -> Logs | None:
        """The logs of an earlier run; None where it had none."""
        if piped := tuple(record.get("piped") or ()):
            return cls(piped, piped, tuple(record.get("pipes") or piped))
        paths = record.get("paths") or [record[key] for key in ("path",) if record.get(key)]
        return cls(tuple(paths)) if paths else None

    def are_as_in(self, record: Mapping[str, Any]) -> bool:
        """Whether they are there, and hold what was recorded; of a database nobody knows."""
        known = record.get("sha256")
        return bool(known) and self.gone() is None and self.record()["sha256"] == known

    def check_unchanged(self, record: Mapping[str, Any]) -> None:
        """Compare them with the logs that a run was started on.

        Raises:
            DataError: If they differ, since a resumed run would mix two data sets.
        """
        if record.get("sha256") and not self.are_as_in(record):
            raise DataError(
                f"{self}: expected the log that this run was started on, got another content. "
                "Start a new run with `train`."
            )


class LogPart(click.ParamType):
    """One word of LOGS."""

    name = "logs"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what does not exist; ``-`` is stdin.

        Args:
            value: The word.
            param: The argument.
            ctx: Where it was typed.
        """
        value = _STDIN if value == "-" else value
        if not _exists(value):
            self.fail(f"Path {value!r} does not exist.", param, ctx)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Files and folders, which the shell knows.

        Args:
            ctx: The command as it has been typed.
            param: The argument.
            incomplete: What was typed of it.
        """
        del ctx, param
        return [CompletionItem(incomplete, type="file")]


def logs_argument(*, required: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add LOGS, as one value of type `Logs` or None."""
    return click.argument(
        "logs",
        nargs=-1,
        required=required,
        type=LogPart(),
        metavar="LOGS..." if required else "[LOGS]...",
        callback=_together,
    )


def _together(ctx: click.Context, option: click.Parameter, typed: tuple[str, ...]) -> Logs | None:
    """The words as one value; what comes through pipes is kept as files."""
    del option
    parts = tuple(part if is_url(part) else _as_file(part, ctx) for part in typed)
    return Logs(parts, typed if parts != typed else ()) if typed else None


def _as_file(part: str, ctx: click.Context) -> str:
    path = Path(part)
    return str(readable(path, ctx)) if path.exists() and not path.is_dir() else part


def _exists(part: str) -> bool:
    return is_url(part) or Path(part).exists() or bool(glob(part))


def _named(part: str) -> list[str]:
    return [part] if Path(part).exists() else sorted(glob(part))
