"""Small logs on disk, and short ways to read them."""

import gzip

import numpy as np

from latentode.config import LatentODEConfig
from latentode.data.reading.log import read_log


def settings(**values):
    """DataConfig with settings by name, a double underscore for the dot: ``time__unit="s"``."""
    return (
        LatentODEConfig()
        .updated(**{f"data.{name.replace('__', '.')}": value for name, value in values.items()})
        .data
    )


def write(folder, content, name="log.csv", encoding="utf-8"):
    path = folder / name
    raw = content if isinstance(content, bytes) else content.encode(encoding)
    path.write_bytes(gzip.compress(raw, mtime=0) if name.endswith(".gz") else raw)
    return path


def read(folder, content, name="log.csv", encoding="utf-8", **values):
    return read_log(write(folder, content, name, encoding), settings(**values))


def said(report):
    """What was decided of a log, in words."""
    return [str(decision) for decision in report.decisions]


def readings_of(dataset):
    """{(series id, channel, time): value} of every reading."""
    source = dataset.readings
    rows = source.reading_rows()
    ids = np.array(dataset.series_ids, dtype=object)[source.row_series()[rows]]
    names = np.array(source.channels, dtype=object)[source.channel_index]
    times = source.times[rows].tolist()
    return dict(zip(zip(ids, names, times, strict=True), source.values.tolist(), strict=True))


def arrays(readings):
    """Every array of some readings, for bit-equal comparison."""
    return [
        readings.series_starts.tobytes(),
        readings.times.tobytes(),
        readings.row_starts.tobytes(),
        readings.channel_index.tobytes(),
        readings.values.tobytes(),
        readings.channels,
    ]


def ns(text):
    """Nanoseconds since 1970 of a date."""
    return int(np.datetime64(text, "ns").astype(np.int64))
