"""Print the supported Pythons that this machine has, one path per line, the oldest first.

One of each minor version, those on the PATH before those of pyenv. Any Python 3.7 can run this.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# a release that can make virtual environments; anything else prints nothing
ABOUT = (
    "import ensurepip, sys, venv; v = sys.version_info; "
    "print(v[0], v[1], sys.executable) if v.releaselevel == 'final' else None"
)


def oldest_supported() -> tuple[int, ...]:
    """Lower bound of ``requires-python``."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    bound = re.search(r'requires-python = ">=([\d.]+)"', text)
    assert bound is not None, "pyproject.toml has no lower bound of Python"
    return tuple(int(part) for part in bound[1].split("."))


def candidates() -> Iterator[str]:
    """Paths of what may be an interpreter."""
    names = ["python3", *(f"python3.{minor}" for minor in range(11, 30))]
    yield from filter(None, map(shutil.which, names))
    home = os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))
    yield from map(str, sorted(Path(home).glob("versions/*/bin/python"), reverse=True))


def about(python: str) -> tuple[int, int, str] | None:
    """Version and path of the interpreter itself; None where it does not serve."""
    try:
        done = subprocess.run(
            [python, "-c", ABOUT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = done.stdout.decode().split(None, 2)
    return (int(words[0]), int(words[1]), words[2].strip()) if words else None


def main() -> int:
    """Print the paths; 1 where there is none."""
    pythons: dict[tuple[int, int], str] = {}
    for major, minor, path in filter(None, map(about, candidates())):
        pythons.setdefault((major, minor), path)
    supported = sorted(version for version in pythons if version >= oldest_supported())
    for version in supported:
        print(pythons[version])
    return 0 if supported else 1


if __name__ == "__main__":
    sys.exit(main())
