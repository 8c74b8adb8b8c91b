"""What answers in JSON hold beside predictions: the model, newest readings, tables as records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from latentode.config.durations import exact_duration, format_duration
from latentode.data.dataset import Int64, TimeSeriesDataset
from latentode.results import local_times

if TYPE_CHECKING:
    from latentode.estimators import ExportedLatentODE, LatentODE

_MOST_SERIES = 1_000  # ids that are listed
_MOST_SHOWN = 50  # series whose readings are listed


def information(model: LatentODE | ExportedLatentODE) -> dict[str, Any]:
    """What a model is of, JSON types.

    Args:
        model: The model.
    """
    fitted, schema = model.fitted_, model.fitted_.schema
    context, events = fitted.context, getattr(getattr(fitted, "log", None), "events", None)
    _, last = context.readings.first_and_last()
    ids = context.series_ids
    units = dict(schema.units)
    answers = ["forecast", "interpolate", "inspect"]
    if hasattr(model, "score"):
        answers += ["score", *(["events"] if events is not None else [])]
    return {
        "channels": [
            {"name": name, "unit": units.get(name)} | kind
            for name, kind in zip(schema.channels, _kinds(model), strict=True)
        ],
        "planned_inputs": list(schema.input_channels),
        "static_columns": list(schema.static_columns),
        "clock": {
            "kind": schema.clock.kind,
            "zone": schema.clock.zone,
            "unit": schema.clock.unit,
        },
        "context": format_duration(schema.lengths.context_ns),
        "horizon": format_duration(schema.lengths.horizon_ns),
        "horizon_exact": exact_duration(schema.lengths.horizon_ns),
        "num_series": len(ids),
        "series": [
            {"id": name, "last": moment}
            for name, moment in zip(
                ids[:_MOST_SERIES], _times(last[:_MOST_SERIES], context), strict=True
            )
        ],
        "layout": fitted.config.data.layout,
        "columns": plain(fitted.config.data.columns.model_dump(mode="json")),
        "seed": fitted.config.train.seed,
        "answers": answers,
    }


def _kinds(model: LatentODE | ExportedLatentODE) -> list[dict[str, Any]]:
    families, counters = model.fitted_.schema.families, model.fitted_.schema.counters.names
    names = model.fitted_.schema.channels
    return [
        {"kind": "counter" if name in counters else str(kind)}
        for name, kind in zip(names, families.kinds, strict=True)
    ]


def newest_readings(dataset: TimeSeriesDataset, rows: int) -> list[dict[str, Any]]:
    """The newest rows of each series, of the first series where there are many.

    Args:
        dataset: The log.
        rows: Rows of each series, at most.
    """
    readings, found = dataset.readings, []
    for series, name in enumerate(dataset.series_ids[:_MOST_SHOWN]):
        span = readings.rows_of(series)
        newest = slice(max(span.start, span.stop - rows), span.stop)
        values = readings.dense(newest)
        found.append(
            {
                "id": name,
                "num_rows": span.stop - span.start,
                "time": _times(readings.times[newest], dataset),
                "values": {
                    channel: [_number(each) for each in values[:, index].tolist()]
                    for index, channel in enumerate(dataset.channels)
                },
            }
        )
    return found


def _times(times: Int64, dataset: TimeSeriesDataset) -> list[Any]:
    moments = local_times(times, dataset.clock)
    if isinstance(moments, pd.DatetimeIndex):
        return [None if moment is pd.NaT else moment.isoformat() for moment in moments]
    return [_number(each) for each in moments.tolist()]


def _number(value: Any) -> Any:
    return value if not isinstance(value, float) or math.isfinite(value) else None


def records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, JSON types; what is no number of JSON is None.

    Args:
        frame: The table.
    """
    table = {
        str(name): [
            each.isoformat() if hasattr(each, "isoformat") else _number(each)
            for each in frame.iloc[:, place].tolist()
        ]
        for place, name in enumerate(frame.columns)
    }
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def plain(value: Any) -> Any:
    """Reduce to JSON types.

    Args:
        value: Mappings, sequences, numbers of Python or numpy, texts.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, str | bool | int | float) or value is None:
        return _number(value)
    if isinstance(value, Sequence | set | frozenset):
        return [plain(item) for item in value]
    return str(value)
