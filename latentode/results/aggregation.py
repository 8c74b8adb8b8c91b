"""Totals, means and extremes of sample paths over periods, series and channels.

Every draw of a prediction is a path, so what is computed of each draw by itself is a draw of what
is asked: of a daily total, or of the peak of a sum over sensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from latentode.config.durations import DurationLike, exact_duration, parse_duration
from latentode.data.dataset import Int64
from latentode.errors import ConfigError
from latentode.results.cells import HOWS, Cells, join_channels
from latentode.results.channels import channel_index, listed, stated
from latentode.results.dataset import time_coordinate
from latentode.results.periods import HORIZON, clock_of
from latentode.results.queries import from_queries
from latentode.results.scenarios import by_scenario

_AXES = {"series": "series", "channel": "channels", "channels": "channels"}


@by_scenario
def aggregate(
    dataset: xr.Dataset,
    how: str,
    *,
    by: DurationLike | None = None,
    over: str | Sequence[str] = (),
    channels: Sequence[str] | None = None,
) -> xr.Dataset:
    """Take the values of every draw together over periods, series or channels.

    A sum is that of the values at the predicted times, and a mean their plain mean, however they
    lie in time: predict on an even grid, and for the integral of a rate multiply the mean by the
    length of the period. A time that was asked for twice counts once.

    Args:
        dataset: Result of `to_dataset`, as `LatentODE.forecast` returns it, or of this function.
        how: "sum", "mean", "max", "min" or "last", the value at the latest time.
        by: Periods: "hour", "day", "week", "month" (local time) or a duration such as "6h", see
            `latentode.results.periods`; "horizon" for all times; None keeps times apart.
        over: "series", "channels" or both, to take these together too. Values of several series
            belong together by period, or by time where there is none.
        channels: Which channels; None for all.

    Returns:
        A data set like that which came in, with draws: a step is a period, and ``time`` its start.
        Further coordinates (series, step): ``end``; ``num_times``, how many predicted times a
        period holds, of all series together; and ``complete``, False where a period reaches beyond
        the predicted times by more than their usual distance, or lacks a series. `summarize`,
        `to_frame`, `write` and `latentode.plot.forecast` take it.

    Raises:
        ConfigError: If an argument is none of these, nothing is taken together, a running total
            would be added up over time, channels of several units are taken together, or there is
            no time or period of which all series have a value.
    """
    if by is not None and not isinstance(by, str):
        by = exact_duration(parse_duration(by))
    axes = _axes(how, by, over)
    chosen = channel_index(dataset, channels)
    names = [str(name) for name in dataset["channel"].values[chosen]]
    counters = [name for name in names if name in stated(dataset, "counters", [])]
    units = {name: unit for name, unit in stated(dataset, "units", {}).items() if name in names}
    if how == "sum" and by is not None and counters:
        raise ConfigError(_sum_of_counters(names, counters, by))
    cells = Cells.of(dataset, chosen, by)
    groups, values = cells.grouped(how, join_series="series" in axes, as_one=by == HORIZON)
    series = [str(name) for name in dataset["series"].values]
    if "channels" in axes:
        unit = _common_unit(names, units, how)
        values, joined = join_channels(values, how), _joined(how, names, "channels")
        names, counters = [joined], [joined] if counters else []
        units = {joined: unit} if unit else {}
    if "series" in axes:
        all_there = groups["num_series"] == len(series)
        if not all_there.any():
            raise ConfigError(_apart(how, by, len(series)))
        groups["whole"] &= all_there
        series = [_joined(how, series, "series")]
    result = from_queries(
        values,
        groups["owner"].to_numpy(),
        groups["start"].to_numpy(),
        series_ids=series,
        channels=names,
        clock=clock_of(dataset),
        units=list(units.items()),
        kind=dataset.attrs.get("kind", "forecast"),
        attrs=_facts(dataset, how, by, axes) | ({"counters": counters} if counters else {}),
    )
    return _described(result, groups)


def _axes(how: str, by: str | None, over: str | Sequence[str]) -> list[str]:
    """What is taken together besides times, checked."""
    if how not in HOWS:
        known = ", ".join(HOWS)
        raise ConfigError(f"aggregate: expected one of {known}, got {how!r}. Write sum by day.")
    named = [over] if isinstance(over, str) else list(over)
    for name in named:
        if name not in _AXES:
            raise ConfigError(f"over: expected series, channels or both, got {name!r}.")
    axes: list[str] = [
        axis for axis in ("series", "channels") if axis in {_AXES[name] for name in named}
    ]
    if how == "last" and axes:
        raise ConfigError(
            f"aggregate: expected sum, mean, max or min over {' and '.join(axes)}, got 'last', "
            "which is of times. Take the sum over them first, and the last of that."
        )
    if by is None and not axes:
        raise ConfigError(
            f"aggregate: expected what the {how} is taken over, got nothing. Write {how} by day, "
            f"{how} by horizon or {how} over series."
        )
    return axes


def _sum_of_counters(names: Sequence[str], counters: Sequence[str], by: str) -> str:
    others = [name for name in names if name not in counters]
    rest = f", and the others by themselves: sum of {listed(others)} by {by}" if others else ""
    return (
        f"aggregate: expected channels that add up over time, got {', '.join(counters)}, running "
        f"totals. Write last of {listed(counters)} by {by} for what they stand at in the end{rest}."
    )


def _apart(how: str, by: str | None, number: int) -> str:
    if by is None:
        advice = f"Take each by periods first: mean by hour then {how} over series"
    else:
        advice = f"Take a longer period: {how} by horizon over series"
    return (
        f"aggregate: expected series that are predicted at the same times, got none of the times "
        f"(or periods) for all {number}. {advice}."
    )


def _common_unit(names: Sequence[str], units: Mapping[str, str], how: str) -> str | None:
    """The unit that channels share; None where it is not known of all."""
    of_unit: dict[str, list[str]] = {}
    for name, unit in units.items():
        of_unit.setdefault(unit, []).append(name)
    if len(of_unit) > 1:
        most = max(of_unit.values(), key=len)
        advice = f"Name those of one: {how} of {listed(most)} over channels."
        if len(most) == 1:
            advice = "No two of them have one, so take them apart."
        got = ", ".join(f"{name} ({unit})" for name, unit in units.items())
        raise ConfigError(f"aggregate: expected channels of one unit, got {got}. {advice}")
    return next(iter(of_unit)) if len(units) == len(names) else None


def _joined(how: str, names: Sequence[str], what: str) -> str:
    """Name of some series or channels together."""
    return f"{how} of {', '.join(names) if len(names) < 4 else f'{len(names)} {what}'}"


def _facts(dataset: xr.Dataset, how: str, by: str | None, axes: Sequence[str]) -> dict[str, Any]:
    """Attributes that stay, and what was taken together, after what was before."""
    label = " ".join(
        [how, *([f"by {by}"] if by else []), *([f"over {' and '.join(axes)}"] if axes else [])]
    )
    earlier = dataset.attrs.get("aggregate")
    kept = {name: dataset.attrs[name] for name in ("num_draws", "seed") if name in dataset.attrs}
    return kept | {"aggregate": f"{earlier} then {label}" if earlier else label}


def _described(result: xr.Dataset, groups: pd.DataFrame) -> xr.Dataset:
    """The result with end, number of times and completeness of each period."""
    real = ~pd.isna(result["time"].values)

    def placed(column: str) -> Any:
        values = groups[column].to_numpy()
        place = np.zeros(real.shape, values.dtype)
        place[real] = values  # both are in order of series and time
        return place

    ends: Int64 = placed("end")
    dims = ("series", "step")
    return result.assign_coords(
        end=time_coordinate(ends, real, clock_of(result)),
        num_times=(dims, placed("num_times")),
        complete=(dims, placed("whole")),
    )
