"""Say whether installing torch for this Python costs megabytes or the gigabytes of a CUDA build.

Asks pip what it would take, by the metadata alone. Exits with 0 where torch is a CPU build, and
otherwise with 1 and the reason in one line.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pip._vendor.packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
OF_CUDA = ("nvidia-", "cuda-")


def needed(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Names of what a package needs on this machine."""
    for text in metadata.get("requires_dist", ()):
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name


def main() -> int:
    """Print the reason, if there is one against it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    torch = next(need for need in project["dependencies"] if Requirement(need).name == "torch")
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--quiet"]
    asked = subprocess.run(
        [*command, "--disable-pip-version-check", "--only-binary", "torch", "--report", "-", torch],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    if asked.returncode:
        reason = "pip finds no torch"
    else:
        metadata = json.loads(asked.stdout)["install"][0]["metadata"]
        cuda = any(name.startswith(OF_CUDA) for name in needed(metadata))
        reason = f"torch {metadata['version']} comes as a CUDA build" if cuda else ""
    if reason:
        print(f"Python {sys.version_info[0]}.{sys.version_info[1]}: {reason}")
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
