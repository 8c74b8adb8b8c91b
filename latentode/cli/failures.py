"""What an exception means to the caller of a command: exit code, kind, message, hint and place."""

from __future__ import annotations

import errno
import re
from dataclasses import asdict, dataclass
from typing import Any

import click

from latentode.cli.installation import NOT_INSTALLED, missing_package
from latentode.cli.signals import Stopped
from latentode.errors import LatentODEError

USAGE, RESOURCES, EXISTS, INTERRUPTED, BROKEN_PIPE = 2, 7, 8, 130, 141
_RESOURCE_ERRNOS = {
    errno.ENOSPC: "disk full",
    errno.EDQUOT: "disk quota reached",
    errno.EFBIG: "file size limit reached",
    errno.EROFS: "read-only file system",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EMFILE: "too many open files",
    errno.ENOMEM: "out of memory",
}
_WHERE = re.compile(r"\s*\[(?:in |at |(?=line|row|series|file|column))([^\[\]]+)\]\.?(?=\s|$)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z`\"'])")
_REPORT = "This is a bug: please report it with the output of `doctor`; -v shows the traceback."


class UsageFailure(LatentODEError, kind="usage", exit_code=USAGE):
    """A command was called in a way that has no meaning, as its options together show."""


@dataclass(frozen=True)
class Failure:
    """One failed command.

    Attributes:
        code: Exit code of the process.
        kind: Short name of the family of errors.
        message: The whole message, one line.
        hint: What to do, where the message says it.
        where: File, line, series or option, where the message names one.
        expected: False for a bug, whose traceback is wanted.
    """

    code: int
    kind: str
    message: str
    hint: str | None = None
    where: str | None = None
    expected: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The ``error`` object of the JSON answer."""
        values = asdict(self)
        del values["expected"]
        return values


def classify(error: BaseException) -> Failure:
    """Tell what an exception means to the caller; the exit codes are in docs/exit_codes.md."""
    if isinstance(error, Stopped):
        return Failure(error.exit_code, "interrupted", str(error), hint=error.hint)
    if isinstance(error, KeyboardInterrupt | click.exceptions.Abort):
        return Failure(INTERRUPTED, "interrupted", "interrupted")
    if isinstance(error, click.ClickException):
        return _from_click(error)
    if isinstance(error, LatentODEError):
        return _from_message(error)
    if _is_out_of_memory(error):
        hint = "Use a smaller --batch-size, --samples or --horizon."
        return Failure(RESOURCES, "resources", f"out of memory: {_one_line(error)}. {hint}", hint)
    if isinstance(error, OSError) and error.errno in _RESOURCE_ERRNOS:
        return Failure(RESOURCES, "resources", _os_message(error), where=_path_of(error))
    if isinstance(error, FileExistsError):
        return Failure(EXISTS, "exists", _one_line(error), where=_path_of(error))
    if isinstance(error, ModuleNotFoundError) and (said := missing_package(error)) is not None:
        return Failure(NOT_INSTALLED, "installation", said, hint=said.partition(". ")[2])
    message = f"internal error: {type(error).__name__}: {_one_line(error)}. {_REPORT}"
    return Failure(1, "internal", message, hint=_REPORT, expected=False)


def _from_click(error: click.ClickException) -> Failure:
    context = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return Failure(USAGE, "help", "Missing command.", hint=error.format_message())
    hint = f"Try `{context.command_path} --help`." if context is not None else None
    return Failure(error.exit_code, "usage", error.format_message(), hint=hint)


def _from_message(error: LatentODEError) -> Failure:
    """Take hint and place from a message ``<what> [where]. <hint>``."""
    message = " ".join(str(error).split())
    location = _WHERE.search(message)
    sentences = _SENTENCE.split(_WHERE.sub(".", message).replace("?.", "?"), maxsplit=1)
    return Failure(
        error.exit_code,
        error.kind,
        message,
        hint=sentences[1] if len(sentences) > 1 else None,
        where=getattr(error, "where", None) or (location.group(1) if location else None),
        expected=error.exit_code != 1,
    )


def _is_out_of_memory(error: BaseException) -> bool:
    # torch.OutOfMemoryError by name: this module must not import torch
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and (type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error))
    )


def _os_message(error: OSError) -> str:
    path = _path_of(error)
    reason = _RESOURCE_ERRNOS[error.errno or 0]
    return f"{reason}: {path}" if path else f"{reason} ({error.strerror})"


def _path_of(error: OSError) -> str | None:
    return None if error.filename is None else str(error.filename)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
