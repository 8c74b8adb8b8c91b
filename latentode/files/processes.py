"""Whether another process of this host is still there."""

from __future__ import annotations

import os
from pathlib import Path


def start_of(pid: int) -> str | None:
    """Start of a process in clock ticks since boot, where the system tells it (Linux)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def is_alive(pid: int, start: str | None = None) -> bool:
    """Whether a process of this host lives; with `start` of `start_of`, whether it is that one."""
    if os.name == "nt":  # signal 0 is Ctrl-C there
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    now = start_of(pid)
    return start is None or now is None or now == start
