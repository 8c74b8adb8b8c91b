"""What to type where an interpreter lacks what latentode needs; this module needs nothing."""

from __future__ import annotations

import os
import shlex
import sys

#: Exit code of a command whose interpreter lacks a package, or is too old.
NOT_INSTALLED = 9
_OLDEST = (3, 11)  # of Python, as in pyproject.toml
# of the checkout, or of site-packages where latentode is installed
_HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def missing_package(error: ModuleNotFoundError) -> str | None:
    """Say which package is missing and what to type; None where the module is one of ours.

    Args:
        error: What an import raised.
    """
    package = (error.name or "").partition(".")[0]
    if package in ("", "latentode"):
        return None
    return f"expected the package {package}, got {sys.executable} without it. {_advice(package)}"


def old_python() -> str | None:
    """The same of an interpreter that is too old; None where it is not."""
    if sys.version_info >= _OLDEST:
        return None
    return f"expected Python 3.11 or newer, got {sys.version.split()[0]}. {_advice('latentode')}"


def _advice(package: str) -> str:
    python = os.path.join(_HOME, ".venv", "bin", "python")
    if os.path.exists(python) and os.path.abspath(sys.executable) != python:
        return f"Type `{shlex.join([python, *sys.argv])}`."
    if not os.path.exists(os.path.join(_HOME, "pyproject.toml")):
        return f"Type `{shlex.join([sys.executable, '-m', 'pip', 'install', package])}`."
    folder = os.path.dirname(os.path.dirname(python))
    steps = [
        ["python3", "-m", "venv", folder],
        [python, "-m", "pip", "install", _HOME],
        [python, *sys.argv],
    ]
    return f"Type `{' && '.join(map(shlex.join, steps))}`."
