"""Whether a log is long, one reading in each row: which columns are the channel and the value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latentode.config import DataConfig
from latentode.data.reading.profile import Sample, SampledColumn, row_repeats
from latentode.data.reading.roles import (
    CHANNEL_NAMES,
    ID_NAMES,
    QUALITY_NAMES,
    TAG_NAMES,
    UNIT_NAMES,
    VALUE_NAMES,
    by_telling_name,
)
from latentode.errors import ConfigError, DataError

_MOST = 0.5  # share of the rows
_ROWS_EACH = 10  # rows of a name, at least, in the mean
_FARTHER = 3.0  # times


def find_long(
    sample: Sample, time: Sequence[str], rest: Sequence[str], config: DataConfig
) -> tuple[str, str] | None:
    """Find the columns of channel names and of values.

    A column that is called like a channel is one where a column is called like a value. One that
    may as well name the series ("tag", "name") is the channel if the values stand in the only other
    column of numbers and are called so; its cells are words then.

    Args:
        sample: The log.
        time: Columns of the time.
        rest: The other columns.
        config: Layout and columns that are known.

    Returns:
        (channel, value); None for a wide log.

    Raises:
        ConfigError: If a column of a long log is named for a wide one.
        DataError: If the layout is long, or a column of it is named, and the other cannot be found.
    """
    columns = config.columns
    if config.layout in ("wide", "influx"):
        _refuse_named(config)
        return None
    free = [name for name in rest if name not in (columns.id, *columns.static)]
    channel = columns.channel or next(iter(by_telling_name(free, CHANNEL_NAMES)), None)
    value = columns.value or next(iter(_values(sample, free)), None)
    asked = config.layout == "long" or columns.channel is not None or columns.value is not None
    if channel is None and (asked or value is not None):
        channel = _tag(sample, time, free, value, asked=asked)
    if not asked and (channel is None or value is None):
        return None
    if channel is None:
        raise DataError(
            f"{sample.table.name}: a long log needs a column of channel names, none of "
            f"{', '.join(free)} is called like one. Name it with --channel-column."
        )
    value = value or _only_numbers(sample, [name for name in free if name != channel])
    if not columns.channel and not columns.value and config.layout == "auto":
        sample.table.doubts.decide(
            "layout",
            f"long: one reading in each row, its channel in {channel!r}, its value in {value!r}",
            "by their names and cells",
            confidence="likely",
            option="--layout wide",
        )
    return channel, value


def _refuse_named(config: DataConfig) -> None:
    for role in ("channel", "value"):
        if getattr(config.columns, role) is not None:
            raise ConfigError(
                f"data.columns.{role}: expected no --{role}-column in the {config.layout} "
                f"layout, got {getattr(config.columns, role)!r}. Leave it out, or pass --layout "
                "long."
            )


def _values(sample: Sample, free: Sequence[str]) -> list[str]:
    """Columns that are called like a value and do not hold words alone."""
    able = [name for name in free if not sample[name].empty and not sample[name].is_words]
    return by_telling_name(able, VALUE_NAMES)


def _tag(
    sample: Sample, time: Sequence[str], free: Sequence[str], value: str | None, *, asked: bool
) -> str | None:
    """A column of names that may be channels: called so, or the only column of words."""
    words = [name for name in free if name != value and sample[name].is_words]
    coded = [name for name in free if name != value and _are_codes(sample[name])]
    named = by_telling_name([*words, *coded], TAG_NAMES)
    if named:
        return named[0]
    side = {*sum(ID_NAMES, ()), *QUALITY_NAMES, *UNIT_NAMES}
    others = [name for name in words if name.strip().lower() not in side]
    if asked and len(others) == 1:
        return others[0]
    numeric = [name for name in free if name not in words and not sample[name].empty]
    if len(others) != 1 or numeric != [value]:
        return None
    # names of channels split the times; a remark beside a single channel does not
    times = [sample[name].codes for name in time]
    split = row_repeats(times) - row_repeats([*times, sample[others[0]].codes])
    if split > _MOST or _own_levels(sample[others[0]], sample[str(value)]):
        return others[0]
    return None


def _are_codes(column: SampledColumn) -> bool:
    """True for whole numbers that recur, as numbers of items do."""
    return (
        column.is_number
        and not column.holds_fractions
        and 1 < column.num_distinct <= len(column.filled) // _ROWS_EACH
    )


def _own_levels(names: SampledColumn, value: SampledColumn) -> bool:
    """True where values are far nearer to the last of the same name than to that of another."""
    if (names.codes < 0).any() or not 1 < names.num_distinct <= len(names.codes) // _ROWS_EACH:
        return False
    steps = np.abs(np.diff(value.numbers))
    changes = names.codes[1:] != names.codes[:-1]
    order = np.argsort(names.codes, kind="stable")
    inside = np.diff(names.codes[order]) == 0
    same = np.abs(np.diff(value.numbers[order]))[inside]
    other = steps[changes]
    return len(other) >= _ROWS_EACH and bool(np.nanmedian(other) > _FARTHER * np.nanmedian(same))


def _only_numbers(sample: Sample, free: Sequence[str]) -> str:
    numeric = [
        name
        for name in free
        if not by_telling_name([name], ID_NAMES)
        and not sample[name].is_words
        and not sample[name].empty
    ]
    if len(numeric) != 1:
        raise DataError(
            f"{sample.table.name}: a long log needs a column of values, and {len(numeric)} of its "
            "columns may be. Name it with --value-column."
        )
    return numeric[0]
