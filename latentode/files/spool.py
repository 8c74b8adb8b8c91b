"""What comes through a pipe, which is read only once, kept as a file while it is needed."""

from __future__ import annotations

import os
import select
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from latentode.errors import DataError
from latentode.files.atomic import remove_temporary, temporary_folder
from latentode.files.faults import explained, format_size

#: Bytes that are kept of a pipe; a file may be of any size.
LARGEST = 10_000_000_000
_PIECE = 1 << 20  # bytes that are copied at once
_WAIT_S, _PATIENCE_S = 1.0, 600.0  # until a pipe without a writer is spoken of, and given up
_SPOOL = "spool"
_STDIN = Path("/dev/stdin")


def is_pipe(path: str | Path) -> bool:
    """Whether a path is a pipe: a FIFO, ``/dev/stdin`` behind ``|``, or ``<(...)`` of a shell.

    A socket is one where this process holds it open, as stdin of services and of some shells.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or (stat.S_ISSOCK(mode) and _open_socket(Path(path)) is not None)


def is_spooled(path: Path) -> bool:
    """Whether a file is what was kept of a pipe."""
    return path.parent.name.startswith(f".{_SPOOL}.")


def folder_name(path: Path) -> str:
    """Name of the folder that a file lies in; "" for what was kept of a pipe, which has none."""
    return "" if is_spooled(path) else path.parent.name


@contextmanager
def spooled(path: Path, say: Callable[[str], None]) -> Iterator[Path]:
    """Keep what comes through a pipe in a temporary file, which is removed when the block ends.

    Args:
        path: The pipe.
        say: Told what is waited for, where nobody writes into it.

    Yields:
        The file.

    Raises:
        DataError: If it cannot be read, nobody writes into it, or more than `LARGEST` bytes come.
        ResourceError: If the temporary file cannot be written.
    """
    home = Path(tempfile.gettempdir())
    remove_temporary(home, _SPOOL)  # what killed processes left
    with temporary_folder(home, _SPOOL) as folder:
        target = folder / _name(path)
        with explained(target), target.open("wb") as file:
            for piece in _pieces(path, say):
                file.write(piece)
                if file.tell() > LARGEST:
                    raise DataError(
                        f"{path}: expected at most {format_size(LARGEST)} from a pipe, got more. "
                        "Write it to a file first, which may be of any size, and name that."
                    )
        yield target


def _name(path: Path) -> str:
    """Name of the file, which may become that of a run or of a series."""
    if path == _STDIN:
        return "stdin"
    return path.name if _is_named(path) else "pipe"


def _open_socket(path: Path) -> int | None:
    """Descriptor of a socket that this process holds: no path of it can be opened."""
    number = "0" if path == _STDIN else path.name
    is_held = path == _STDIN or path.parent in (Path("/dev/fd"), Path("/proc/self/fd"))
    if not (is_held and number.isdecimal()):
        return None
    return int(number) if stat.S_ISSOCK(os.fstat(int(number)).st_mode) else None


def _is_named(path: Path) -> bool:
    """Whether it lies in a file system, so that a writer may come later."""
    return os.path.exists(os.path.realpath(path))


def _pieces(path: Path, say: Callable[[str], None]) -> Iterator[bytes]:
    try:
        if (held := _open_socket(path)) is not None:
            descriptor = os.dup(held)
        else:
            # without it, opening waits for a writer, and says nothing
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    try:
        yield from _pieces_of(descriptor, path, say)
    finally:
        os.close(descriptor)


def _pieces_of(descriptor: int, path: Path, say: Callable[[str], None]) -> Iterator[bytes]:
    begun, said, start = False, False, time.monotonic()
    while True:
        ready = select.select([descriptor], [], [], _WAIT_S)[0]
        try:
            piece = os.read(descriptor, _PIECE)
        except BlockingIOError:
            continue  # a writer that takes its time
        if piece:
            begun = True
            yield piece
        elif ready or begun or not _is_named(path):
            return
        elif time.monotonic() - start > _PATIENCE_S:
            raise DataError(
                f"{path}: expected a pipe that somebody writes into, got none that did within "
                f"{_PATIENCE_S:.0f} seconds. Start its writer first, or name a file."
            )
        elif not said:
            said = True
            say(f"{path} is a pipe: waiting for somebody to write into it")
