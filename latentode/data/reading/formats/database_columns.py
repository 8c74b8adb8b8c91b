"""Columns of a database as columns of text, numbers and times."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latentode.data.reading.formats.table import is_text

# microseconds since 1970 beyond which a stamp is "infinity": the year 9999, and 1 before Christ
_LAST, _FIRST = 253_402_300_800_000_000, -62_198_755_200_000_000
_INTERVAL = np.dtype(
    [("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")]
)  # as Arrow has it
_DAY_NS = 86_400 * 10**9  # nanoseconds of a day, which an interval counts apart


def plain_columns(table: pa.Table) -> tuple[dict[str, pa.ChunkedArray], dict[str, str]]:
    """Columns that a log may have, and why the others are left out.

    Returns:
        Name -> column, NULL and NaN as null; name -> kind of what is left out.
    """
    columns: dict[str, pa.ChunkedArray] = {}
    left_out: dict[str, str] = {}
    for field, column in zip(table.schema, table.columns, strict=True):
        kind = (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode() or str(field.type)
        plain = None if kind == "money" else _plain(column, kind)
        if plain is None:
            left_out[field.name] = kind
        else:
            columns[field.name] = plain
    return columns, left_out


def _plain(column: pa.ChunkedArray, kind: str) -> pa.ChunkedArray | None:
    if column.null_count == len(column):
        return pa.chunked_array([pa.nulls(len(column))])
    if kind == "numeric":
        column = pa.chunked_array([one_array(column).cast(pa.float64())])
    if kind == "uuid":
        return _texts_of_uuids(column)
    if pa.types.is_interval(column.type):
        return _durations(column)
    if pa.types.is_timestamp(column.type):
        micros = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
        finite = pc.and_(pc.less(micros, _LAST), pc.greater(micros, _FIRST))
        return pc.if_else(finite, column, None)
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_nan(column), None, column)
    is_plain = pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)
    return column if is_plain or is_text(column.type) or pa.types.is_temporal(column.type) else None


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """Cells of a column in one piece, without a name for their kind."""
    array = column.combine_chunks()
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def _texts_of_uuids(column: pa.ChunkedArray) -> pa.ChunkedArray:
    coded = one_array(column).dictionary_encode()
    texts = [str(UUID(bytes=each)) for each in coded.dictionary.to_pylist()]
    return pa.chunked_array([pa.DictionaryArray.from_arrays(coded.indices, pa.array(texts))])


def _durations(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Elapsed time; None where months are counted, which have no one length."""
    array = one_array(column)
    parts = np.frombuffer(array.buffers()[1], _INTERVAL)[array.offset :][: len(array)]
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    if parts["months"][valid].any():
        return None
    elapsed = parts["days"].astype(np.int64) * _DAY_NS + parts["nanoseconds"]
    return pa.chunked_array([pa.array(elapsed, pa.duration("ns"), mask=~valid)])
