"""Tables in which several columns are one channel at several times: one reading in each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latentode.data.reading.formats.table import Table


def unrolled(
    table: Table,
    keep: Sequence[str],
    across: Sequence[str],
    said: Mapping[str, Sequence[str]],
    value: str,
) -> Table:
    """One row per filled cell of some columns, in the order of the rows.

    Args:
        table: The log.
        keep: Columns whose cells are repeated for each of the others.
        across: Columns whose cells are readings.
        said: New column -> what it says of each of these.
        value: New column of the readings.
    """
    number, width = table.num_rows, len(across)
    rows = np.repeat(np.arange(number), width)
    cells = [table.column(name) for name in across]
    if len({column.type for column in cells}) > 1:
        cells = [table.text(name).cast(pa.string()) for name in across]
    below = pa.chunked_array([chunk for column in cells for chunk in column.chunks])
    places = (np.arange(number)[:, None] + number * np.arange(width)).ravel()
    readings = below.take(pa.array(places))
    filled = pc.is_valid(readings)
    if pa.types.is_string(readings.type) or pa.types.is_dictionary(readings.type):
        filled = pc.and_(filled, pc.not_equal(readings.cast(pa.string()), ""))
    kept = np.flatnonzero(np.asarray(filled))
    columns = {name: table.column(name).take(pa.array(rows[kept])) for name in keep}
    for name, texts in said.items():
        codes = pa.array(np.tile(np.arange(width, dtype=np.int32), number)[kept])
        columns[name] = pa.chunked_array([pa.array(texts, pa.string()).take(codes)])
    columns[value] = readings.take(pa.array(kept))
    result = Table(columns)
    result.named_as(table)
    result.lines = table.lines[rows[kept]]
    return result
