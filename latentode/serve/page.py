"""The page of the server."""

from __future__ import annotations

from pathlib import Path

from latentode.pages import document, render

_FOLDER = Path(__file__).parent / "assets"


def page() -> str:
    """The page, which asks the server that it came from, what is served too: that needs a token."""
    body = render(_FOLDER / "page.html", {})
    script = (_FOLDER / "page.js").read_text(encoding="utf-8")
    return document("latentode", body, scripts=[script], connects=True)
