"""Columns of whole numbers that number the rows or tell the time once more: no channels."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Float64, Int64
from latentode.data.reading.profile import Sample, SampledColumn
from latentode.data.reading.roles import by_telling_name
from latentode.data.reading.sample_times import NOT_KNOWN

_NAMES = (
    *("id", "index", "row", "record", "recnbr", "entry_id", "unnamed: 0"),
    *("#", "no", "no.", "nr", "nr."),
)
_KEY = re.compile(r"(?i:(.*[_ .-])?(id|recnbr|record|seq))|.*[a-z]I[dD]")  # of a row in a database
_OF_SOMETHING = re.compile(r"[%°]|^\s*[+-]?\d+\s*[^\W\d]")  # "45%", "20 °C", "7 V"
_MANY = 20  # steps: a shorter channel may rise by one each time by chance
_NEARLY_ALL = 0.95  # share of the steps
_FEW = 0.01  # share of steps that begin anew; sixty minutes would be more
_UNITS = np.array([NS_PER_UNIT[unit] for unit in ("ms", "s", "min", "h", "d")], dtype=np.float64)
_ALIKE = 0.005  # by how much the unit of a second clock may be off
_NEAR = 0.05  # share of a step by which a second clock may be off in a row


def row_counters(
    sample: Sample,
    names: Sequence[str],
    *,
    times: Int64 | None = None,
    series: Int64 | None = None,
) -> dict[str, str]:
    """Columns that number the rows, whatever they are called: name -> what shows it.

    Whole numbers that change by one and the same step from nearly every row to the next, in the
    log or within its series. One that falls while the time rises counts what is left, such as a
    battery, and is a channel unless its name tells otherwise.

    Args:
        sample: The log.
        names: Columns that may be counters.
        times: Time of each row, nanoseconds; None where they are not known.
        series: Code of the series of each row; None for one series.
    """
    follows = np.diff(sample.rows) == 1
    order = np.arange(len(sample.rows))
    if series is not None:
        order = np.argsort(series, kind="stable")
        follows = np.diff(series[order]) == 0
    forward, stays = None, False
    if times is not None:
        forward = _rises(times[order], follows)
        # what counts the rows of a day, beside a date alone, is a part of the time
        stays = bool((np.diff(times[order])[follows] == 0).mean() > 0.5) if follows.any() else False
    counters = {}
    for name in names:
        column = sample[name]
        if not column.is_number or column.holds_fractions or _has_unit(column):
            continue
        steps = np.diff(column.numbers[order])[follows]
        shown = _counts(name, steps, forward)
        if shown and not (stays and len(np.unique(np.sign(steps))) > 1):
            counters[name] = shown
    return counters


def _has_unit(column: SampledColumn) -> bool:
    """Whether the numbers are of something: "45%", or those below "Battery %"."""
    cells = column.distinct[:1] if column.is_text else []
    return any(_OF_SOMETHING.search(text) for text in (column.name[1:], *cells))


def _rises(times: Int64, follows: np.ndarray) -> bool | None:
    """Whether the times rise from row to row; None where they do neither that nor fall."""
    known = (times[1:] != NOT_KNOWN) & (times[:-1] != NOT_KNOWN) & follows
    steps = np.diff(times)[known]
    steps = steps[steps != 0]
    return None if not len(steps) else bool((steps > 0).mean() > 0.5)


def _counts(name: str, steps: Float64, forward: bool | None) -> str | None:
    """What shows that a column numbers the rows; None where nothing does."""
    steps = steps[~np.isnan(steps)]
    if not len(steps):
        return None
    values, counts = np.unique(steps, return_counts=True)
    step, share = float(values[counts.argmax()]), float(counts.max() / len(steps))
    named = bool(by_telling_name([name], (_NAMES,)))
    called_so = named and abs(step) == 1 and share == 1
    # an index without a name that a program has written counts from the first row on
    index = name == "Unnamed: 0" and abs(step) == 1 and share == 1
    if not (len(steps) >= _MANY or (called_so and len(steps) > 1) or index):
        return None
    if _KEY.fullmatch(name) and len(steps) >= _MANY and (steps * (1 if forward else -1) > 0).all():
        return "it rises with every row, as a key of a database does"
    if step == 0 or share < _NEARLY_ALL:
        return None
    if step < 0 and forward and not named:
        return None
    if (steps * np.sign(step) < 0).mean() > _FEW:
        return None
    by = "one" if abs(step) == 1 else f"{abs(step):g}"
    return f"{'rises' if step > 0 else 'falls'} by {by} in {100 * share:.0f} % of the rows"


def second_clocks(sample: Sample, names: Sequence[str], times: Int64) -> dict[str, str]:
    """Columns of numbers that go with the time at its own pace: name -> what shows it.

    Args:
        sample: The log.
        names: Columns of numbers.
        times: Time of each row, nanoseconds.
    """
    follows = (np.diff(sample.rows) == 1) & (times[1:] != NOT_KNOWN) & (times[:-1] != NOT_KNOWN)
    passed = np.diff(times.astype(np.float64))[follows]
    clocks = {}
    for name in names:
        steps = np.diff(sample[name].numbers)[follows]
        known = ~np.isnan(steps) & (passed != 0)
        if not sample[name].is_number or known.sum() < _MANY or (steps[known] == 0).mean() > _FEW:
            continue
        with np.errstate(over="ignore"):  # a step of 1e-310 has no pace
            ratios = passed[known] / np.where(steps[known] == 0, np.nan, steps[known])
        if (ratios > 0).mean() < _NEARLY_ALL:
            continue
        pace = float(np.nanmedian(ratios))
        if not pace > 0:
            continue
        unit = _UNITS[np.abs(_UNITS / pace - 1).argmin()]
        if abs(unit / pace - 1) > _ALIKE:
            continue
        if (np.abs(ratios / unit - 1) <= _NEAR).mean() >= _NEARLY_ALL:
            clocks[name] = "it goes with the time at its own pace: a second clock"
    return clocks
