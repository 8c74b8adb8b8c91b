"""When series were observed: rows of an id, a start and an end, perhaps for a mark."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from latentode.config import DataConfig
from latentode.data.dataset import Int64
from latentode.data.reading.formats.table import Table
from latentode.data.reading.key_columns import TextColumn
from latentode.data.reading.keyed_rows import KeyedRows, Source, codes_of, open_rows, read_rows
from latentode.data.reading.roles import by_telling_name, check_present
from latentode.errors import DataError

_UNKNOWN = np.iinfo(np.int64).min
_EITHER = "start, end"


class ObservationWindows:
    """Windows of a table ``id, start, end[, mark]``, on the clock of events.

    Args:
        source: File or data frame.
        config: How the events were read.
        events: The events; columns of ids and marks may be called as theirs are.

    Raises:
        DataError: If a column is absent, or rows are bad and the policy refuses them.
    """

    def __init__(self, source: Source, config: DataConfig, events: KeyedRows) -> None:
        named = {"time": _EITHER, "id": events.roles.id or config.columns.id}
        columns = config.columns.model_copy(update=named)
        names = ((events.roles.channel or "mark").lower(),), ("mark",)
        self._rows = read_rows(
            _two_rows_each(_opened(source, config)),
            config.model_copy(update={"columns": columns}),
            text=TextColumn(None, names, "--mark-column"),
            clock=events.clock,
            series_ids=events.series_ids,
            repeats=2,
        )
        self.ids = self._rows.ids[::2]

    def arranged(self, series_ids: Sequence[str], marks: Sequence[str]) -> Int64:
        """Windows in the order of series and marks, nanoseconds, shape (series, mark, 2).

        Raises:
            DataError: If one is missing, stands twice, or is of an unknown mark.
        """
        rows = self._rows
        result = np.full((len(series_ids), len(marks), 2), _UNKNOWN, dtype=np.int64)
        series = rows.index(series_ids)[::2]
        codes = None if rows.texts is None else codes_of(rows, rows.texts, marks)[::2]
        for row, edges in enumerate(rows.times.reshape(-1, 2)):
            chosen = slice(None) if codes is None else slice(codes[row], codes[row] + 1)
            if (result[series[row], chosen] != _UNKNOWN).any():
                raise DataError(
                    f"{rows.at(2 * row)}: expected one window for a series and mark, got two for "
                    f"{series_ids[series[row]]!r}. Keep one."
                )
            result[series[row], chosen] = edges
        missing = np.argwhere(result[..., 0] == _UNKNOWN)
        if len(missing):
            i, k = missing[0]
            raise DataError(
                f"{rows.table.name}: expected a window for every series and mark, got none for "
                f"{series_ids[i]!r}, {marks[k]!r}. Add its row."
            )
        return result


def _opened(source: Source, config: DataConfig) -> Table:
    table = open_rows(source, config)
    if not isinstance(source, str | os.PathLike):
        table.name = "windows"
    return table


def _two_rows_each(table: Table) -> Table:
    """A row for the start and a row for the end of each window, in turn, as time goes on."""
    edges = [_edge(table, word) for word in ("start", "end")]
    count = table.num_rows
    twice = pa.array(np.repeat(np.arange(count), 2))
    in_turn = pa.array(np.arange(2 * count).reshape(2, count).T.ravel())
    columns = {name: table.text(name).take(twice) for name in table.columns if name not in edges}
    ends = [table.column(edge) for edge in edges]
    if ends[0].type != ends[1].type:
        ends = [table.text(edge).cast(pa.string()) for edge in edges]
    columns[_EITHER] = pa.chunked_array([chunk for end in ends for chunk in end.chunks]).take(
        in_turn
    )
    result = Table(columns)
    result.lines = np.repeat(table.lines, 2)
    result.named_as(table)
    return result


def _edge(table: Table, word: str) -> str:
    called_so = by_telling_name(table.columns, ((word,),))
    if not called_so:
        check_present(word, table.columns, table.name, f"Add {word}.")
    return called_so[0]
