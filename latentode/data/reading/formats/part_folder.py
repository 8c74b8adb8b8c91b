"""Folders of parts, which `latentode.scale` writes: told from folders of logs."""

from __future__ import annotations

import json
from pathlib import Path

from latentode.errors import CheckpointError
from latentode.files.regular import read_regular

#: Most bytes of a manifest: it has 200 for each part.
MOST_BYTES = 256 << 20
#: What such a folder says of itself.
MANIFEST = "manifest.json"


def names_parts(folder: Path) -> bool:
    """Whether a folder holds a manifest of parts."""
    try:
        found = json.loads(read_regular(folder / MANIFEST, MOST_BYTES))
    except (CheckpointError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("format") == "latentode parts"
