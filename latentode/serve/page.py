"""The page of the server."""

from __future__ import annotations

from pathlib import Path

from latentode.pages import document, render

_FOLDER = Path(__file__).parent / "assets"


def page(title: str) -> str:
    """The page, which asks the server that it came from.

    Args:
        title: What is served.
    """
    body = render(_FOLDER / "page.html", {"title": title})
    script = (_FOLDER / "page.js").read_text(encoding="utf-8")
    return document(f"{title} - latentode", body, scripts=[script], connects=True)
