"""Files that a command reads: regular ones as they lie, what comes through a pipe as a file."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import click

from latentode.cli.session import Session
from latentode.errors import DataError
from latentode.files.spool import is_pipe, spooled


class InputFile(click.Path):
    """A file to read, which may be a pipe.

    Args:
        dir_okay: Whether it may be a folder.
        again: Whether `resume` reads it again, so that it may be no pipe.
    """

    def __init__(self, *, dir_okay: bool = False, again: bool = False) -> None:
        self.again = again
        super().__init__(exists=True, dir_okay=dir_okay, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The file, or what was kept of a pipe.

        Args:
            value: The word.
            param: The argument or option.
            ctx: Where it was typed.
        """
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if self.again and is_pipe(path):
            self.fail(
                "expected a file, which `resume` reads again, got a pipe. Write it to a file "
                "first, and name that.",
                param,
                ctx,
            )
        return path if ctx is None else readable(path, ctx)


def readable(path: Path, ctx: click.Context) -> Path:
    """A path as it can be read from its start as often as it has to be.

    Args:
        path: File, folder or pipe.
        ctx: Of the call, at whose end what was kept of a pipe is removed.

    Raises:
        DataError: If it is a device, or a pipe that cannot be kept.
    """
    if ctx.resilient_parsing:  # a shell asks for words: nothing is read
        return path
    if is_pipe(path):
        session = ctx.find_object(Session) or Session()
        kept = ctx.find_root().with_resource(spooled(path, session.note))
        session.aliases[str(kept)] = str(path)
        return kept
    mode = path.stat().st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return path
    kind = "a socket" if stat.S_ISSOCK(mode) else "a terminal" if _is_terminal(path) else "a device"
    raise DataError(f"{path}: expected a file or a pipe, got {kind}. Name a file.")


def _is_terminal(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOCTTY", 0) | os.O_NONBLOCK)
    except OSError:  # a device of which nothing more can be told
        return False
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)
