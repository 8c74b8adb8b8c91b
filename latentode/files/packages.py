"""Packages that not everybody needs."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from latentode.errors import DataError


def optional_package(name: str, extra: str, path: Path | str, *, doing: str = "reading") -> Any:
    """Import a package that only one format needs.

    Args:
        name: Module, such as ``edfio``.
        extra: Extra of latentode that installs it.
        path: File, or address, that needs it.
        doing: What needs it.

    Raises:
        DataError: If it is not installed, with what to type.
    """
    try:
        return import_module(name)
    except ImportError:
        raise DataError(
            f"{path}: {doing} it needs {name.partition('.')[0]}. Type: pip install "
            f"'latentode[{extra}]'"
        ) from None
