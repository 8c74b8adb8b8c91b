"""Event streams as arrays and JSON, and back, with every offset checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from latentode.data.dataset import Clock
from latentode.data.events import EventStreams

_ARRAYS = ("starts", "times", "marks", "windows", "origins")
EVENTS = "streams."


def pack_streams(
    streams: EventStreams, prefix: str = EVENTS
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays by names that begin with a prefix, and what else there is as JSON types."""
    arrays = {f"{prefix}{name}": getattr(streams, name) for name in _ARRAYS}
    about = {
        "series_ids": list(streams.series_ids),
        "mark_names": list(streams.mark_names),
        "clock": asdict(streams.clock),
        "resolution": streams.resolution,
    }
    return arrays, about


def unpack_streams(
    stored: Mapping[str, np.ndarray], about: Mapping[str, Any], prefix: str = EVENTS
) -> EventStreams:
    """The streams that `pack_streams` was given.

    Args:
        stored: Arrays by name.
        about: What else there is.
        prefix: What the names of the arrays begin with.

    Raises:
        KeyError: If an array or a fact is absent.
        ValueError: If the arrays do not describe streams.
    """
    arrays = {name: stored[f"{prefix}{name}"] for name in _ARRAYS}
    series = tuple(str(name) for name in about["series_ids"])
    marks = tuple(str(name) for name in about["mark_names"])
    starts, count = arrays["starts"], len(arrays["times"])
    shapes = {
        "starts": (len(series) + 1,),
        "times": (count,),
        "marks": (count,),
        "windows": (len(series), len(marks), 2),
        "origins": (len(series),),
    }
    sound = (
        all(arrays[name].shape == shape for name, shape in shapes.items())
        and all(array.dtype == np.int64 for array in arrays.values())
        and starts[0] == 0
        and starts[-1] == count
        and bool((np.diff(starts) >= 0).all())
        and bool(((arrays["marks"] >= 0) & (arrays["marks"] < len(marks))).all())
    )
    if not sound:
        raise ValueError("streams: offsets, marks or windows that are not event streams")
    return EventStreams(
        series_ids=series,
        mark_names=marks,
        clock=Clock(**about["clock"]),
        resolution=int(about["resolution"]),
        **arrays,
    )
