"""The machine that the program runs on: processors, memory, disk, words and time zone."""

from __future__ import annotations

import locale
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from latentode.config.memory import max_memory

VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES",
    "WORLD_SIZE", "TZ", "LANG", "LC_ALL", "PYTHONUTF8", "TMPDIR", "LATENTODE_MAX_MEMORY",
)  # fmt: skip
_CGROUP = Path("/sys/fs/cgroup")
_A_ZONE = "Europe/Berlin"  # any one that is neither UTC nor a fixed offset


def describe_machine(cgroup: Path = _CGROUP) -> dict[str, Any]:
    """Facts of the machine, JSON types.

    Args:
        cgroup: Folder of the limits of the container.
    """
    temporary = tempfile.gettempdir()
    return {
        "platform": platform.platform(),
        "python": sys.executable,
        "processors": {
            "of_machine": os.cpu_count(),
            "usable": usable_processors(),
            "container_limit": container_processors(cgroup),
        },
        "memory": {
            **_memory(),
            "container_limit": _number(cgroup / "memory.max"),
            "limit_of_an_answer": max_memory(),
        },
        "disk": {"folder": str(Path.cwd()), "free": _free(Path.cwd())},
        "temporary": {
            "folder": temporary,
            "free": _free(Path(temporary)),
            "writable": os.access(temporary, os.W_OK),
        },
        "locale": {
            "language": locale.getlocale()[0],
            "file_names": sys.getfilesystemencoding(),
            "stdout": getattr(sys.stdout, "encoding", None),
        },
        "time_zone": {"local": list(time.tzname), "names_known": zones_known()},
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def usable_processors() -> int | None:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def container_processors(cgroup: Path = _CGROUP) -> float | None:
    """Processors' worth of time that a container may take; None without a limit.

    Args:
        cgroup: Folder of the limits.
    """
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return None if quota == "max" else round(int(quota) / int(period), 2)
    except (OSError, ValueError):
        return None


def zones_known() -> bool:
    """Whether time zones are known by name; they come with the system, or with tzdata."""
    try:
        ZoneInfo(_A_ZONE)
    except (ZoneInfoNotFoundError, OSError):
        return False
    return True


def _memory() -> dict[str, int | None]:
    """Bytes of memory of the machine, and of what is free of it; None where nobody says."""
    found: dict[str, int | None] = {"total": None, "available": None}
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return found
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if len(line.split()) > 1}
    for name, field in (("total", "MemTotal"), ("available", "MemAvailable")):
        if sizes.get(field, "").isdigit():
            found[name] = 1024 * int(sizes[field])
    return found


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # "max" is no limit
        return None


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
