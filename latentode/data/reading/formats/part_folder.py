"""Folders of parts, which `latentode.scale` writes: told from folders of logs."""

from __future__ import annotations

import json
from pathlib import Path

#: What such a folder says of itself.
MANIFEST = "manifest.json"


def names_parts(folder: Path) -> bool:
    """Whether a folder holds a manifest of parts."""
    try:
        with (folder / MANIFEST).open("rb") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("format") == "latentode parts"
