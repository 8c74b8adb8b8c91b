"""What workers of a cluster must have: this package, and the same paths."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from latentode.errors import ResourceError

#: Of this package; not from its metadata, as a checkout that was not installed has none.
VERSION: str = sys.modules["latentode"].__version__


@dataclass(frozen=True)
class Here:
    """What the caller has.

    Attributes:
        version: Of this package.
        paths: Files and folders that all workers read or write.
    """

    version: str
    paths: tuple[Path, ...]

    @classmethod
    def of(cls, *paths: Path) -> Here:
        """What this process has.

        Args:
            *paths: What workers need.
        """
        return cls(VERSION, tuple(path.absolute() for path in paths))


def what_is_here(needed: Here) -> str:
    """What a worker lacks, "" for nothing; runs there.

    Args:
        needed: What the caller has.
    """
    if needed.version != VERSION:
        return f"latentode {VERSION} on {socket.gethostname()}"
    missing = next((path for path in needed.paths if not path.exists()), None)
    return "" if missing is None else f"no {missing} on {socket.gethostname()}"


def check_workers(found: Mapping[str, str]) -> None:
    """Refuse workers that lack something.

    Args:
        found: By worker, what `what_is_here` gave.

    Raises:
        ResourceError: If one lacks something.
    """
    lacking = next((f"{lack} (worker {name})" for name, lack in found.items() if lack), None)
    if lacking:
        raise ResourceError(
            f"workers: expected latentode {VERSION} and the same paths on each, got "
            f"{lacking}. Install the same version there, and put model, parts and results where "
            "every worker finds them (a shared file system)."
        )
