"""Events and labels of a run: how many of which, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from latentode.data.events import EventStreams
from latentode.report.figures import TimeAxis, short, thinned

if TYPE_CHECKING:
    from latentode.data.labels import Labels
    from latentode.estimators.event_forecaster import EventForecaster

_BINS = 60  # of events over time
_MARKS = 6  # kinds of events with a line of their own: there are as many colours
_SERIES = 24  # with a row of their own
_RATES = 3  # series whose rates are drawn
_STEPS = 240  # of a rate

Charts = dict[str, Any]


def stream_records(streams: EventStreams) -> tuple[dict[str, Any], Charts]:
    """Counts of events by kind and series, and a chart of them over time.

    Args:
        streams: The events.
    """
    counts = streams.counts()
    order = np.argsort(-counts.sum(axis=0), kind="stable")
    busy = np.argsort(-counts.sum(axis=1), kind="stable")[:_SERIES]
    records = {
        "num_events": streams.num_scored,
        "num_series": streams.num_series,
        "marks": [
            {"mark": streams.mark_names[index], "events": int(counts[:, index].sum())}
            for index in order.tolist()
        ],
        "series": [
            {"series": streams.series_ids[index], "events": int(counts[index].sum())}
            for index in busy.tolist()
        ],
    }
    times = streams.times[streams.scored]
    if not len(times):
        return records, {}
    axis = TimeAxis(streams.clock)
    edges = np.linspace(times.min(), max(times.max(), times.min() + 1), _BINS + 1)
    middles = axis.numbers(((edges[:-1] + edges[1:]) / 2).astype(np.int64))
    marks = streams.marks[streams.scored]
    lines = [
        {
            "label": streams.mark_names[mark],
            "x": middles,
            "y": np.histogram(times[marks == mark], edges)[0].tolist(),
            "colour": str(index + 1),
        }
        for index, mark in enumerate(order[:_MARKS].tolist())
    ]
    chart = {
        "kind": "xy", "x": axis.spec(), "y": {"label": "events", "min": 0}, "lines": lines,
        "label": "Events over time, a line for each kind", "height": 200,
    }  # fmt: skip
    return records, {"events_over_time": chart}


def rate_records(model: EventForecaster) -> tuple[list[dict[str, Any]], Charts]:
    """Rates of a model of events alone, of the series with the most events.

    Args:
        model: The model.
    """
    streams = model.fitted_.streams
    busy = np.argsort(-streams.counts().sum(axis=1), kind="stable")[:_RATES]
    found = model.intensity(streams, points=_STEPS)
    axis, charts, series = TimeAxis(streams.clock), {}, []
    marks = np.argsort(-streams.counts().sum(axis=0), kind="stable")[:_MARKS].tolist()
    for index in sorted(busy.tolist()):
        rates = np.asarray(found["intensity"].values[index], np.float64)
        times = np.asarray(found["time"].values[index])
        dated = times.dtype.kind == "M"
        stamps = axis.numbers(times.astype("datetime64[ns]").view("int64")) if dated else [*times]
        kept = thinned(len(stamps), _STEPS)
        key = f"rate {index}"
        charts[key] = {
            "kind": "xy", "height": 200, "x": axis.spec(),
            "y": {"label": f"events per {model.fitted_.unit}", "min": 0},
            "label": f"Rate of events of {streams.series_ids[index]}",
            "lines": [
                {"label": streams.mark_names[mark], "x": [stamps[at] for at in kept.tolist()],
                 "y": short(rates[kept, mark]), "colour": str(number + 1)}
                for number, mark in enumerate(marks)
            ],
        }  # fmt: skip
        series.append({"series": streams.series_ids[index], "chart": key})
    return series, charts


def label_records(labels: Labels) -> dict[str, Any]:
    """How many labels there are of each class.

    Args:
        labels: The labels of the training.
    """
    counts: Mapping[str, int] = labels.counts()
    return {
        "kind": labels.kind,
        "classes": [{"class": name, "number": number} for name, number in counts.items()],
    }
