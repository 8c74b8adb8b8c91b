"""``llms.txt`` (llmstxt.org): the parts of the site, and what each page is for, for a program.

It is made of the navigation and of the first sentence of each page, so that there is nothing to
keep. ``llms-full.txt`` beside it has the pages themselves, as they are written.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from site_navigation import BELOW, matching, parts


def summary(text: str) -> str:
    """The first sentence of a text, on one line.

    Args:
        text: The text.
    """
    line = " ".join(text.split())
    return re.split(r"(?<=[a-z)][.!?]) ", line, maxsplit=1)[0]


def _first_sentence(app: Any, page: str) -> str:
    paragraphs = app.env.get_doctree(page).findall(nodes.paragraph)
    own = (found.astext() for found in paragraphs if isinstance(found.parent, nodes.section))
    return next((summary(text) for text in own if text.strip()), "")


def _line(app: Any, page: str) -> str:
    title = app.env.titles[page].astext()
    return f"- [{title}]({app.builder.get_target_uri(page)}): {_first_sentence(app, page)}"


def _write(app: Any, error: Exception | None) -> None:
    if error is not None or app.builder.name != "html":
        return
    documents, out = set(app.env.found_docs), Path(app.outdir)
    first = app.config.root_doc
    lines = [f"# {app.config.project}", "", f"> {_first_sentence(app, first)}"]
    full = [_source(app, first)]
    for caption, pages in parts(documents).items():
        lines += ["", f"## {caption}", ""]
        for page in pages:
            lines.append(_line(app, page))
            full.append(_source(app, page))
    lines += ["", "## Optional", ""]
    for index, pattern in BELOW.items():
        for page in matching(documents, pattern):
            if page != index:
                lines.append(_line(app, page).partition("): ")[0] + ")")
    (out / "llms.txt").write_text("\n".join(lines) + "\n", "utf-8")
    (out / "llms-full.txt").write_text("\n\n".join(full) + "\n", "utf-8")


def _source(app: Any, page: str) -> str:
    """A page as a reader sees it, without what is only for the build."""
    text = Path(app.env.doc2path(page)).read_text("utf-8")
    return re.sub(r"<!--.*?-->\n*", "", text, flags=re.DOTALL).strip()


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx of it."""
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
