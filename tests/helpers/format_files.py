"""Files of formats that are opened by their bytes, and short ways to look at what was read."""

import numpy as np
import pyarrow as pa

from latentode.config import DataConfig
from latentode.data.reading.formats.table import LogSource


def source_of(path):
    return LogSource(path, DataConfig(), path.read_bytes()[:512])


def opened(log_format, folder, raw):
    """Open bytes from a file whose name tells nothing."""
    path = folder / "log.data"
    path.write_bytes(raw)
    source = source_of(path)
    assert log_format.can_open(source)
    return log_format.open(source)


def rows_of(table):
    """[(time in nanoseconds, channel, value)], with the series first where there are several."""
    times = table.column("time").cast(pa.int64()).to_pylist()
    names = [name for name in table.columns if name not in ("time", "channel", "value")]
    columns = [table.column(name).to_pylist() for name in (*names, "channel", "value")]
    rows = list(zip(times, *columns, strict=True))
    return [(row[1], row[0], *row[2:]) for row in rows] if names else rows


def said_of(table):
    return " ".join(str(decision) for decision in table.doubts.decisions)


def ns(text):
    """Nanoseconds since 1970 of a date."""
    return int(np.datetime64(text, "ns").astype(np.int64))
