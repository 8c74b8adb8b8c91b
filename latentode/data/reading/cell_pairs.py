"""Columns with two numbers in each cell, as 120/80 of blood pressure: two channels each."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from latentode.data.reading.cells.number_groups import PAIR
from latentode.data.reading.formats.table import Table
from latentode.data.reading.roles import check_present


def in_pairs(table: Table, names: Sequence[str]) -> Table:
    """A table in which columns of two numbers are two columns; it is changed.

    A cell that is no pair stands in both, where it is judged as any other.

    Args:
        table: The log.
        names: The columns.

    Raises:
        DataError: If it lacks one of them.
    """
    for name in names:
        check_present(name, table.columns, table.name, "Correct --pairs.")
        texts = table.text(name).cast(pa.string())
        parts = {
            f"{name} {place}": pc.replace_substring_regex(texts, PAIR, rf"\{place}")
            for place in (1, 2)
        }
        table.part(name, parts)
        table.doubts.decide(
            "columns", f"{name!r} parted into {' and '.join(map(repr, parts))}", "as --pairs says"
        )
    return table
