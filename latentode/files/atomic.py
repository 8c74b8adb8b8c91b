"""Files and folders that hold their old content or their new one, whole, at every moment.

A name that ends in ``.latentode-tmp`` is a write in progress, or what a killed process left of one;
`clean_stray` removes the latter. A name that ends in ``.latentode-old`` is a folder that was moved
aside to make room for its successor; `clean_stray` puts it back if the successor never arrived, and
leaves it where something else has its place.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import socket
import stat
import uuid
import warnings
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

from latentode.errors import LatentODEWarning, OutputExistsError, ResourceError
from latentode.files.faults import explained
from latentode.files.processes import is_alive
from latentode.files.signals import cleaned_up

_STRAY = re.compile(
    r"^\.(?P<name>.+)\.(?P<pid>\d+)-(?P<host>[0-9a-f]{8})?[0-9a-f]{8}\.latentode-(?P<kind>tmp|old)$",
    re.DOTALL,
)
# several machines may write into one shared folder, and know each other's processes by no number
_HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"
_PROBE_BYTES = 512  # least that the smallest result takes, a run.json included
_SHORT_NAME = 40  # characters, so that a marked name of 4-byte characters still fits 255 bytes


def atomic_write(path: str | Path, data: bytes) -> Path:
    """Write a file so that at every moment its path holds the old content or the new one, whole.

    The content goes to a temporary file in the same folder (from TMPDIR, which may be another file
    system, it could not be renamed), is flushed to the disk, and takes the path by rename. Symbolic
    links are followed.

    Args:
        path: The file; its folder must exist.
        data: The content.

    Returns:
        The path written, with symbolic links resolved.

    Raises:
        ResourceError: If the disk is full, a quota or size limit is reached, or the place is not
            writable; the old file is untouched and nothing is left behind.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(_marked(target.name[:_SHORT_NAME], "tmp"))
    with explained(target, len(data)), removed_on_error(temporary):
        if target.exists() and not target.is_file():
            raise ResourceError(
                f"{target}: expected a file or a free name, got a folder or device."
            )
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
        fsync(target.parent)
    return target


@contextlib.contextmanager
def atomic_folder(path: str | Path, expendable: Collection[str] = ()) -> Iterator[Path]:
    """Fill a folder beside `path` and swap it in when the block ends without an error.

    An existing folder is replaced only if the new one has every name that the old one had, so that
    no file is lost that was not rewritten. Between the two renames of a swap the path is absent for
    an instant; a process killed there leaves the old folder under a marked name; `clean_stray` and
    the next `atomic_folder` put it back.

    Args:
        path: The folder to write; its parent must exist.
        expendable: Names in an existing folder that may be lost.

    Yields:
        The folder to fill.

    Raises:
        OutputExistsError: If `path` is a file, or a folder with names that the new one lacks.
        ResourceError: If the disk is full or the place not writable; the old folder is untouched.
    """
    target = Path(os.path.realpath(path))
    recover(target, expendable)
    temporary = target.with_name(_marked(target.name, "tmp"))
    with explained(target), removed_on_error(temporary):
        temporary.mkdir()
        yield temporary
        _check_replaceable(target, temporary, expendable)
        for folder, _, names in os.walk(temporary):
            for name in names:
                fsync(Path(folder, name))
            fsync(Path(folder))
        _swap(temporary, target)


def clean_stray(folder: str | Path, only: Collection[str] | None = None) -> list[Path]:
    """Remove what killed writers left in a folder and below; put back what they had moved aside.

    Writes in progress of living processes are left alone. Links are not followed.

    Args:
        folder: The folder.
        only: Names of files that no other process writes; None for all files. Where processes of
            other machines write into the folder, nobody knows whether theirs are alive.

    Returns:
        The paths that were removed or put back.
    """
    handled = []
    for parent, folders, names in os.walk(folder):
        strays = [(name, match) for name in (*folders, *names) if (match := _STRAY.match(name))]
        folders[:] = [name for name in folders if not _STRAY.match(name)]
        for name, match in strays:
            ours = only is None or match["name"] in only
            if ours and _is_stray(match):
                path = Path(parent, name)
                if _settled(path, match, Path(parent, match["name"])):
                    handled.append(path)
    return handled


def recover(path: str | Path, expendable: Collection[str] = ()) -> None:
    """Remove what killed writers of one file or folder left; put back what they had moved aside.

    Args:
        path: The file or folder.
        expendable: Names that may be lost of a folder that was moved aside.
    """
    target = Path(os.path.realpath(path))
    for path, match in _strays_of(target):
        _settled(path, match, target, expendable)


def remove_temporary(parent: Path, name: str) -> None:
    """Remove temporary folders that killed processes of this user left; nothing is put back.

    Args:
        parent: Where they lie, which others may write into as well.
        name: What they were for.
    """
    for path, match in _strays_of(parent / name):
        with contextlib.suppress(OSError):
            found = path.lstat()
            mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
            if mine and match["kind"] == "tmp" and stat.S_ISDIR(found.st_mode):
                _remove(path)


def _strays_of(target: Path) -> list[tuple[Path, re.Match[str]]]:
    if not target.parent.is_dir():
        return []
    found = [(path, _STRAY.match(path.name)) for path in target.parent.iterdir()]
    return [
        (path, match)
        for path, match in found
        if match and match["name"] == target.name and _is_stray(match)
    ]


def _settled(
    stray: Path, match: re.Match[str], target: Path, expendable: Collection[str] = ()
) -> bool:
    """Remove a stray, or put it back; False where both might lose something."""
    if match["kind"] == "old" and not os.path.lexists(target):
        os.replace(stray, target)
    elif match["kind"] == "tmp" or _names(stray) - {*expendable} <= _names(target):
        _remove(stray)
    else:
        warnings.warn(
            f"{stray}: expected {target.name!r} to hold all that this folder holds, which an ended "
            f"process moved aside to replace it, got something else in its place. Compare both, "
            "and keep one under that name.",
            LatentODEWarning,
            stacklevel=3,
        )
        return False
    return True


def _names(folder: Path) -> set[str]:
    """Names in a folder; none of what is no folder."""
    return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()


@contextlib.contextmanager
def temporary_folder(parent: Path, name: str) -> Iterator[Path]:
    """A folder that is removed when the block ends; if it was killed, by `remove_temporary`.

    Args:
        parent: Where it is made.
        name: What it is for.

    Yields:
        The folder, for this user alone.

    Raises:
        ResourceError: If it cannot be made.
    """
    folder = parent / _marked(name, "tmp")
    with cleaned_up():
        with explained(folder):
            folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            _remove(folder)


def check_writable(folder: str | Path) -> None:
    """Write a few bytes into a folder and remove them: what permissions alone do not tell.

    Args:
        folder: The folder, which exists.

    Raises:
        ResourceError: If nothing can be written there: it is read-only, or full.
    """
    temporary = Path(folder, _marked("probe", "tmp"))
    with explained(Path(folder)), removed_on_error(temporary):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(bytes(_PROBE_BYTES))
        temporary.unlink()


@contextlib.contextmanager
def removed_on_error(path: Path) -> Iterator[None]:
    """Remove a file or folder if the block fails, or a signal ends the process in it."""
    with cleaned_up():
        try:
            yield
        except BaseException:
            _remove(path)
            raise


def _marked(name: str, kind: str) -> str:
    return f".{name}.{os.getpid()}-{_HOST}{uuid.uuid4().hex[:8]}.latentode-{kind}"


def _is_stray(match: re.Match[str]) -> bool:
    """Whether its writer was a process of this machine, and has died."""
    return match["host"] in (None, _HOST) and not is_alive(int(match["pid"]))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def fsync(path: Path) -> None:
    """Wait until a file, or the list of names of a folder, is on the disk."""
    if os.name == "nt":  # folders cannot be opened there, and files were flushed on closing
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems do not sync folders
            raise
    finally:
        os.close(descriptor)


def _check_replaceable(target: Path, new: Path, expendable: Collection[str]) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise OutputExistsError(f"{target}: expected a folder or a free name, got a file.")
    present = {entry.name for entry in target.iterdir() if not _STRAY.match(entry.name)}
    lost = sorted(present - {entry.name for entry in new.iterdir()} - {*expendable})
    if lost:
        raise OutputExistsError(
            f"{target}: replacing this folder would lose {lost[0]!r} and {len(lost) - 1} more. "
            "Choose another folder, or move what you want to keep."
        )


def _swap(new: Path, target: Path) -> None:
    old = target.with_name(_marked(target.name, "old"))
    try:
        if target.exists():
            os.replace(target, old)
        os.replace(new, target)
    except BaseException:
        if old.exists() and not target.exists():
            os.replace(old, target)
        raise
    fsync(target.parent)
    _remove(old)
