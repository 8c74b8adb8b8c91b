"""Where data sets lie: public ones beside the checkout, generated ones in a cache."""

from __future__ import annotations

import os
from pathlib import Path

from latentode.errors import DataError

_PUBLIC = Path(__file__).resolve().parents[3] / "shared" / "data"


def public_file(name: str) -> Path:
    """Path of a public data set: in LATENTODE_DATA, by default ``../shared/data``.

    Raises:
        DataError: If there is no such file.
    """
    path = Path(os.environ.get("LATENTODE_DATA", _PUBLIC)) / name
    if not path.exists():
        raise DataError(
            f"{path}: expected a public data set, found nothing. Set LATENTODE_DATA to the folder "
            "that holds it."
        )
    return path


def cache_folder() -> Path:
    """Folder of generated data sets: LATENTODE_CACHE, by default ``~/.cache/latentode``."""
    default = Path.home() / ".cache" / "latentode"
    folder = Path(os.environ.get("LATENTODE_CACHE", default))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
