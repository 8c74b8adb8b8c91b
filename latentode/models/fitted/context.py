"""The last context of every series as arrays, and back, with every offset checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from latentode.data.dataset import Int64, Readings, TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.data.windows import cut

_ARRAYS = {
    "series_starts": np.int64,
    "times": np.int64,
    "row_starts": np.int64,
    "channel_index": np.int32,
    "values": np.float64,
}
PREFIXES = ("context.", "inputs.", "static")


def last_context(dataset: TimeSeriesDataset, schema: DataSchema) -> TimeSeriesDataset:
    """The newest context of every series, and the known inputs from it on."""
    _, ends = dataset.readings.first_and_last()
    return cut(dataset, np.arange(len(dataset)), ends - schema.lengths.context_ns, ends)


def pack(context: TimeSeriesDataset) -> dict[str, np.ndarray]:
    """Arrays of a data set, by names that begin with one of `PREFIXES`."""
    parts: dict[str, Any] = {f"context.{k}": getattr(context.readings, k) for k in _ARRAYS}
    if context.inputs is not None:
        parts |= {f"inputs.{k}": getattr(context.inputs, k) for k in _ARRAYS}
    if context.static is not None:
        parts["static"] = context.static
    return parts


def unpack(
    arrays: Mapping[str, np.ndarray], ids: Sequence[str], schema: DataSchema
) -> TimeSeriesDataset:
    """The data set that `pack` was given.

    Args:
        arrays: Arrays by name.
        ids: Ids of its series.
        schema: Data schema of the model.

    Raises:
        KeyError: If an array is absent.
        ValueError: If the arrays do not describe a data set of this schema.
    """
    static = arrays["static"] if schema.static_columns else None
    if static is not None and static.shape != (len(ids), len(schema.static_columns)):
        raise ValueError(f"static: a table of shape {static.shape}")
    dataset = TimeSeriesDataset(
        series_ids=tuple(str(name) for name in ids),
        readings=_readings(arrays, "context", schema.channels, len(ids)),
        clock=schema.clock,
        static_columns=schema.static_columns,
        static=static,
        units=schema.units,
    )
    if not schema.input_channels:
        return dataset
    inputs = _readings(arrays, "inputs", schema.input_channels, len(ids))
    return replace(dataset, inputs=inputs)


def _readings(
    stored: Mapping[str, np.ndarray], prefix: str, channels: tuple[str, ...], num_series: int
) -> Readings:
    arrays = {name: stored[f"{prefix}.{name}"] for name in _ARRAYS}
    for name, kind in _ARRAYS.items():
        if arrays[name].dtype != kind or arrays[name].ndim != 1:
            raise ValueError(f"{prefix}.{name}: {arrays[name].dtype} of {arrays[name].ndim} axes")
    readings = Readings(channels, **arrays)
    channel = readings.channel_index
    sound = (
        _are_offsets(readings.series_starts, num_series, len(readings.times))
        and _are_offsets(readings.row_starts, len(readings.times), len(readings.values))
        and len(channel) == len(readings.values)
        and bool(((channel >= 0) & (channel < len(channels))).all())
        and bool(np.isfinite(readings.values).all())
    )
    if not sound:
        raise ValueError(f"{prefix}: offsets, channels or values that are not readings")
    return readings


def _are_offsets(starts: Int64, count: int, total: int) -> bool:
    return bool(
        len(starts) == count + 1
        and starts[0] == 0
        and starts[-1] == total
        and (np.diff(starts) >= 0).all()
    )
