"""Forecasts given a plan of the planned inputs, and what is assumed where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64, Int64, Readings, TimeSeriesDataset, first_after
from latentode.data.scaler import Scaler
from latentode.prediction.query_windows import NO_ORIGIN
from latentode.results import local_times

if TYPE_CHECKING:
    from latentode.data.reading.plans import Plan

_EXAMPLES = 3  # inputs that one message names
_UNUSUAL = 2.0  # standard deviations from the mean of training, of what is outside of the log, too
_ELSEWHERE = 1.0  # standard deviations of an input in the log: less is how measured values vary


def with_plan(dataset: TimeSeriesDataset, plan: Plan) -> TimeSeriesDataset:
    """A log whose planned inputs are as planned after the last reading of each series.

    What the log itself says of a planned column after that is forgotten; each value is held until
    the next one, as in training. Until the last reading the log counts, whatever was planned: of
    such rows the newest is in force from there on.

    Args:
        dataset: Readings and planned inputs, aligned with the schema.
        plan: Its series are those of the data set.
    """
    assert dataset.inputs is not None, "a plan is of planned inputs"
    inputs = dataset.inputs
    row, column = np.nonzero(~np.isnan(plan.values))
    series, times, values = plan.series[row], plan.times[row], plan.values[row, column]
    channel = np.array([inputs.channels.index(name) for name in plan.columns])[column]
    first, last = dataset.readings.first_and_last()
    begins = np.where(last >= first, last, NO_ORIGIN)[series]
    unknown = np.isnan(held_values(inputs, series, np.minimum(times, begins), channel))
    # what the log never told may be told from any time on; all else begins after the last reading
    times = np.where(unknown, times, np.maximum(times, begins + 1))
    order = np.lexsort((plan.times[row], times, channel, series))
    newest = np.append(np.diff(np.stack([series, channel, times])[:, order]).any(axis=0), True)
    kept = order[newest]
    series, channel, times, values = (each[kept] for each in (series, channel, times, values))
    ahead = times > begins[kept]
    planned = np.zeros((len(dataset), len(inputs.channels)), dtype=bool)
    planned[series[ahead], channel[ahead]] = True
    rows, old_channel = inputs.reading_rows(), inputs.channel_index
    old_series, old_times = inputs.row_series()[rows], inputs.times[rows]
    told = np.where(last >= first, last, NO_ORIGIN)[old_series]
    stays = (old_times <= told) | ~planned[old_series, old_channel]
    merged = Readings.from_triplets(
        np.concatenate([old_series[stays], series]),
        np.concatenate([old_times[stays], times]),
        np.concatenate([old_channel[stays], channel]),
        np.concatenate([inputs.values[stays], values]),
        num_series=len(dataset),
        channels=inputs.channels,
    )
    return replace(dataset, inputs=merged)


def differing_line(dataset: TimeSeriesDataset, planned: TimeSeriesDataset) -> str | None:
    """Say which inputs a plan has elsewhere than the log, at the last reading; None for none.

    Args:
        dataset: The log.
        planned: The same with a plan.
    """
    assert dataset.inputs is not None, "a plan is of known inputs"
    assert planned.inputs is not None, "a plan is of known inputs"
    first, last = dataset.readings.first_and_last()
    filled = np.flatnonzero(last >= first)
    said = []
    for index, name in enumerate(dataset.inputs.channels):
        values = dataset.inputs.values[dataset.inputs.channel_index == index]
        channel, usual = np.full(len(filled), index), float(values.std()) if len(values) else 0.0
        was = held_values(dataset.inputs, filled, last[filled], channel)
        is_to_be = held_values(planned.inputs, filled, last[filled] + 1, channel)
        for at in np.flatnonzero(np.abs(is_to_be - was) > _ELSEWHERE * usual):
            owner = dataset.series_ids[filled[at]]
            change = f"{was[at]:g} and planned as {is_to_be[at]:g}"
            said.append(f"{name!r} of series {owner!r} is {change}")
    if not said:
        return None
    more = f"; and {len(said) - _EXAMPLES:,} more" if len(said) > _EXAMPLES else ""
    return (
        f"at the last reading {'; '.join(said[:_EXAMPLES])}{more}. From then on "
        "the plan counts. Check that it is of this time, and what the columns hold."
    )


def unusual_line(
    dataset: TimeSeriesDataset, planned: TimeSeriesDataset, training: Scaler
) -> str | None:
    """Say which inputs are planned as they hardly ever were; None for none.

    Args:
        dataset: The log.
        planned: The same with a plan.
        training: Mean and standard deviation of each input in training.
    """
    assert dataset.inputs is not None, "a plan is of known inputs"
    assert planned.inputs is not None, "a plan is of known inputs"
    said = []
    for index, name in enumerate(dataset.inputs.channels):
        was, is_to_be = (
            each.values[each.channel_index == index] for each in (dataset.inputs, planned.inputs)
        )
        if not len(was):
            continue
        low, high = float(was.min()), float(was.max())
        beyond = np.abs(is_to_be - training.mean[index]) > _UNUSUAL * training.std[index]
        odd = is_to_be[beyond & ((is_to_be < low) | (is_to_be > high))]
        if len(odd):
            said.append(f"{name!r} as {odd[0]:g}, where the log has {low:g} to {high:g}")
    if not said:
        return None
    return (
        f"it has {'; '.join(said[:_EXAMPLES])}. Training has hardly shown what follows "
        "then: the forecast may not answer to it."
    )


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
                # what was planned before the last reading is in force right after it
                until = known[-1] - (known[-1] == last[owner] + 1)
                yield owner, name, np.array([until, end]), float(own.values[rows][-1])


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
