"""What a failed write means, said so that the caller knows what to do."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from latentode.errors import LatentODEError, OutputExistsError, ResourceError

_DISK_FULL = {
    errno.ENOSPC: "no space left",
    errno.EDQUOT: "quota used up",
    errno.EFBIG: "file too large",
}
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


@contextlib.contextmanager
def explained(path: Path, size: int | None = None) -> Iterator[None]:
    """Turn an OSError of writing `path` into an error that says what to do about it.

    Args:
        path: What is being written.
        size: Bytes needed, where that is known.

    Raises:
        OutputExistsError: If the block found that a file exists.
        ResourceError: If the disk is full or the place is not writable.
    """
    try:
        yield
    except LatentODEError:
        raise
    except FileExistsError as error:
        raise OutputExistsError(f"{path}: exists already.") from error
    except OSError as error:
        if error.errno in _DISK_FULL:
            need = "" if size is None else f"need {format_size(size)} "
            raise ResourceError(
                f"disk full: {need}at {path} ({_DISK_FULL[error.errno]}). "
                "Free some space or choose another folder."
            ) from error
        reason = "the place is read-only" if error.errno in _READ_ONLY else str(error)
        raise ResourceError(
            f"{path}: cannot be written ({reason}). Choose another folder."
        ) from error


def is_full(error: ResourceError) -> bool:
    """Whether an error of `explained` is one of a full disk, a quota or a limit of size."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _DISK_FULL


def format_size(size: int) -> str:
    """Write a number of bytes in decimal units."""
    for scale, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} B"
