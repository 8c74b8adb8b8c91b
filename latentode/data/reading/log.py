"""Reading logs: the only door through which readings come in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from latentode.config import DataConfig, LatentODEConfig
from latentode.data.dataset import TimeSeriesDataset
from latentode.data.reading.column_profile import ColumnProfile, profile_table
from latentode.data.reading.formats.open_table import Source, open_tables
from latentode.data.reading.formats.table import missing_texts
from latentode.data.reading.opened_log import OpenedLog
from latentode.data.reading.report import DataReport


@contextmanager
def system_memory() -> Iterator[None]:
    """What Arrow frees, numpy takes again; a pool of Arrow's own would keep it."""
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


@system_memory()
def read_log(
    source: Source,
    config: DataConfig | None = None,
    *,
    allow_missing: bool = False,
    allow_unread: bool = False,
) -> tuple[TimeSeriesDataset, DataReport]:
    """Read a log.

    A file of any format of `latentode.data.reading.formats`, several such files, a folder of them,
    the address of a database, or a data frame; wide (one column per channel) or long (one row per
    reading); one series or many. A channel is observed at its own times: an empty cell is no
    reading. What `config` leaves open is decided from what the cells look like, and stated in the
    report with its evidence and the option that overrules it; what would change times or values
    without being certain is asked, all at once.

    The result does not depend on the order of the rows: series are in natural order of their ids,
    channels in the order of the columns or of ``columns.channels``, or by name in a long log.

    Args:
        source: The log.
        config: How it is read; None takes the defaults.
        allow_missing: Whether channels of ``columns.channels`` may be absent, but for one.
        allow_unread: Whether there need be no reading: what is known of series is enough for a
            model that is trained.

    Returns:
        The data set, times in nanoseconds of its clock and values in the units of the log; and the
        report. Its `questions` are about the log as it was read: one should not train on it before
        they are answered.

    Raises:
        DataError: If the log cannot be read, is ambiguous, or holds more bad cells than are
            accepted; the message has the line and the options that settle it.
        ResourceError: If it has more channels than ``max_channels``.
        ConfigError: If the time zone is unknown, or a setting does not fit the log.
    """
    config = config or LatentODEConfig().data
    tables = open_tables(source, config)
    log = OpenedLog.collected(tables, config, allow_missing=allow_missing)
    rows = log.rows()
    channels = log.channels(rows, allow_missing)
    dataset, columns = log.dataset(rows, channels, allow_unread)
    return dataset, log.report(rows, dataset, columns, channels)


def profile_log(source: Source, config: DataConfig | None = None) -> list[ColumnProfile]:
    """The profile of every column of a log, before anything is decided.

    Args:
        source: The log.
        config: How its cells are written; None takes the defaults.

    Raises:
        DataError: If the log cannot be opened.
    """
    config = config or LatentODEConfig().data
    table = next(open_tables(source, config))
    return profile_table(table, missing_texts(config))
