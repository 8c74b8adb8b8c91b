"""Logs in files of Apache Arrow (Feather, IPC file and stream) and ORC."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds
from pyarrow import ipc

from latentode.data.reading.formats.table import (
    Format,
    LogSource,
    Table,
    check_distinct,
    is_text,
)
from latentode.errors import DataError

_CODED = pa.dictionary(pa.int32(), pa.string())
_STREAM_MARK = b"\xff\xff\xff\xff"  # before each message of a stream; no text begins so


class ArrowFormat(Format):
    """Arrow (Feather of version 2 is the IPC file; IPC stream) and ORC, by pyarrow."""

    name = "Feather/Arrow or ORC"
    rank = 11

    def can_open(self, source: LogSource) -> bool:
        """Whether it begins as one of them; a text that begins with ORC has no bytes below 9."""
        start = source.start
        return start.startswith((b"ARROW1\0\0", _STREAM_MARK)) or (
            start.startswith(b"ORC") and min(start) < 9
        )

    def open(self, source: LogSource) -> Table:
        """Read all columns, as they are.

        Raises:
            DataError: If the file is damaged, a name stands twice, or there is no row.
        """
        with _damage_told(source.path):
            log = typed_table(_read(source), source.path)
        if source.start.startswith(_STREAM_MARK) and not _is_closed(source.path):
            log.doubts.decide(
                "format", "read to where the stream ends", "without an end mark: it may be cut off"
            )
        return log

    def blocks(self, source: LogSource, size: int) -> Iterator[Table]:
        """Read some record batches of an IPC file or stream after others; ORC is read whole."""
        if source.start.startswith(b"ORC"):
            yield self.open(source)
            return
        first = 0
        with _damage_told(source.path):
            for data in _batches(source, size):
                table = typed_table(_validated(data), source.path)
                table.lines = np.arange(first, first + table.num_rows)
                table.weight = data.nbytes
                first += table.num_rows
                yield table
                del data, table  # not to be held beside the next ones


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: the file is damaged, or was not closed when it was written "
            f"({error}). Copy it again, or write it anew."
        ) from None


def _batches(source: LogSource, size: int) -> Iterator[pa.Table]:
    """Record batches, several as one table where they are small."""
    is_stream = source.start.startswith(_STREAM_MARK)
    batches: list[pa.RecordBatch] = []
    with pa.memory_map(str(source.path)) as file:
        reader = ipc.open_stream(file) if is_stream else ipc.open_file(file)
        parts = reader if is_stream else map(reader.get_batch, range(reader.num_record_batches))
        for batch in parts:
            batches.append(batch)
            if sum(each.nbytes for each in batches) >= size:
                yield pa.Table.from_batches(batches)
                batches = []
        if batches:
            yield pa.Table.from_batches(batches)


FORMAT = ArrowFormat()


def _is_closed(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-8, io.SEEK_END)
        return file.read() == _STREAM_MARK + bytes(4)


def _read(source: LogSource) -> pa.Table:
    if source.start.startswith(b"ORC"):
        from pyarrow import orc

        return _validated(orc.read_table(source.path))
    open_reader = ipc.open_stream if source.start.startswith(_STREAM_MARK) else ipc.open_file
    with pa.memory_map(str(source.path)) as file, open_reader(file) as reader:
        return _validated(reader.read_all())


def _validated(table: pa.Table) -> pa.Table:
    table.validate(full=True)  # texts and codes of a damaged file may be none
    return table


def typed_table(table: pa.Table, path: Path | None = None) -> Table:
    """Make a log of a table of pyarrow; columns of lists, records or bytes are left out and said.

    Args:
        table: The columns.
        path: File that it is from; None for a frame.

    Raises:
        DataError: If a name stands twice, or no row or no column is left.
    """
    check_distinct(table.column_names, "DataFrame" if path is None else str(path))
    plain = {name: plain_column(table[name]) for name in table.column_names}
    log = Table({name: cells for name, cells in plain.items() if cells is not None}, path)
    for name, cells in plain.items():
        if cells is None:
            log.doubts.decide(
                "channel", f"column {name!r} left out", f"each of its cells is a {table[name].type}"
            )
    return log


def _of_strings(coded: pa.DictionaryArray) -> pa.DictionaryArray:
    """The same codes of plain strings."""
    codes = coded.indices.cast(_CODED.index_type)
    return pa.DictionaryArray.from_arrays(codes, coded.dictionary.cast(pa.string()))


def plain_column(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Cells in a type that columns of `Table` have; None for lists, records and bytes.

    Codes of numbers become the numbers, and decimal numbers floats; text, times and zones stay.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return plain_column(column.cast(kind.storage_type))
    if kinds.is_run_end_encoded(kind):
        return plain_column(pc.run_end_decode(column))
    if kinds.is_dictionary(kind):
        if kinds.is_string_view(kind.value_type):
            return pa.chunked_array([_of_strings(chunk) for chunk in column.chunks], _CODED)
        return column if is_text(kind) else plain_column(column.cast(kind.value_type))
    if kinds.is_string_view(kind):
        return column.cast(pa.string())
    if kinds.is_decimal(kind):
        # straight to a double it is rounded twice, by way of its text once
        return column.cast(pa.string()).cast(pa.float64())
    if kinds.is_float16(kind):
        return column.cast(pa.float64())
    is_plain = is_text(kind) or kinds.is_primitive(kind) or kinds.is_null(kind)
    return column if is_plain and not kinds.is_interval(kind) else None
