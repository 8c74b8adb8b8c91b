"""Where a result comes from: the log's bytes, versions, machine and moment."""

from __future__ import annotations

import hashlib
import os
import platform
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from latentode.errors import DataError

PACKAGES = ("latentode", "torch", "numpy", "pandas", "xarray", "pydantic", "click", "torchdiffeq")


def fingerprint(path: Path) -> dict[str, Any]:
    """Absolute path, size in bytes and SHA-256 of a file; of a folder, of all files in it."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    digest, size = hashlib.sha256(), 0
    for each in files:
        with each.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)  # goes on with the same digest
            size += file.tell()
    return {"path": str(path.resolve()), "bytes": size, "sha256": digest.hexdigest()}


def versions() -> dict[str, str | None]:
    """Versions of Python and of the packages that a result depends on."""
    numbers: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            numbers[package] = version(package)
        except PackageNotFoundError:
            numbers[package] = None
    return numbers


def utc_stamp() -> str:
    """Now, as it stands in names of files: ``20250131t235959``."""
    return datetime.now(UTC).strftime("%Y%m%dt%H%M%S")


def launcher() -> str | None:
    """What tells one call of torchrun from others; None without torchrun."""
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    # "none" stands for all that were not given a name: then the process that started this one tells
    return f"{socket.gethostname()}:{os.getppid()}" if name == "none" else name


def circumstances() -> dict[str, Any]:
    """Facts of `run.json` at the start of a process."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "launcher": launcher(),
        "versions": versions(),
        "started": utc_now(),
        "ended": None,
        "exit_code": None,
        "error": None,
    }


def utc_now() -> str:
    """Now, as it stands in files."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def unchanged(record: Mapping[str, Any] | None, what: str) -> Path | None:
    """A file of an earlier run, whose `fingerprint` it still has; None where there was none.

    Args:
        record: The fingerprint.
        what: What the file holds, for messages.

    Raises:
        DataError: If it has gone or changed, since a resumed run would mix two data sets.
    """
    if not record:
        return None
    path = Path(record["path"])
    if not path.exists():
        raise DataError(f"{path}: the {what} of this run have gone. Bring the file back.")
    if fingerprint(path)["sha256"] != record["sha256"]:
        raise DataError(
            f"{path}: expected the {what} that this run was started on, got another content. "
            "Start a new run with `train`."
        )
    return path
