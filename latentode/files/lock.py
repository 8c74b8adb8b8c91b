"""The lock of a run folder."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
import uuid
from pathlib import Path
from typing import Any

from latentode.errors import OutputExistsError
from latentode.files.atomic import atomic_write, removed_on_error
from latentode.files.faults import explained
from latentode.files.processes import is_alive, start_of

_HALF_WRITTEN_S = 10.0  # an unreadable lock this old is no process that is just starting


class RunLock:
    """Hold a run folder for one process, by a file ``.lock`` with the holder's pid and host.

    The lock of a process that has died on this host is taken over. A process is known by its pid
    and its start, so a pid that was given out again does not keep a lock alive.

    Args:
        folder: An existing run folder.
        name: Name of the file, where several processes may have a part of the folder each.

    Raises:
        OutputExistsError: On entering, if a living process or one on another host holds the folder.
        ResourceError: On entering, if the folder is not writable.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, RunLock(folder) as lock:
        ...     lock.path.name
        '.lock'
    """

    def __init__(self, folder: str | Path, name: str = ".lock") -> None:
        self.path = Path(folder) / name
        self._owner: dict[str, Any] | None = None

    def __enter__(self) -> RunLock:
        owner = {"pid": os.getpid(), "start": start_of(os.getpid()), "host": socket.gethostname()}
        owner["token"] = uuid.uuid4().hex
        content = json.dumps(owner).encode()
        try:
            with explained(self.path, len(content)):
                descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except OutputExistsError:
            self._take_over(content)
        else:
            with (
                explained(self.path, len(content)),
                removed_on_error(self.path),
                os.fdopen(descriptor, "wb") as file,
            ):
                file.write(content)
        self._owner = owner
        return self

    def __exit__(self, *_: object) -> None:
        # a lock that is no longer ours, or was taken before a fork, stays
        owner, self._owner = self._owner, None
        if owner and owner["pid"] == os.getpid() and _read_owner(self.path) == owner:
            self.path.unlink(missing_ok=True)

    def _take_over(self, content: bytes) -> None:
        self._check_stale()
        import fcntl  # absent on Windows, where no holder is ever known to be dead

        # two processes may find the same dead lock: the first to lock its inode replaces it, the
        # second then finds another inode, with a living holder, at the path
        with contextlib.suppress(FileNotFoundError), self.path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(file.fileno()), self.path.stat()):
                self._check_stale()
                atomic_write(self.path, content)
                return
        raise OutputExistsError(f"{self.path.parent}: another process has just taken this run.")

    def _check_stale(self) -> None:
        holder = self.holder()
        if holder is not None:
            raise OutputExistsError(
                f"{self.path.parent}: expected a free folder, got one held by {holder}. Wait "
                f"for it, choose another folder, or, if that process is gone, delete {self.path}."
            )

    def holder(self) -> str | None:
        """Who holds the lock, in words; None where nobody that lives does."""
        owner = _read_owner(self.path)
        if owner is None:
            try:
                age = time.time() - self.path.stat().st_mtime
            except FileNotFoundError:
                return None
            return None if age > _HALF_WRITTEN_S else "a process that is just starting"
        here = owner.get("host") == socket.gethostname()
        if here and not is_alive(owner["pid"], owner["start"]):
            return None
        return f"process {owner['pid']} on {owner.get('host')}"


def _read_owner(path: Path) -> dict[str, Any] | None:
    try:
        owner = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    is_owner = isinstance(owner, dict) and isinstance(owner.get("pid"), int) and "start" in owner
    return owner if is_owner else None
