"""Transposed logs: times along the header, a row for each channel or series."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from latentode.config import DataConfig
from latentode.data.reading.cells.time_forms import may_be_times
from latentode.data.reading.formats.table import Table
from latentode.data.reading.profile import Sample
from latentode.data.reading.roles import CHANNEL_NAMES, ID_NAMES, UNIT_NAMES, by_telling_name
from latentode.data.reading.unrolled import unrolled

#: What the columns of such a log are called.
TIME, VALUE = "time", "value"
_MOST_LABELS = 4  # columns in front of the times
_FEWEST = 3  # times


def labels_before_times(names: Sequence[str], config: DataConfig) -> int | None:
    """How many columns stand before those that are called by times; None where no names are times.

    Args:
        names: Columns of a log.
        config: What is known of it; columns that were named are no times.
    """
    told = config.columns.time
    if told in names or (config.layout == "wide" and told != TIME):
        return None
    for number in range(1, min(_MOST_LABELS, len(names) - _FEWEST) + 1):
        if not any(map(str.isdigit, names[number])):
            continue
        form = may_be_times(pa.chunked_array([pa.array(names[number:], pa.string())]))
        if form is not None and form.kind in ("stamps", "dates") and form.share == 1:
            return number
        return None
    return None


def is_transposed(sample: Sample, labels: int) -> bool:
    """Whether the columns of times hold numbers, and those before them none of the times.

    Args:
        sample: Rows of the log.
        labels: From `labels_before_times`.
    """
    names = sample.table.columns
    times = [name for name in names[labels:][:200] if not sample[name].empty]
    dated = any(sample[name].holds_dates for name in names[:labels])
    return bool(times) and not dated and all(sample[name].is_number for name in times)


def turned(table: Table, labels: int) -> Table:
    """The log with its times in a column.

    Args:
        table: The log.
        labels: Number of columns that stand before the times.
    """
    names = table.columns
    return unrolled(table, names[:labels], names[labels:], {TIME: names[labels:]}, VALUE)


def turned_settings(sample: Sample, labels: int, config: DataConfig) -> DataConfig:
    """Settings of the columns of a log that was turned: its label is the channel, or the series.

    Args:
        sample: Rows of the log as it stands in the file.
        labels: Number of columns that stand before the times.
        config: What is known of it.
    """
    names = sample.table.columns[:labels]
    units = by_telling_name(names, (UNIT_NAMES,))
    others = [name for name in names if name not in units and not sample[name].empty]
    told: dict[str, str] = {"time": TIME}
    columns = config.columns
    if len(others) == 1 and columns.channel is None and columns.id is None:
        several = units and sample[units[0]].num_distinct > 1
        ids = by_telling_name(others, ID_NAMES) and not by_telling_name(others, CHANNEL_NAMES)
        is_id = ids and not several
        told |= {"id": others[0]} if is_id else {"channel": others[0], "value": VALUE}
    if columns.time is not None:
        told.pop("time")
    return config.model_copy(update={"columns": columns.model_copy(update=told)})
