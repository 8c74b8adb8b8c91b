"""Event streams as tensors and JSON, and back, with every offset checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latentode.data.dataset import Clock
from latentode.data.events import EventStreams

_ARRAYS = ("starts", "times", "marks", "windows", "origins")
EVENTS, LABELS = "streams.", "labels."


def pack_streams(
    streams: EventStreams, prefix: str = EVENTS
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors by names that begin with a prefix, and what else there is as JSON types."""
    tensors = {
        f"{prefix}{name}": torch.from_numpy(np.array(getattr(streams, name), order="C"))
        for name in _ARRAYS
    }
    about = {
        "series_ids": list(streams.series_ids),
        "mark_names": list(streams.mark_names),
        "clock": asdict(streams.clock),
        "resolution": streams.resolution,
    }
    return tensors, about


def unpack_streams(
    tensors: Mapping[str, Tensor], about: Mapping[str, Any], prefix: str = EVENTS
) -> EventStreams:
    """The streams that `pack_streams` was given.

    Raises:
        KeyError: If a tensor or a fact is absent.
        ValueError: If the tensors do not describe streams.
    """
    arrays = {name: tensors[f"{prefix}{name}"].numpy() for name in _ARRAYS}
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
        raise ValueError("streams: offsets, marks or windows that are no event streams")
    return EventStreams(
        series_ids=series,
        mark_names=marks,
        clock=Clock(**about["clock"]),
        resolution=int(about["resolution"]),
        **arrays,
    )
