"""Questions about windows as rows of a table, for peers that know nothing of series.

A row is a time at which some channels of a window are asked for. What it shows is stated in
`benchmarks.irregular.summaries`, and besides: the series as one of the trained ones (where a split
is by time), static covariates, the lead time, the phase of the day and week on a calendar, known
inputs in force, and for published windows the time since their start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.irregular.summaries import NAMES, Rows, lagged, line, neighbours, summarise
from benchmarks.irregular.windows import Flags, Floats, Scale, Windows
from latentode.data.calendar import DAY_NS, phases
from latentode.data.dataset import Int64, Readings, TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.data.targets import Targets

BRIEF = ("last", "age", "mean of 1")  # of every channel, where one is predicted
_BRIEF = [NAMES.index(name) for name in BRIEF]
_LAGS = (2, 1)  # periods before a target
_NEAR = 1 / 24  # of a period: an hour of a day, as the seasonal baseline has it


@dataclass(frozen=True, eq=False)
class Questions:
    """Rows of features, and what is asked of them, in scaled units.

    Attributes:
        summaries: `summarise` of the windows, float32, NaN where unknown, shape (window, channel,
            feature).
        of_windows: What else is known of the windows, likewise, shape (window, feature).
        around: Readings around the rows, likewise, shape (row, channel, feature): the neighbours
            and the line between them, or those two and one periods before; or none.
        of_rows: What else is known of the rows, likewise, shape (row, feature).
        window: Window of each row, shape (row,).
        anchor: What a change is counted from: the last reading, or the line between neighbours
            where there is one after; 0, the training median, without any, shape (row, channel).
        answers: Readings asked for, NaN elsewhere, shape (row, channel).
    """

    summaries: Floats
    of_windows: Floats
    around: Floats
    of_rows: Floats
    window: Rows
    anchor: Floats
    answers: Floats

    def inputs(self, rows: Rows) -> Floats:
        """All features of some rows, float32, shape (row, feature)."""
        window = self.window[rows]
        parts = [self.summaries[window], self.around[rows]]
        flat = [part.reshape(len(rows), -1) for part in parts]
        return np.concatenate([*flat, self.of_windows[window], self.of_rows[rows]], axis=1)

    def inputs_of(self, rows: Rows, channel: int) -> Floats:
        """Features that are about one channel, `BRIEF` ones of all, and what is of no channel.

        Args:
            rows: The rows.
            channel: Number of the channel.

        Returns:
            Shape (row, feature).
        """
        window = self.window[rows]
        return np.concatenate(
            [
                self.summaries[window, channel],
                self.around[rows, channel],
                self.summaries[window][..., _BRIEF].reshape(len(rows), -1),
                self.around[rows][..., -1:].reshape(len(rows), -1),
                self.of_windows[window],
                self.of_rows[rows],
            ],
            axis=1,
        )

    def __len__(self) -> int:
        return len(self.window)


def _asked(
    times: Floats, values: Floats, window: Rows, queries: Floats, *, interpolates: bool
) -> tuple[Floats, Floats]:
    """Anchors of the rows, and readings around them (row, channel, feature)."""
    found = neighbours(times, values, window, queries)
    if not interpolates:
        return np.nan_to_num(found[0], nan=0.0), np.zeros((*found[0].shape, 0))
    between = line(found)
    return np.nan_to_num(between, nan=0.0), np.stack([*found, between], axis=-1)


def _float32(*columns: Floats) -> Floats:
    return np.concatenate(columns, axis=1).astype(np.float32)


def of_windows(
    windows: Windows, scale: Scale, context: float, *, interpolates: bool
) -> tuple[Questions, Flags]:
    """Rows of published windows.

    Args:
        windows: The windows.
        scale: Scales of the training part.
        context: Length of what is shown, see `longest`.
        interpolates: Whether readings after a target are shown too.

    Returns:
        The questions, and which places (window, step) they stand for.
    """
    last = np.maximum(windows.lengths - 1, 0)[:, None]
    origin = np.take_along_axis(windows.times, last, 1)
    times = (windows.times - origin) / context
    values = scale.scaler.transform(windows.values.astype(np.float64))
    places = windows.asked().any(-1)
    window, step = np.nonzero(places)
    queries = (windows.query_times - origin)[window, step] / context
    anchor, around = _asked(times, values, window, queries, interpolates=interpolates)
    since = windows.query_times[window, step] / context
    questions = Questions(
        summaries=summarise(times, values).astype(np.float32),
        of_windows=windows.static.astype(np.float32),
        around=around.astype(np.float32),
        of_rows=_float32(queries[:, None], since[:, None]),
        window=window,
        anchor=anchor,
        answers=scale.scaler.transform(windows.targets[window, step].astype(np.float64)),
    )
    return questions, places


def longest(windows: Windows) -> float:
    """Time from the first to the last row that is shown, of the longest window."""
    last = np.maximum(windows.lengths - 1, 0)[:, None]
    return float((np.take_along_axis(windows.times, last, 1)[:, 0] - windows.times[:, 0]).max())


def of_log(
    visible: TimeSeriesDataset,
    targets: Targets,
    schema: DataSchema,
    *,
    interpolates: bool,
    series: Sequence[str] = (),
) -> tuple[Questions, Rows]:
    """Rows of windows of a log.

    Args:
        visible: Windows, one series each, aligned with the schema.
        targets: What is asked of them.
        schema: Scales, clock and lengths.
        interpolates: Whether readings after a target are shown too.
        series: Names of series that have a feature of their own each.

    Returns:
        The questions, and the row of each target.
    """
    context, readings = schema.lengths.context_ns, visible.readings
    origins = readings.first_and_last()[1]
    times, values = _padded(readings, origins, context)
    values = schema.scaler.transform(values)
    rows, row = np.unique(np.stack([targets.window, targets.times]), axis=1, return_inverse=True)
    row, (window, moments) = row.reshape(-1), rows
    queries = (moments - origins[window]) / context
    anchor, around = _asked(times, values, window, queries, interpolates=interpolates)
    answers = np.full(anchor.shape, np.nan)
    answers[row, targets.channel] = schema.scaler.transform(targets.values, targets.channel)
    day = DAY_NS / context
    if DAY_NS in schema.periods_ns and not interpolates:
        before = [
            lagged(times, values, window, queries, lag=k * day, tolerance=_NEAR * day)
            for k in _LAGS
        ]
        around = np.stack(before, axis=-1)
    phase = phases(moments, schema.clock, schema.periods_ns)
    inputs = _in_force(visible, schema, origins, window, queries)
    names = np.array(visible.series_ids)[:, None] == np.array(series, dtype=object)[None]
    static = np.zeros((len(visible), 0)) if visible.static is None else visible.static
    questions = Questions(
        summaries=summarise(times, values).astype(np.float32),
        of_windows=_float32(names, static),
        around=around.astype(np.float32),
        of_rows=_float32(queries[:, None], np.sin(phase), np.cos(phase), inputs),
        window=window,
        anchor=anchor,
        answers=answers,
    )
    return questions, row


def joined(parts: list[Questions]) -> Questions:
    """The rows of several questions about different windows."""
    sizes = np.cumsum([0, *(len(part.summaries) for part in parts)])
    moved = [
        replace(part, window=part.window + size)
        for part, size in zip(parts, sizes[:-1], strict=True)
    ]
    return Questions(
        *(np.concatenate([getattr(part, name) for part in moved]) for name in vars(moved[0]))
    )


def _padded(readings: Readings, origins: Int64, context: int) -> tuple[Floats, Floats]:
    """Times from the origins in contexts, padded by 0, (window, time), and readings."""
    lengths = np.diff(readings.series_starts)
    owner = readings.row_series()
    place = np.arange(readings.num_rows) - readings.series_starts[owner]
    width = max(int(lengths.max(initial=0)), 1)
    times = np.zeros((len(lengths), width))
    values = np.full((*times.shape, len(readings.channels)), np.nan)
    times[owner, place] = (readings.times - origins[owner]) / context
    values[owner, place] = readings.dense(slice(0, readings.num_rows))
    return times, values


def _in_force(
    visible: TimeSeriesDataset, schema: DataSchema, origins: Int64, window: Rows, queries: Floats
) -> Floats:
    """Last entry of every known input at some times, and its age, shape (row, 2 * input)."""
    if visible.inputs is None or schema.input_scaler is None:
        return np.zeros((len(window), 0))
    times, values = _padded(visible.inputs, origins, schema.lengths.context_ns)
    values = schema.input_scaler.transform(values)
    return np.concatenate(list(neighbours(times, values, window, queries)[:2]), axis=1)
