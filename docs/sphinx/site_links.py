"""Links of a page into the tree that no page answers: folders, and programs of the gallery."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.addnodes import download_reference, pending_xref
from sphinx.util.nodes import make_refnode

#: The page that shows a folder.
FOLDERS = {"docs/decisions": "docs/decisions/README", "examples": "docs/gallery/index"}


def _folders(app: Any, tree: nodes.document) -> None:
    """Links to a folder lead to the page that shows it."""
    del app
    for link in tree.findall(pending_xref):
        page = FOLDERS.get(link["reftarget"].rstrip("/").removeprefix("../"))
        if link["reftype"] == "myst" and page is not None:
            link["refdomain"], link["reftarget"], link["reftargetid"] = "doc", page, None


def _programs(app: Any, tree: nodes.document, name: str) -> None:
    """Programs are shown where they ran, not downloaded."""
    for link in list(tree.findall(download_reference)):
        target = link["reftarget"].removeprefix("../")
        page = "docs/gallery/" + target.removeprefix("examples/").removesuffix(".py")
        if target.startswith("examples/") and page in app.env.found_docs:
            link.replace_self(make_refnode(app.builder, name, page, None, link.children))


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx of it."""
    app.connect("doctree-read", _folders)
    app.connect("doctree-resolved", _programs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
