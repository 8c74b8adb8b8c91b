"""What comes next, and how earlier forecasts went: fans of some series, and series in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from latentode.config.durations import NS_PER_UNIT, format_duration
from latentode.data.dataset import Float64, TimeSeriesDataset
from latentode.errors import DataError
from latentode.evaluation import metrics
from latentode.evaluation.backtest import BacktestLog
from latentode.evaluation.lead_bins import LeadBins
from latentode.evaluation.tasks import Task
from latentode.report.fans import MOST_CHANNELS, MOST_SERIES, Fans
from latentode.report.figures import FEWEST_READINGS, short, thinned

if TYPE_CHECKING:
    from latentode.data.events import EventStreams
    from latentode.estimators import LatentODE

_DRAWS = 200  # as many as `forecast` and `evaluate` take
_WINDOWS = 64  # forecasts that are looked back at, one a series where there are no more
_CHUNK = 16  # of them at once, which bounds the memory
_BINS = 10  # of where readings fell

Charts = dict[str, Any]


def next_records(model: LatentODE, log: TimeSeriesDataset) -> tuple[dict[str, Any], Charts]:
    """Forecasts of some series from the end of a log.

    Args:
        model: The model.
        log: Readings, aligned with the model.

    Returns:
        Records, and charts by name; both empty where no series has a reading.
    """
    filled = np.flatnonzero(np.diff(log.readings.series_starts) > 0)
    if not len(filled):
        return {}, {}
    schema = model.fitted_.schema
    shown = filled[thinned(len(filled), MOST_SERIES)]
    some = log.select_series(shown)
    found = model.forecast(some, num_draws=_DRAWS)
    fans = Fans(some, schema.special_kinds(), "next", _streams(model))
    last = some.readings.first_and_last()[1]
    charts: Charts = {}
    series = []
    stamps = found["time"].values
    times = stamps.astype("datetime64[ns]").astype(np.int64) if stamps.dtype.kind == "M" else None
    for index, name in enumerate(some.series_ids):
        at = list(found["series"].values).index(name)
        steps = times[at] if times is not None else _elapsed(stamps[at], some)
        real = steps > last[index]
        panels = []
        for channel in range(min(len(some.channels), MOST_CHANNELS)):
            draws = np.asarray(found["value"].values[:, at, :, channel], np.float64)
            panel, chart = fans.panel(name, channel, steps[real], draws[:, real], int(last[index]))
            panels.append(panel)
            if chart is not None:
                charts[panel["chart"]] = chart
        series.append({"series": name, "panels": panels})
    records = {
        "horizon": format_duration(schema.lengths.horizon_ns),
        "every": found.attrs.get("every", ""),
        "num_draws": _DRAWS,
        "series": series,
        "num_series": len(log),
        "num_channels": len(log.channels),
    }
    return records, charts


def _streams(model: LatentODE) -> EventStreams | None:
    events = model.fitted_.log.events
    return None if events is None or events.reports else events.streams


def _elapsed(stamps: Any, log: TimeSeriesDataset) -> Any:
    known = np.where(np.isfinite(stamps), stamps, -np.inf)
    scaled = np.maximum(known * NS_PER_UNIT[log.clock.unit], np.iinfo(np.int64).min / 2)
    return np.round(scaled).astype(np.int64)


def look_back_records(model: LatentODE, log: TimeSeriesDataset) -> tuple[dict[str, Any], Charts]:
    """Forecasts inside the test part, whose readings are known now; one a series.

    Args:
        model: The model.
        log: The log, aligned with the model.

    Returns:
        Records: series in order of their CRPS in training standard deviations, panels of the best,
        the middle and the worst, and where readings fell by lead time; and charts by name. Both
        empty where the model has learned all of the log.
    """
    schema = model.fitted_.schema
    try:
        task = BacktestLog(log, schema).forecasts("test", min(len(log), _WINDOWS))
    except DataError:
        return {}, {}
    draws = _drawn(model, task)
    ranking = _ranking(task, draws, schema.scaler.std)
    chosen = [ranking[index] for index in thinned(len(ranking), 3)] if ranking else []
    charts: Charts = {}
    series = []
    for row in chosen:
        window = row["window"]
        asked = task.targets.window == window
        fans = Fans(log, schema.special_kinds(), f"back {window}", _streams(model))
        panels = []
        for channel in range(min(len(log.channels), MOST_CHANNELS)):
            which = asked & (task.targets.channel == channel)
            panel, chart = fans.panel(
                row["series"], channel, task.targets.times[which], draws[:, which],
                int(task.origins[window]),
            )  # fmt: skip
            if chart is not None:
                panels.append(panel)
                charts[panel["chart"]] = chart
        series.append({**row, "panels": panels})
    by_lead, few, pit_charts = _fell(task, draws, schema.lengths.horizon_ns)
    records = {
        "ranking": ranking,
        "series": series,
        "by_lead": by_lead,
        "leads_left_out": few,
        "num_windows": len(task.visible),
        "num_series": len(log),
        "horizon": format_duration(schema.lengths.horizon_ns),
    }
    return records, charts | pit_charts


def _drawn(model: LatentODE, task: Task) -> Float64:
    """Draws of all targets, shape (draw, target)."""
    predictor, targets = model.reading_predictor(_DRAWS), task.targets
    parts = []
    for first in range(0, len(task.visible), _CHUNK):
        windows = np.arange(first, min(first + _CHUNK, len(task.visible)))
        low, high = np.searchsorted(targets.window, [first, first + _CHUNK])
        chunk = targets.select(slice(low, high))
        visible = task.visible.select_series(windows)
        draws, _ = predictor(visible, chunk.renumbered(chunk.window - first))
        parts.append(np.asarray(draws, np.float64))
    return np.concatenate(parts, axis=1)


def _ranking(task: Task, draws: Float64, scale: Float64) -> list[dict[str, Any]]:
    """Windows from the best CRPS to the worst, a mean over channels of scaled errors."""
    targets = task.targets
    crps = metrics.crps_from_draws(draws, targets.values) / scale[targets.channel]
    inside = metrics.within(*metrics.central_interval(draws, 0.9), targets.values)
    rows = []
    for window in range(len(task.visible)):
        mine = (targets.window == window) & np.isfinite(crps)
        if not mine.any():
            continue
        means = [crps[mine & (targets.channel == c)].mean() for c in set(targets.channel[mine])]
        score, covered = short([np.mean(means), inside[mine].mean()])
        rows.append(
            {
                "series": task.visible.series_ids[window],
                "window": window,
                "crps": score,
                "coverage_90": covered,
                "num_targets": int(mine.sum()),
            }
        )
    return sorted(rows, key=lambda row: (row["crps"], row["series"]))


def _fell(
    task: Task, draws: Float64, horizon_ns: int
) -> tuple[list[dict[str, Any]], list[str], Charts]:
    """Shares of the readings in tenths of their forecast by lead time; lead times of too few."""
    bins = LeadBins.until(horizon_ns)
    stretch = bins.of(task.leads)
    pit = metrics.pit(draws, task.targets.values, np.random.default_rng(0))
    records, few, lines = [], [], []
    for index, label in enumerate(bins.labels):
        mine = pit[(stretch == index) & np.isfinite(pit)]
        if 0 < len(mine) < FEWEST_READINGS:
            few.append(label)
        elif len(mine):
            shares = short(np.histogram(mine, _BINS, (0.0, 1.0))[0] / len(mine))
            records.append({"lead": label, "shares": shares, "num_targets": len(mine)})
    middles = [(index + 0.5) / _BINS for index in range(_BINS)]
    for index, record in enumerate(records):
        lines.append(
            {"label": record["lead"], "x": middles, "y": record["shares"], "colour": str(index + 1)}
        )
    flat = {"label": "right", "x": [0, 1], "y": [1 / _BINS] * 2, "colour": "muted", "dashed": True}
    chart = {
        "kind": "xy", "still": True, "height": 200,
        "label": "Where readings fell in their forecast, by lead time",
        "x": {"kind": "number", "label": "place in the forecast (0 lowest, 1 highest)",
              "from": 0, "to": 1},
        "y": {"label": "share of readings", "min": 0}, "lines": [*lines, flat],
    }  # fmt: skip
    return records, few, {"fell_by_lead": chart} if lines else {}


def kinds_in_words(kinds: Mapping[str, str]) -> dict[str, str]:
    """Kinds of channels as a table says them.

    Args:
        kinds: As `DataSchema.special_kinds` has them.
    """
    words = {"binary": "state of 0 and 1", "count": "count"}
    return {name: words.get(kind, kind) for name, kind in kinds.items()}
