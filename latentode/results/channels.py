"""Channels of a prediction, found by name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import xarray as xr

from latentode.data.dataset import Int64
from latentode.errors import ConfigError


def channel_index(dataset: xr.Dataset, names: Sequence[str] | None) -> Int64:
    """Numbers of some channels of a prediction.

    Args:
        dataset: Result of `to_dataset`.
        names: Which; None for all.

    Raises:
        ConfigError: If it is not a prediction of channels, or there is no such channel.
    """
    if "channel" not in dataset.dims or "value" not in dataset:
        raise ConfigError(
            f"channels: expected a prediction of channels, got {dict(dataset.sizes)}. Take what "
            "forecast or interpolate returned."
        )
    known = [str(name) for name in dataset["channel"].values]
    for name in names if names is not None else ():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else "Take one of them."
            shown = ", ".join(map(repr, known[:10])) + (", ..." if len(known) > 10 else "")
            raise ConfigError(f"channels: expected some of {shown}, got {name!r}. {hint}")
    wanted = known if names is None else names
    if not wanted:
        raise ConfigError("channels: expected at least one, got none. Name one, or leave it out.")
    return np.array([known.index(name) for name in dict.fromkeys(wanted)], dtype=np.int64)


def stated(dataset: xr.Dataset, name: str, default: Any) -> Any:
    """What an attribute of a prediction holds.

    Args:
        dataset: Result of `to_dataset`.
        name: An attribute that is JSON.
        default: What is said where there is none.
    """
    return json.loads(dataset.attrs[name]) if name in dataset.attrs else default


def listed(names: Sequence[str]) -> str:
    """Names as they are typed in a list: a name with a comma or a quote is quoted."""
    quote = '"'
    plain = [name for name in names if not {",", quote} & set(name)]
    if len(plain) == len(names):
        return ",".join(names)
    return ",".join(
        name if name in plain else f'"{name.replace(quote, quote * 2)}"' for name in names
    )
