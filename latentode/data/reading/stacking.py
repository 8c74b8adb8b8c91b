"""Tables with several times, or several values of each channel, a row: one reading in each row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latentode.config import DataConfig
from latentode.data.reading.cells.time_scales import unit_in_name
from latentode.data.reading.formats.table import RenamedTable, Table
from latentode.data.reading.profile import Sample
from latentode.data.reading.roles import (
    CHANNEL_NAMES,
    TAG_NAMES,
    TIME_NAMES,
    VALUE_NAMES,
    by_telling_name,
    check_present,
)
from latentode.data.reading.row_counters import row_counters

#: What the columns of a stacked table are called.
CHANNEL, VALUE = "channel", "value"
_MOST = 0.5  # share of rows
_FEWEST = 5  # numbers that are taken for epochs without a name that says so
_TWO = 2  # clocks, or values, at least
_OF_ONE = frozenset(
    (
        *("mean", "min", "max", "avg", "average", "minimum", "maximum", "median", "sum", "state"),
        *("last", "first", "count", "std", "stddev", "change", "total", "mittelwert", "mittel"),
    )
)


def clock_pairs(sample: Sample, config: DataConfig) -> dict[str, list[str]]:
    """Time -> its values, where columns of times and of values alternate; empty otherwise.

    Args:
        sample: Rows of the log.
        config: What is known of it; a stacked table's own names do not count.
    """
    table, columns = sample.table, config.columns
    told = (columns.id, columns.channel, columns.value)
    pinned = columns.channel == CHANNEL and columns.value == VALUE
    if any(name in table.columns for name in told) or config.layout not in ("auto", "long"):
        return {}
    if not pinned and any(name is not None for name in (*told, columns.time, columns.channels)):
        return {}
    clocks = [name for name in table.columns if _is_clock(sample, name)]
    if len(clocks) < _TWO:
        return {}
    names = [name for name in table.columns if not sample[name].empty]
    numbers = [name for name in names[: names.index(clocks[0])] if sample[name].is_number]
    if numbers and names[-1] != clocks[-1]:  # they may number the rows
        counters = row_counters(sample, numbers)
        names = [name for name in names if name not in counters]
    if names[0] != clocks[0] and names[-1] == clocks[-1]:
        names.reverse()  # each time stands behind its values
    if names[0] not in clocks or len(set(map(unit_in_name, clocks))) > 1:
        return {}
    pairs: dict[str, list[str]] = {}
    for name in names:
        if name in clocks:
            pairs[name] = []
        elif sample[name].is_number:
            pairs[list(pairs)[-1]].append(name)
        else:
            return {}
    alternate = all(pairs.values())
    pairs = {name: [each for each in names if each in pairs[name]] for name in clocks if alternate}
    return pairs if alternate and _are_different(sample, clocks) else {}


def _is_clock(sample: Sample, name: str) -> bool:
    """True for stamps, and for numbers that only rise and are epochs or called a time."""
    column = sample[name]
    kind = None if column.form is None else column.form.kind
    if kind == "stamps":
        return True
    plain = re.sub(r"[ _.]?\d+$", "", name)
    called_so = kind == "epoch" or unit_in_name(name) or by_telling_name([plain], TIME_NAMES)
    if not called_so or not column.is_number:
        return False
    if kind == "epoch" and not (by_telling_name([plain], TIME_NAMES) or unit_in_name(name)):
        thousandths = column.numbers[~np.isnan(column.numbers)] * 1e3
        if len(thousandths) < _FEWEST or (thousandths != np.rint(thousandths)).any():
            return False
    return len(column.steps) > 0 and bool((column.steps > 0).all())


def _are_different(sample: Sample, clocks: Sequence[str]) -> bool:
    """True where no two clocks show one time in most rows, or keep one distance."""
    texts = [sample[name].texts for name in clocks]
    return all((first != second).mean() > _MOST for first, second in pairwise(texts))


def stack_pairs(table: Table, pairs: dict[str, list[str]]) -> Table:
    """One row per reading, with the time, "channel" and "value".

    Args:
        table: The log.
        pairs: From `clock_pairs`.
    """
    names = [(time, value) for time, values in pairs.items() for value in values]
    channels = [
        pa.array([value]).take(pa.array(np.zeros(table.num_rows, int))) for _, value in names
    ]
    stacked = _stack(
        table,
        {
            names[0][0]: [time for time, _ in names],
            VALUE: [value for _, value in names],
        },
        channels,
    )
    # a pair without a time is the end of a shorter column, and no bad row
    filled = pc.not_equal(stacked.text(names[0][0]).cast(pa.string()), "")
    return _filtered(stacked, filled)


def several_values(sample: Sample, config: DataConfig) -> tuple[str, list[str]] | None:
    """The column of channel names and those of values, where a row has several of one channel.

    As in statistics of Home Assistant: ``statistic_id, start, mean, min, max``.

    Args:
        sample: Rows of the log.
        config: What is known of it.
    """
    table, columns = sample.table, config.columns
    pinned = columns.channel == CHANNEL and columns.value == VALUE
    told = any((columns.channel, columns.value, columns.channels, columns.id))
    if (told and not pinned) or config.layout not in ("auto", "long"):
        return None
    values = [name for name in table.columns if _word(name) in _OF_ONE]
    if not values or CHANNEL in table.columns:
        return None
    words = [name for name in table.columns if sample[name].is_words]
    named = by_telling_name(words, (*CHANNEL_NAMES, *TAG_NAMES))
    values = [name for name in values if sample[name].is_number]
    if len(values) < _TWO and by_telling_name(values, VALUE_NAMES):
        return None  # a long log as any other
    other = [
        name
        for name in table.columns
        if sample[name].is_number and sample[name].form is None and name not in values
    ]
    return (named[0], values) if named and values and not other else None


def _word(name: str) -> str:
    """What a column of values holds of them: "value_min" is min."""
    return re.sub(r"^val(ue)?[ _]|[ _]val(ue)?$", "", name.strip().lower())


def stack_values(table: Table, names: str, values: Sequence[str]) -> Table:
    """One row per value, its channel called after its name and its column.

    Args:
        table: The log.
        names: Column of channel names.
        values: Columns of values.
    """
    texts = table.text(names).cast(pa.string())
    ends = [f" {value}" if len(values) > 1 else "" for value in values]
    channels = [pc.binary_join_element_wise(texts, end, "").combine_chunks() for end in ends]
    others = [name for name in table.columns if name not in (names, *values)]
    parts = {name: [name] * len(values) for name in others} | {VALUE: list(values)}
    return _stack(table, parts, channels)


def join_columns(table: Table, name: str, parts: Sequence[str]) -> Table:
    """A table with one column for several: its cells, with a slash between them.

    Args:
        table: The table.
        name: Name of the column.
        parts: The columns; they are left out.

    Raises:
        DataError: If the table lacks one of them.
    """
    for part in parts:
        check_present(part, table.columns, table.name, "All files need the same columns.")
    texts = [table.text(part).cast(pa.string()) for part in parts]
    joined = RenamedTable(table, {each: each for each in table.columns if each not in parts})
    joined.add(name, pc.binary_join_element_wise(*texts, "/"))
    return joined


def _stack(table: Table, parts: dict[str, list[str]], channels: Sequence[pa.Array]) -> Table:
    """Columns of a table below one another: new name -> the columns that it is made of."""
    columns = {}
    for name, sources in parts.items():
        cells = [table.column(source) for source in sources]
        if len({column.type for column in cells}) > 1:
            cells = [table.text(source).cast(pa.string()) for source in sources]
        columns[name] = pa.chunked_array([chunk for column in cells for chunk in column.chunks])
    columns[CHANNEL] = pa.chunked_array(list(channels)).dictionary_encode()
    stacked = Table(columns)
    stacked.named_as(table)
    stacked.lines = np.tile(table.lines, len(channels))
    return stacked


def _filtered(table: Table, rows: pa.ChunkedArray) -> Table:
    chosen = Table({name: table.column(name).filter(rows) for name in table.columns})
    chosen.named_as(table)
    chosen.lines = table.lines[rows.to_numpy()]
    return chosen
