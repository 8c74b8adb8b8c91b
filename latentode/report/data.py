"""The data as read: channels, gaps, density over time, the split, and what was left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from latentode.data.dataset import Clock, Float64, Int64, TimeSeriesDataset
from latentode.data.reading.tally import REASONS
from latentode.data.splits import PARTS, Split
from latentode.report.figures import TimeAxis, short, thinned

_ROWS, _BINS = 40, 96  # of the map of when what was read
_NAMED = 24  # of gaps, silent channels and columns that are named; all are counted
# fields of the rows of a report of a log, as far as a page shows them
_OF_CHANNEL = (
    "name", "unit", "count", "share_of_rows", "min", "median", "max",
    "state", "counter", "constant",
)  # fmt: skip
_OF_GAP = ("series", "from", "to", "seconds", "at")
_OF_SILENT = ("series", "channel", "last", "seconds_before_end")
_OF_DECISION = ("choice", "evidence", "confidence", "option")
_COLOURS = {"train": "muted", "validation": "accent", "test": "model"}
# what overrules each reason of a count
_OPTIONS = {
    "rows_outside": "--start, --end",
    "ragged_rows": "--on-bad-row",
    "rows_without_time": "--on-bad-row",
    "rows_with_bad_time": "--time-unit, --time-format, --on-bad-row",
    "rows_without_id": "--id-column",
    "rows_without_channel": "--channel-column",
    "rows_with_bad_cells": "--na, --on-bad-row",
    "bad_cells": "--na, --on-bad-row",
    "cells_of_text_columns": "--channels, --states",
    "rows_of_repeated_hour": "--tz, --ambiguous",
    "readings_of_bad_quality": "--quality",
    "readings_of_other_channels": "--channels",
    "duplicates_identical": "--duplicates",
    "duplicates_merged": "--duplicates, --id-column",
    "values_clipped": "--clip-outliers",
}


def reading_records(reading: Mapping[str, Any], missing: Sequence[str] = ()) -> dict[str, Any]:
    """What ``data_report.json`` tells, arranged for a reader; empty where there is none.

    Args:
        reading: Its values.
        missing: Texts that the log was said to write for a missing value.
    """
    if not reading:
        return {}
    if "parts" in reading:
        reading = _of_parts(reading)
    kept = (
        "source", "layout", "columns", "clock", "first", "last", "median_step_seconds",
        "num_series", "num_rows", "num_readings", "missing_share", "rows_read", "merged",
        "num_gaps", "num_silent",
    )  # fmt: skip
    columns = reading.get("left_out", [])
    return {
        **{name: reading.get(name) for name in kept},
        "channels": _rows(reading.get("channel_details", []), _OF_CHANNEL),
        "gaps": _rows(reading.get("gaps", [])[:_NAMED], _OF_GAP),
        "silent": _rows(reading.get("silent", [])[:_NAMED], _OF_SILENT),
        "columns_left_out": _rows(columns[:_NAMED], ("column", "reason")),
        "num_columns_left_out": len(columns),
        "decisions": _rows(reading.get("decisions", []), _OF_DECISION),
        "counts": [
            {"what": words, "number": number, "option": _OPTIONS.get(reason, "")}
            for reason, words in REASONS.items()
            if reason != "missing_cells" and (number := reading.get("counts", {}).get(reason))
        ]
        + _missing_cells(reading, missing),
    }


def _missing_cells(reading: Mapping[str, Any], missing: Sequence[str]) -> list[dict[str, Any]]:
    """Cells without a reading, in columns of channels: one of text has none anyway."""
    number = reading.get("counts", {}).get("missing_cells", 0)
    if reading.get("layout") == "wide":
        cells = reading.get("num_rows", 0) * len(reading.get("channel_details", []))
        number = min(number, cells - reading.get("num_readings", 0))
    if number <= 0:
        return []
    words = "empty cells of channels"
    if missing:
        words += f", and those that --na names ({', '.join(missing)})"
    return [{"what": words, "number": number, "option": "--na" if missing else ""}]


def _rows(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows with all fields: an earlier version may not have written some."""
    return [{**dict.fromkeys(names), **row} for row in rows]


def _of_parts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest of a log in parts tells, under the names of a report of a log."""
    axis, rows = TimeAxis(Clock(**manifest["clock"])), manifest["rows"]
    return {
        "source": ", ".join(PurePath(each).name for each in manifest["log"]),
        "layout": f"{manifest['parts']} parts",
        "clock": manifest["clock"],
        "first": axis.text(manifest["first_ns"]),
        "last": axis.text(manifest["last_ns"]),
        "num_series": manifest["series"],
        "num_rows": rows,
        "rows_read": rows,
        "num_readings": manifest["readings"],
        "counts": manifest["left_out"],
        "channel_details": [
            {
                "name": each["name"],
                "unit": each["unit"],
                "count": each["readings"],
                "share_of_rows": each["readings"] / rows if rows else None,
                "min": each["minimum"],
                "median": None,
                "max": each["maximum"],
            }
            for each in manifest["channels"]
        ],
    }


def density_charts(log: TimeSeriesDataset, split: Split | None) -> dict[str, Any]:
    """When how much was read, of all, by series and by channel, as charts.

    Args:
        log: The log.
        split: Whose parts are shaded; None for none.
    """
    readings = log.readings
    if not readings.num_readings:
        return {}
    axis = TimeAxis(log.clock)
    times = readings.times[readings.reading_rows()]
    first, last = int(times.min()), int(times.max())
    edges = np.linspace(first, max(last, first + 1), _BINS + 1)
    bins = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, _BINS - 1)
    ends = axis.numbers(edges[[0, -1]].astype(np.int64))
    middles = axis.numbers(((edges[:-1] + edges[1:]) / 2).astype(np.int64))
    charts = {
        "density": {
            "kind": "xy", "x": axis.spec(), "y": {"label": "readings", "min": 0},
            "label": "Readings over time", "height": 180,
            "lines": [
                {"label": "readings", "x": middles, "colour": "model",
                 "y": np.bincount(bins, minlength=_BINS).tolist()}
            ],
            "spans": _spans(split, axis, first, last),
        },
        "channels_over_time": _map(
            readings.channel_index.astype(np.int64), bins, log.channels, ends, axis, "channel"
        ),
    }  # fmt: skip
    if len(log) > 1:
        series = readings.row_series()[readings.reading_rows()]
        charts["series_over_time"] = _map(series, bins, log.series_ids, ends, axis, "series")
    return charts


def _map(
    which: Int64, bins: Int64, names: tuple[str, ...], ends: list[float], axis: TimeAxis, what: str
) -> dict[str, Any]:
    shown = thinned(len(names), _ROWS)
    row = np.full(len(names), -1)
    row[shown] = np.arange(len(shown))
    kept = row[which] >= 0
    cells = np.bincount(row[which[kept]] * _BINS + bins[kept], minlength=len(shown) * _BINS)
    return {
        "kind": "map",
        "label": f"Readings over time, a row for each {what}",
        "x": axis.spec(),
        "from": ends[0],
        "to": ends[1],
        "rows": [names[index] for index in shown],
        "cells": cells.reshape(len(shown), _BINS).tolist(),
        "of": len(names),
    }


def split_records(split: Split, log: TimeSeriesDataset) -> dict[str, Any]:
    """The parts of a log: how it was split, and when each begins and ends.

    Args:
        split: The split.
        log: The log.
    """
    axis, parts = TimeAxis(log.clock), []
    first = log.readings.first_and_last()[0]
    for part in PARTS:
        starts, stops = split.bounds(log, part)
        held = stops > starts
        rows = int(log.readings.within(starts, stops).num_rows) if held.any() else 0
        starts = np.maximum(starts, first)
        parts.append(
            {
                "part": part,
                "series": int(held.sum()),
                "rows": rows,
                "from": axis.text(starts[held].min()) if held.any() else None,
                "to": axis.text(stops[held].max()) if held.any() else None,
            }
        )
    return {"kind": split.kind, "line": split.line(log.clock), "parts": parts}


def _spans(split: Split | None, axis: TimeAxis, first: int, last: int) -> list[dict[str, Any]]:
    """Parts that are the same for all series, as they are on a calendar."""
    if split is None or split.kind != "time" or set(split.cuts) != {"*"}:
        return []
    train, validation = (int(min(max(cut, first), last)) for cut in split.cuts["*"])
    edges = (first, train, validation, last)
    return [
        {
            **dict(zip(("from", "to"), axis.numbers(edges[index : index + 2]), strict=True)),
            "label": part,
            "colour": _COLOURS[part],
        }
        for index, part in enumerate(PARTS)
        if edges[index + 1] > edges[index]
    ]


def past_of(
    log: TimeSeriesDataset, series: int, channel: int, bounds: tuple[int, int], most: int
) -> tuple[Int64, Float64]:
    """Readings of one channel of a series in (from, to], at most so many, evenly.

    Args:
        log: The log.
        series: Index of the series.
        channel: Index of the channel.
        bounds: From and to, nanoseconds.
        most: How many.
    """
    readings = log.readings
    rows = readings.rows_of(series)
    times = np.repeat(
        readings.times[rows], np.diff(readings.row_starts[rows.start : rows.stop + 1])
    )
    cells = slice(int(readings.row_starts[rows.start]), int(readings.row_starts[rows.stop]))
    kept = readings.channel_index[cells] == channel
    kept &= (times > bounds[0]) & (times <= bounds[1])
    times, values = times[kept], readings.values[cells][kept]
    chosen = thinned(len(times), most) if len(times) else np.zeros(0, np.int64)
    return times[chosen], values[chosen]


def points(times: Int64, values: Float64, axis: TimeAxis) -> dict[str, Any]:
    """Readings as ``charts.js`` takes them.

    Args:
        times: Nanoseconds.
        values: Values.
        axis: The axis.
    """
    return {"time": axis.numbers(times), "value": short(values)}
