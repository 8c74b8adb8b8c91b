"""How the gallery runs the programs of `examples/`, and finds their pictures."""

from __future__ import annotations

import builtins
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from sphinx_gallery.scrapers import figure_rst

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
#: Where all programs of a build draw; each picture is taken from there when its program ends.
FOLDER = Path(tempfile.mkdtemp(prefix="examples-"))


class _Arguments:
    """Options of every program; in full with LATENTODE_EXAMPLES=full, which takes half an hour."""

    def __repr__(self) -> str:  # part of the settings that Sphinx compares between builds
        return f"arguments({_in_full()})"

    def __call__(self, gallery: dict[str, Any], variables: dict[str, Any]) -> list[str]:
        del gallery, variables
        return [*([] if _in_full() else ["--smoke"]), "--out", str(FOLDER)]


def _in_full() -> bool:
    return os.environ.get("LATENTODE_EXAMPLES") == "full"


def pictures(block: Any, variables: dict[str, Any], gallery: dict[str, Any], **_: Any) -> str:
    """Take the pictures that a program has drawn, as a scraper of the gallery."""
    del block
    taken, paths = [], variables["image_path_iterator"]
    for picture in sorted(FOLDER.glob("*.png")):
        path = next(paths)
        shutil.move(picture, path)
        taken.append(path)
    return figure_rst(taken, gallery["src_dir"])


def name_file(gallery: dict[str, Any], program: str) -> None:
    """Tell a program where it stands, which the gallery leaves out."""
    del gallery
    builtins.__file__ = str(EXAMPLES / Path(program).name)  # type: ignore[attr-defined]


arguments = _Arguments()
