"""A page of one file, which loads nothing and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

_ASSETS = Path(__file__).parent / "assets"
_STYLES = ("uPlot.min.css", "style.css")
_SCRIPTS = ("uPlot.iife.min.js", "charts.js")
_START = 'charts.drawAll(JSON.parse(document.getElementById("records").textContent).charts || {});'


def document(
    title: str,
    body: str,
    *,
    records: Mapping[str, Any] | None = None,
    scripts: Sequence[str] = (),
    connects: bool = False,
) -> str:
    """Put a page together.

    Args:
        title: Its title, as text.
        body: What stands in it, as HTML that is escaped already (`latentode.pages.render`).
        records: What it shows, embedded as JSON: an element ``data-chart="name"`` is drawn from
            ``records["charts"]["name"]``.
        scripts: Scripts of the page's own, source texts: they run when `charts` is there, and
            before the charts of `records` are drawn.
        connects: Whether its scripts may ask the server that it came from.

    Returns:
        The whole page.

    Raises:
        ValueError: If `records` hold a number that JSON does not have.

    Example:
        >>> from latentode.pages import document
        >>> page = document("A page", "<main><h1>A page</h1></main>", records={"charts": {}})
        >>> "default-src 'none'" in page and "http-equiv" in page
        True
    """
    styles = [_asset(name) for name in _STYLES]
    sources = [*(_asset(name) for name in _SCRIPTS), *scripts]
    sources += [_START] * (records is not None)
    policy = [
        "default-src 'none'",
        f"style-src {' '.join(map(_digest, styles))}",
        f"script-src {' '.join(map(_digest, sources))}",
        "img-src data:",  # the empty icon
        *(["connect-src 'self'"] if connects else []),
        "base-uri 'none'",
        "form-action 'none'",
    ]
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(policy)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{html.escape(title)}</title>",
        '<link rel="icon" href="data:,">',
        *(f"<style>{style}</style>" for style in styles),
        "</head>",
        "<body>",
        body,
        *([f'<script type="application/json" id="records">{embedded(records)}</script>']
          if records is not None else []),
        *(f"<script>{source}</script>" for source in sources),
        "</body>",
        "</html>",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


def embedded(records: Any) -> str:
    r"""JSON that may stand in a script element: no text of it can end the element.

    Args:
        records: Plain values; numbers are finite.

    Raises:
        ValueError: If a number is not finite.

    Example:
        >>> from latentode.pages import embedded
        >>> print(embedded({"name": "</script><!--"}))
        {"name":"\u003c/script\u003e\u003c!--"}
    """
    text = json.dumps(records, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":  # only texts can hold them; all that is not ASCII is escaped already
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


@cache
def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _digest(source: str) -> str:
    """The source as a policy names it."""
    sum_ = hashlib.sha256(source.encode()).digest()
    return f"'sha256-{base64.b64encode(sum_).decode()}'"
