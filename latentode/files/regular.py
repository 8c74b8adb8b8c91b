"""Reading of files of a folder that is trusted: no devices, pipes, or links that lead out of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from latentode.errors import CheckpointError


def read_regular(path: Path, most: int) -> bytes:
    """Read a file whole.

    Args:
        path: The file.
        most: Bytes that it has at most.

    Raises:
        CheckpointError: If it cannot be read, is too large, or is no regular file: a device may
            have no end, and a pipe none to write into it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise CheckpointError(
                    f"{path}: expected a regular file, got a device, pipe or folder. Copy the "
                    "file itself to where it is expected."
                )
            if found.st_size > most:
                raise CheckpointError(
                    f"{path}: expected at most {most} bytes, got {found.st_size}."
                )
            return file.read(found.st_size)  # room for `most` would be taken at once
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}).") from None


def refuse_links_out(folder: Path) -> None:
    """Refuse a folder in which a link leads out of it: what is written there would land elsewhere.

    Args:
        folder: The folder, which may be reached by a link itself.

    Raises:
        CheckpointError: If there is such a link.
    """
    home = os.path.realpath(folder)
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = os.path.join(parent, name)
            if os.path.islink(path) and not _is_inside(os.path.realpath(path), home):
                raise CheckpointError(
                    f"{path}: expected files of this folder alone, got a link to "
                    f"{os.path.realpath(path)}. Put what it leads to in its place, or remove it."
                )


def _is_inside(path: str, home: str) -> bool:
    return os.path.commonpath([path, home]) == home
