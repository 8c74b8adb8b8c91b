"""Which optional competitors are installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import cache
from typing import Any

import click

_NEEDS = {"torchode": ("torchode",), "diffrax": ("jax", "diffrax", "optax")}


def wanted(name: str, protocol: Mapping[str, Any]) -> bool:
    """True if the protocol names a competitor and it can be run."""
    return name in protocol["peers"] and _available(name)


@cache
def _available(name: str) -> bool:
    # cached, so that what is missing is said once
    missing = [package for package in _NEEDS[name] if importlib.util.find_spec(package) is None]
    if missing:
        reason = f"{', '.join(missing)} not installed (extra 'bench')"
        click.echo(f"{name} is left out: {reason}", err=True)
    return not missing
