"""Forecasts given a plan of the planned inputs, and what is assumed where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64, Int64, Readings, TimeSeriesDataset, first_after
from latentode.data.reading.plans import Plan
from latentode.errors import DataError
from latentode.prediction.query_windows import NO_ORIGIN
from latentode.results import local_times

_EXAMPLES = 3  # inputs that one message names
_ALIKE = 1e-9  # relative: numbers that a file rounds differently are the same value


def with_plan(dataset: TimeSeriesDataset, plan: Plan) -> TimeSeriesDataset:
    """A log whose planned inputs are as planned after the last reading of each series.

    What the log itself says of a planned column after that is forgotten; each value is held until
    the next one, as in training.

    Args:
        dataset: Readings and planned inputs, aligned with the schema.
        plan: Its series are those of the data set.

    Raises:
        DataError: If the plan contradicts what the log says until the last reading of a series.
    """
    assert dataset.inputs is not None, "a plan is of planned inputs"
    inputs = dataset.inputs
    row, column = np.nonzero(~np.isnan(plan.values))
    series, times, values = plan.series[row], plan.times[row], plan.values[row, column]
    channel = np.array([inputs.channels.index(name) for name in plan.columns])[column]
    first, last = dataset.readings.first_and_last()
    begins = np.where(last >= first, last, NO_ORIGIN)
    ahead = times > begins[series]
    known = held_values(inputs, series, np.where(ahead, begins[series], times), channel)
    wrong = ~ahead & ~np.isnan(known) & ~np.isclose(values, known, rtol=_ALIKE, atol=0)
    if wrong.any():
        index = int(np.flatnonzero(wrong)[0])
        name, owner = plan.columns[column[index]], int(series[index])
        end = local_times(begins[[owner]], dataset.clock)[0]
        raise DataError(
            f"{plan.places[row[index]]}: expected {known[index]:g}, which the log has of {name!r} "
            f"then, got {values[index]:g} (series {dataset.series_ids[owner]!r}). Plan times after "
            f"its last reading, {end}."
        )
    old_series, old_channel = inputs.row_series()[inputs.reading_rows()], inputs.channel_index
    old_times = inputs.times[inputs.reading_rows()]
    planned = np.zeros((len(dataset), len(inputs.channels)), dtype=bool)
    planned[series[ahead], channel[ahead]] = True
    kept = (old_times <= begins[old_series]) | ~planned[old_series, old_channel]
    new = ahead | np.isnan(known)  # what the log has already need not be told again
    merged = Readings.from_triplets(
        np.concatenate([old_series[kept], series[new]]),
        np.concatenate([old_times[kept], times[new]]),
        np.concatenate([old_channel[kept], channel[new]]),
        np.concatenate([inputs.values[kept], values[new]]),
        num_series=len(dataset),
        channels=inputs.channels,
    )
    return replace(dataset, inputs=merged)


def held_values(inputs: Readings, series: Int64, times: Int64, channel: Int64) -> Float64:
    """Value of a planned input at some times: that of its last entry until then, NaN before any.

    Args:
        inputs: Known inputs.
        series: Series of each question, shape (query,).
        times: Nanoseconds, shape (query,).
        channel: Which input, shape (query,).
    """
    held = np.full(len(series), np.nan)
    for index in np.unique(channel).tolist():
        own, asked = inputs.select_readings(inputs.channel_index == index), channel == index
        after = first_after(own.series_starts, own.times, series[asked], times[asked])
        there = after > own.series_starts[series[asked]]
        held[asked] = np.where(there, np.append(own.values, np.nan)[after - 1], np.nan)
    return held


def assumed_line(
    dataset: TimeSeriesDataset, series: Int64, times: Int64, name: str = ""
) -> str | None:
    """Say which planned inputs are held beyond what is known of them; None where all are known.

    An input is known until its last entry, and as long beyond as its entries usually lie apart.

    Args:
        dataset: Readings and planned inputs as they are used.
        series: Series of each query, shape (query,).
        times: Time of each, shape (query,).
        name: Name of the plan, where there are several.
    """
    if dataset.inputs is None:
        return None
    held = list(_held(dataset, dataset.inputs, series, times))
    if not held:
        return None
    shown = "; ".join(_told(dataset, *each) for each in held[:_EXAMPLES])
    more = f"; and {len(held) - _EXAMPLES:,} more" if len(held) > _EXAMPLES else ""
    of_plan = f" {name!r}" if name else ""
    return (
        f"planned inputs{of_plan}: {shown}{more}. To say what will be: --plan PLAN.csv with rows "
        "until then (in Python plan=frame)."
    )


def _held(
    dataset: TimeSeriesDataset, inputs: Readings, series: Int64, times: Int64
) -> Iterator[tuple[int, str, Int64, float]]:
    """Series and name of inputs that are held: until when they are known and asked, and at what."""
    first, last = dataset.readings.first_and_last()
    ends = np.full(len(dataset), NO_ORIGIN)
    np.maximum.at(ends, series, times)
    asked = np.flatnonzero(ends > np.where(last >= first, last, NO_ORIGIN))
    for index, name in enumerate(inputs.channels):
        own = inputs.select_readings(inputs.channel_index == index)
        for owner in asked.tolist():
            rows, end = own.rows_of(owner), int(ends[owner])
            known = own.times[rows]
            if not len(known):
                yield owner, name, np.array([NO_ORIGIN, end]), np.nan
            elif known[-1] + _usual_step(known, last[owner]) < end:
                yield owner, name, np.array([known[-1], end]), float(own.values[rows][-1])


def _told(dataset: TimeSeriesDataset, owner: int, name: str, edges: Int64, value: float) -> str:
    where = f"{name!r} of series {dataset.series_ids[owner]!r}"
    if edges[0] == NO_ORIGIN:
        return f"{where} is never told, and taken to be as usual in training"
    known, end = local_times(edges, dataset.clock)
    return f"{where} is told until {known} and held at {value:g} until {end}"


def _usual_step(known: Int64, begin: int) -> int:
    """How long an entry usually holds: in the log, and in the plan beside it."""
    steps: list[NDArray[np.int64]] = [np.diff(known), np.diff(known[known > begin])]
    return max((int(np.median(each)) for each in steps if len(each)), default=0)
