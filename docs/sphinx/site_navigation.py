"""Navigation: the parts of the site, and the pages of each, by what lies in the tree.

The parts are told to the first page while it is read, so that README holds nothing but what a
reader of it wants. A page of decisions is below their index.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

#: Parts in order: caption, and patterns of their pages, the first match of a page counts.
PARTS = {
    "Start": ("docs/start", "docs/choose", "docs/what_to_type"),
    "Concepts": ("docs/concepts",),
    "Coming from": ("docs/coming_from/*",),
    "Extending": ("docs/extending/*", "docs/check_model"),
    "Reference": ("docs/cli", "docs/api/*", "docs/exit_codes", "docs/limits", "docs/security"),
    "Guides": ("docs/*",),
    "Examples": ("docs/gallery/index",),
    "Project": (
        "benchmarks/RESULTS",
        "datasets/README",
        "findings/README",
        "docs/decisions/README",
        "*",
    ),
}
#: The order in which parts are shown, where a later one takes what others leave.
SHOWN = (
    "Start", "Guides", "Concepts", "Coming from", "Extending", "Reference", "Examples", "Project",
)  # fmt: skip
BELOW = {"docs/decisions/README": "docs/decisions/*"}


def parts(documents: set[str]) -> dict[str, list[str]]:
    """Documents of each part, in the order of its patterns and of their names.

    Args:
        documents: Names of all documents, paths from the root of the repository without suffix.
    """
    below = {page for pattern in BELOW.values() for page in matching(documents, pattern)}
    free = documents - below - {"README"} | BELOW.keys() & documents
    found = {}
    for caption, patterns in PARTS.items():
        pages: list[str] = []
        for pattern in patterns:
            pages += [page for page in matching(free, pattern) if page not in pages]
        found[caption] = pages
        free -= set(pages)
    return {caption: found[caption] for caption in SHOWN if found[caption]}


def matching(documents: set[str], pattern: str) -> list[str]:
    """Documents that a pattern names, each of its stars within one folder.

    Args:
        documents: Names of documents.
        pattern: The pattern.
    """
    depth = pattern.count("/")
    return sorted(
        page for page in documents if page.count("/") == depth and Path(page).match(pattern)
    )


def _tell(app: Any, name: str, source: list[str]) -> None:
    documents = set(app.env.found_docs)
    if name == app.config.root_doc:
        for caption, pages in parts(documents).items():
            source[0] += _toctree(caption, pages)
    elif name in BELOW:
        pages = [page for page in matching(documents, BELOW[name]) if page != name]
        source[0] += _toctree("Pages", pages)


def _toctree(caption: str, pages: list[str]) -> str:
    entries = "\n".join(f"/{page}" for page in pages)
    return f"\n\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```\n"


_AT_ROOT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={page}">
<title>latentode</title>
<a href="{page}">latentode</a>
</html>
"""


def _open_at_root(app: Any, error: Exception | None) -> None:
    """The first page, for who opens the folder."""
    if error is None and app.builder.name == "html":
        page = app.builder.get_target_uri(app.config.root_doc)
        (Path(app.outdir) / "index.html").write_text(_AT_ROOT.format(page=page), "utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx of it."""
    app.connect("source-read", _tell)
    app.connect("build-finished", _open_at_root)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
