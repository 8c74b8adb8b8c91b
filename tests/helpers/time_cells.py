"""Time columns in memory, read as a log's would be."""

import numpy as np
import pyarrow as pa

from latentode.config import TimeConfig
from latentode.data.reading.cells.merged_times import merge_times
from latentode.data.reading.cells.time_column import read_times
from latentode.data.reading.cells.time_stamps import OK
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.formats.table import as_text

SECOND = 10**9
HOUR = 3600 * SECOND
DAY = 24 * HOUR


def ns(text):
    """Nanoseconds since 1970 of an ISO time."""
    return int(np.datetime64(text, "ns").astype(np.int64))


def column(cells):
    """Cells as a column of a table."""
    if isinstance(cells, pa.ChunkedArray):
        return cells
    return pa.chunked_array([cells if isinstance(cells, pa.Array) else pa.array(cells)])


def read_cells(*files, name="time", decimal=".", **settings):
    """(times, doubts) of the time column of one or more files; the first row is line 2."""
    doubts, time = Doubts(), TimeConfig(**settings)
    parts = []
    for cells in map(column, files):
        parts.append(
            read_times(cells, lambda rows, cells=cells: as_text(cells[rows]), time, decimal)
        )
    return merge_times(parts, name, time, doubts, lambda row: f"line {row + 2}"), doubts


def stamps_of(*files, **settings):
    """Times of cells that are all read without a question."""
    times, doubts = read_cells(*files, **settings)
    assert not doubts.questions, doubts.questions
    assert (times.status == OK).all(), times.examples
    return times.times.tolist()


def question(*files, **settings):
    """The one question that is asked about cells."""
    _, doubts = read_cells(*files, **settings)
    (asked,) = doubts.questions
    return asked.message


def read_or_asked(written, expected, **settings):
    """True if cells are read as expected, or asked about; never read otherwise."""
    times, doubts = read_cells(written, **settings)
    return bool(doubts.questions) or times.times.tolist() == list(expected)


def grid(start, step_seconds, count):
    """Python datetimes at even steps."""
    from datetime import datetime, timedelta

    first = datetime.fromisoformat(start)
    return [first + timedelta(seconds=step_seconds * i) for i in range(count)]


def nanoseconds(moments):
    """Nanoseconds of Python datetimes."""
    return [ns(moment.isoformat()) for moment in moments]
