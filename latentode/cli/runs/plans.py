"""``--plan PLAN.csv``, or several as ``--plan low=LOW.csv``: what planned inputs will be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from latentode.cli.inputs import readable
from latentode.cli.options import Parsed

_FORM = "Name each, as in --plan low=LOW.csv --plan high=HIGH.csv."


def _plan(text: str) -> tuple[str, Path]:
    """Name and file of a plan; without a name where the text is a file as it stands."""
    name, mark, file = text.partition("=")
    if not mark or Path(text).exists():
        name, file = "", text
    if not Path(file).exists() or Path(file).is_dir():
        raise ValueError(f"expected a file, or NAME=FILE, got {text!r}: there is no file {file!r}.")
    return name.strip(), Path(file)


def _together(
    context: click.Context, option: click.Parameter, plans: tuple[tuple[str, Path], ...]
) -> Path | dict[str, Path] | None:
    """One file, or files by name; None where there is none."""
    names = [name for name, _ in plans]
    plans = tuple((name, readable(path, context)) for name, path in plans)
    if not plans:
        return None
    if names == [""]:
        return plans[0][1]
    if "" in names or len(set(names)) < len(names):
        got = ", ".join(name or str(path) for name, path in plans)
        raise click.BadParameter(
            f"expected one plan, or several of different names, got {got}. {_FORM}", context, option
        )
    return dict(plans)


def plan_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--plan``."""
    return click.option(
        "--plan",
        multiple=True,
        type=Parsed("plan", _plan),
        callback=_together,
        metavar="[NAME=]FILE",
        help="Planned inputs: id, time and columns, each value held until the next row. Several by "
        "name are scenarios: --plan low=LOW.csv --plan high=HIGH.csv.",
    )(function)
