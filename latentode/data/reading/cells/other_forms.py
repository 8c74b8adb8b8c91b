"""Cells of a column of text that are not plain numbers, channel by channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from latentode.data.dataset import Float64, Int64
from latentode.data.reading.cells.bad_cells import BadText
from latentode.data.reading.cells.number_cells import (
    GroupCells,
    Grouping,
    Numbers,
    PlainCounts,
    Rules,
)
from latentode.data.reading.cells.number_forms import NumberForms, take_apart
from latentode.data.reading.cells.number_groups import FIRST_FAULT, KINDS, GroupReader
from latentode.data.reading.doubts import Doubts

# most frequent spellings of bad cells of one channel that are named
_MOST_NAMED = 200


def read_other_forms(
    column: pa.ChunkedArray,
    values: Float64,
    rest: NDArray[np.bool_],
    grouping: Grouping,
    rules: Rules,
) -> Numbers:
    """Read what is left of a column after its plain numbers.

    Args:
        column: Cells as text.
        values: Plain numbers, NaN elsewhere, shape (row,); the others are filled in.
        rest: True where a cell is neither a plain number nor missing; some are added.
        grouping: Channels.
        rules: What the user said.
    """
    cells = _DistinctCells.of(column, np.flatnonzero(rest), grouping)
    contested = np.unique(cells.pair_group[cells.contested()[cells.pair_text]])
    if len(contested) and _add_marked(column, values, rest, contested, grouping, rules.decimal):
        cells = _DistinctCells.of(column, np.flatnonzero(rest), grouping)
    values[rest] = np.nan
    plain = _plain_counts(values, grouping)
    doubts, units, text_only, texts = Doubts(), {}, [], []
    pair_values = np.full(len(cells.pair_group), np.nan)
    pair_kinds = np.zeros(len(cells.pair_group), dtype=np.int8)
    for group, pairs in cells.groups():
        reader = GroupReader(cells.group(grouping, group, pairs, plain[group], rules, doubts))
        reader.read()
        pair_values[pairs], pair_kinds[pairs] = reader.values, reader.kinds
        if reader.unit:
            units[grouping.name(group)] = reader.unit
        if reader.text_only:
            text_only.append(grouping.name(group))
        texts += _bad_texts(reader, grouping.name(group))
    values[cells.rows] = pair_values[cells.pair_of_row]
    bad = cells.rows[pair_kinds[cells.pair_of_row] >= FIRST_FAULT]
    return Numbers(
        values=values,
        bad=bad,
        texts=tuple(sorted(texts, key=lambda each: each.row)),
        text_only=tuple(text_only),
        units=units,
        decisions=tuple(doubts.decisions),
        questions=tuple(doubts.questions),
    )


@dataclass(frozen=True)
class _DistinctCells:
    """Distinct (channel, text) pairs of some rows, ordered by channel and first row.

    Attributes:
        rows: The rows.
        texts: Distinct texts of all channels, without blanks around them.
        forms: They as numbers.
        pair_group: Channel of each pair, shape (pair,).
        pair_text: Index of its text.
        pair_count: Cells that have it.
        pair_row: First row that has it.
        pair_of_row: Pair of each row, shape (row,).
    """

    rows: Int64
    texts: pa.Array
    forms: NumberForms
    pair_group: Int64
    pair_text: Int64
    pair_count: Int64
    pair_row: Int64
    pair_of_row: Int64

    @classmethod
    def of(cls, column: pa.ChunkedArray, rows: Int64, grouping: Grouping) -> _DistinctCells:
        """Tell pairs apart."""
        cells = column.take(pa.array(rows)).cast(pa.string())
        coded = pa.concat_arrays(pc.utf8_trim_whitespace(cells).chunks).dictionary_encode()
        texts, codes = coded.dictionary, coded.indices.to_numpy(zero_copy_only=False)
        pairs, first, of_row, counts = _distinct(grouping.of(rows), codes.astype(np.int64))
        return cls(
            rows=rows,
            texts=texts,
            forms=take_apart(texts),
            pair_group=pairs[0],
            pair_text=pairs[1],
            pair_count=counts,
            pair_row=rows[first],
            pair_of_row=of_row,
        )

    def contested(self) -> NDArray[np.bool_]:
        """True for texts whose value depends on the decimal mark, shape (text,)."""
        point, comma = self.forms.point, self.forms.comma
        return ~((point == comma) | (np.isnan(point) & np.isnan(comma)))

    def groups(self) -> Iterator[tuple[int, slice]]:
        """Each channel with its pairs."""
        groups, starts = np.unique(self.pair_group, return_index=True)
        ends = [*starts[1:].tolist(), len(self.pair_group)]
        for group, start, end in zip(groups.tolist(), starts.tolist(), ends, strict=True):
            yield group, slice(start, end)

    def group(
        self,
        grouping: Grouping,
        group: int,
        pairs: slice,
        plain: PlainCounts,
        rules: Rules,
        doubts: Doubts,
    ) -> GroupCells:
        """The cells of a channel.

        Args:
            grouping: Channels.
            group: The channel.
            pairs: Its pairs.
            plain: Its other cells.
            rules: What the user said.
            doubts: Gathers what is decided.
        """
        index = self.pair_text[pairs]
        return GroupCells(
            channel=grouping.name(group),
            name=grouping.subject(group),
            texts=self.texts.take(pa.array(index)),
            forms=self.forms.take(index),
            counts=self.pair_count[pairs],
            rows=self.pair_row[pairs],
            plain=plain,
            rules=rules,
            doubts=doubts,
        )


def _distinct(groups: Int64, texts: Int64) -> tuple[tuple[Int64, Int64], Int64, Int64, Int64]:
    """Distinct pairs by group and first row, that row, the pair of each row, and counts."""
    codes, distinct = pd.factorize(groups * (texts.max() + 1) + texts)
    first = np.empty(len(distinct), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    order = np.lexsort((first, groups[first]))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    first = first[order]
    counts = np.bincount(codes, minlength=len(distinct))[order]
    return (groups[first], texts[first]), first, rank[codes], counts


def _add_marked(
    column: pa.ChunkedArray,
    values: Float64,
    rest: NDArray[np.bool_],
    groups: Int64,
    grouping: Grouping,
    decimal: str,
) -> bool:
    """Add the plain numbers with a mark of channels in which the mark is in doubt."""
    rows = np.flatnonzero(~np.isnan(values))
    if grouping.codes is not None:
        rows = rows[np.isin(grouping.of(rows), groups)]
    marked = pc.match_substring(column.take(pa.array(rows)).cast(pa.string()), decimal)
    rows = rows[marked.to_numpy()]
    rest[rows] = True
    return bool(len(rows))


def _plain_counts(values: Float64, grouping: Grouping) -> list[PlainCounts]:
    """Counts of the plain numbers of each channel."""
    rows = np.flatnonzero(~np.isnan(values))
    numbers, groups = values[rows], grouping.of(rows)
    size = np.abs(numbers)
    hundreds = (size >= 100) & (size < 1000) & (size == np.floor(size))
    kinds = (
        numbers == numbers,
        numbers == 0,
        (numbers == 0) | (numbers == 1),
        hundreds,
        size >= 1000,
    )
    counts = [np.bincount(groups[kind], minlength=grouping.number) for kind in kinds]
    return [PlainCounts(*map(int, each)) for each in zip(*counts, strict=True)]


def _bad_texts(reader: GroupReader, channel: str) -> list[BadText]:
    """Spellings of the bad cells of a channel, the most frequent if they are very many."""
    cells = reader.cells
    index = np.flatnonzero(reader.kinds >= FIRST_FAULT)
    index = index[np.argsort(-cells.counts[index], kind="stable")][:_MOST_NAMED]
    return [
        BadText(
            text=cells.texts[i].as_py(),
            column=cells.name,
            channel=channel,
            count=int(cells.counts[i]),
            row=int(cells.rows[i]),
            where=cells.rules.at(int(cells.rows[i])),
            kind=KINDS[reader.kinds[i]],
        )
        for i in index.tolist()
    ]
