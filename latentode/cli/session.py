"""What a command says: data on stdout, everything else on stderr, in the format asked for."""

from __future__ import annotations

import errno
import json
import logging
import math
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from latentode.cli.failures import Failure
from latentode.errors import LatentODEWarning

if TYPE_CHECKING:
    from rich.console import Console

LogFormat = Literal["rich", "plain", "json"]
_STYLES = {
    "error": "bold red",
    "warning": "yellow",
    "best": "green",
    "plan": "cyan",
    "next": "bold",
}


@dataclass(frozen=True)
class Outcome:
    """What a command produced.

    Attributes:
        outputs: Files written.
        metrics: Figures worth comparing.
        data: The answer itself, JSON types, for ``--json``.
        text: The answer itself for people and pipes; None where the outputs are the answer.
    """

    outputs: tuple[Path, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    data: Any = None
    text: str | None = None


@dataclass
class Session:
    """One call of the program: what it says, how, and about which run.

    Attributes:
        command: Name of the command.
        program: How the program was called.
        args: Its arguments.
        verbosity: 1 with -v, -1 with -q.
        log_format: Form of the messages on stderr.
        json_output: Whether the answer is one JSON object.
        silent: Whether nothing is said but errors, as another process speaks.
        run_dir: Run folder that the command made or read.
        warnings: What was warned of so far.
        aliases: File that was kept of a pipe -> the pipe, which is what is spoken of.
        found: What has been found, and is answered even if the rest of the command fails.
    """

    command: str = ""
    program: str = "latentode"
    args: tuple[str, ...] = ()
    verbosity: int = 0
    log_format: LogFormat = "plain"
    json_output: bool = False
    silent: bool = False
    run_dir: Path | None = None
    warnings: list[str] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    found: Outcome | None = None

    def choose_format(self, log_format: str | None, color: bool) -> None:
        """Rich on a colour terminal, plain elsewhere, unless one was asked for."""
        color = color and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        wanted = log_format or ("rich" if sys.stderr.isatty() else "plain")
        self.log_format = "plain" if wanted == "rich" and not color else wanted  # type: ignore[assignment]

    @cached_property
    def console(self) -> Console:
        """The terminal; one object, so that lines are written above a progress bar."""
        from rich.console import Console

        return Console(stderr=True, highlight=False)

    @property
    def is_live(self) -> bool:
        """True if a line that changes can be shown: on a terminal, and nobody asked for less."""
        quiet = self.silent or self.verbosity < 0
        return self.log_format == "rich" and not quiet and self.console.is_terminal

    def note(
        self, text: str, *, kind: str = "note", facts: Mapping[str, Any] | None = None
    ) -> None:
        """Say something on stderr, unless --quiet.

        Args:
            text: What is said.
            kind: "note", "plan", "epoch", "warning", "error", ...; errors are never kept quiet.
            facts: What stands for the text in the JSON format.
        """
        if self.verbosity >= 0 or kind == "error":
            self._write(kind, text, facts or {})

    def command_line(self, *words: object) -> str:
        """A command of this program as it can be typed, for the messages that propose one."""
        return f"{self.program} {shlex.join(str(word) for word in words)}"

    def lines(self, kind: str, lines: Sequence[str]) -> None:
        """Say several lines of one kind."""
        for line in lines:
            self.note(line, kind=kind)

    def warn(self, text: str) -> None:
        """Say a warning, once, and keep it for the JSON answer."""
        if text in self.warnings:
            return
        self.warnings.append(text)
        self.note(f"warning: {text}", kind="warning")

    def fail(self, failure: Failure, error: BaseException) -> None:
        """Say what went wrong; the traceback only with -v."""
        if self.verbosity > 0 and not isinstance(error, click.ClickException):
            self.note("".join(traceback.format_exception(error)).rstrip(), kind="traceback")
        self.note(f"error: {failure.message}", kind="error", facts=failure.to_dict())
        if failure.hint and failure.hint not in failure.message:
            self.note(failure.hint, kind="error")

    def _write(self, kind: str, text: str, facts: Mapping[str, Any]) -> None:
        if self.silent and kind not in ("error", "traceback"):
            return
        try:
            self._write_on_stderr(kind, text, facts)
        except OSError as error:  # a full disk, or a terminal that went away, costs no training
            if error.errno == errno.EPIPE:
                raise

    def _write_on_stderr(self, kind: str, text: str, facts: Mapping[str, Any]) -> None:
        if self.log_format == "json":
            record = {"event": kind, **(jsonable(facts) if facts else {"text": text})}
            click.echo(self._as_typed(json.dumps(record, allow_nan=False)), err=True)
        elif self.log_format == "rich":
            from rich.text import Text

            style = _STYLES.get("best" if facts.get("best") else kind, "")
            self.console.print(Text(self._as_typed(text), style=style), soft_wrap=True)
        else:
            click.echo(self._as_typed(text), err=True)

    def _as_typed(self, text: str) -> str:
        for kept, pipe in self.aliases.items():
            text = text.replace(kept, pipe)
        return text

    def answer(self, outcome: Outcome | None, failure: Failure | None) -> None:
        """Write the answer on stdout: one JSON object with --json, else the text or the paths."""
        if self.silent:
            return
        outcome = outcome or Outcome()
        if self.json_output:
            answer = json.dumps(self._envelope(outcome, failure), allow_nan=False)
            click.echo(self._as_typed(answer))
        elif failure is None:
            self._answer_in_text(outcome)
        elif outcome.text is not None:
            click.echo(self._as_typed(outcome.text.rstrip("\n")))

    def _answer_in_text(self, outcome: Outcome) -> None:
        paths = outcome.outputs or ((self.run_dir,) if self.run_dir else ())
        if outcome.text is not None and (self.verbosity >= 0 or not paths):
            click.echo(self._as_typed(outcome.text.rstrip("\n")))
            for path in outcome.outputs:
                self.note(f"wrote {path}", kind="output", facts={"path": path})
        else:
            for path in paths:
                click.echo(str(path))

    def _envelope(self, outcome: Outcome, failure: Failure | None) -> dict[str, Any]:
        values = {
            "ok": failure is None,
            "command": self.command,
            "run_dir": self.run_dir,
            "outputs": outcome.outputs,
            "metrics": outcome.metrics,
            "data": outcome.data,
            "warnings": self.warnings,
            "error": None if failure is None else failure.to_dict(),
        }
        return {key: jsonable(value) for key, value in values.items()}

    def apply_level(self) -> None:
        """Let the library's debug messages through with -v, its warnings otherwise."""
        level = logging.DEBUG if self.verbosity > 0 else logging.WARNING
        logging.getLogger("latentode").setLevel(level)

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Lead warnings and log records of the library to stderr and to the JSON answer."""
        logger = logging.getLogger("latentode")
        handler = _SessionHandler(self)
        level, propagate = logger.level, logger.propagate
        logger.addHandler(handler)
        logger.propagate = False
        with warnings.catch_warnings():
            warnings.simplefilter("always", LatentODEWarning)
            warnings.showwarning = self._show_warning
            try:
                yield
            finally:
                logger.removeHandler(handler)
                logger.setLevel(level)
                logger.propagate = propagate

    def _show_warning(
        self, message: Warning | str, category: type[Warning], filename: str, lineno: int,
        *_: Any, **__: Any,
    ) -> None:  # fmt: skip
        if issubclass(category, LatentODEWarning):
            self.warn(str(message))
        elif self.verbosity > 0:
            self.note(f"{filename}:{lineno}: {category.__name__}: {message}", kind="debug")


class _SessionHandler(logging.Handler):
    """Log records as notes and warnings of the session."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            self._session.warn(text)
        else:
            self._session.note(text, kind=record.levelname.lower())


def jsonable(value: Any) -> Any:
    """Reduce to JSON types: paths to text, arrays to lists, NaN and infinities to None."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, str | bool | int) or value is None:
        return value
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return jsonable(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Sequence | set | frozenset):
        return [jsonable(item) for item in value]
    return str(value)
