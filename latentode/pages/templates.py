"""Templates of pages: all that they are given is escaped, by default and without exception."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def render(
    template: Path,
    values: Mapping[str, Any],
    *,
    filters: Mapping[str, Callable[..., Any]] | None = None,
) -> str:
    """Fill a template; a value that it does not know is an error.

    Args:
        template: Its file; those that it includes lie beside it.
        values: What it is given, by name.
        filters: Functions that the template calls on values, by name.

    Returns:
        HTML.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from latentode.pages import render
        >>> with TemporaryDirectory() as folder:
        ...     template = Path(folder, "name.html")
        ...     _ = template.write_text("<b>{{ name }}</b>")
        ...     print(render(template, {"name": "<script>"}))
        <b>&lt;script&gt;</b>
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters or {})
    return environment.get_template(template.name).render(values)
