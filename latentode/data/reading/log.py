"""Reading logs: the only door through which readings come in."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from latentode.config import DataConfig, LatentODEConfig
from latentode.data.dataset import TimeSeriesDataset
from latentode.data.reading.assembly.build import Builder, series_rank
from latentode.data.reading.assembly.collect import Collector
from latentode.data.reading.assembly.files import series_of_files
from latentode.data.reading.assembly.static import build_static
from latentode.data.reading.cell_policy import CellPolicy
from latentode.data.reading.formats.open_table import Source, open_tables
from latentode.data.reading.formats.table import MISSING_TEXTS
from latentode.data.reading.profile import ColumnProfile, profile_table
from latentode.data.reading.report import DataReport, Tally, make_report
from latentode.data.reading.roles import natural_key
from latentode.data.reading.row_policy import RowPolicy
from latentode.data.reading.second_look.log_rows import LogRows
from latentode.data.reading.second_look.look import second_look
from latentode.data.reading.understand import understand
from latentode.errors import DataError


def read_log(
    source: Source,
    config: DataConfig | None = None,
    *,
    allow_missing: bool = False,
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
    files = open_tables(source, config)
    table = next(files)
    if allow_missing:
        config = _without_absent_columns(config, table.columns)
    table, understanding = understand(table, config)
    roles = understanding.roles
    doubts, name = table.doubts, table.name
    collector = Collector(roles, config)
    collector.add(table)
    for other in files:
        collector.add(understanding.applied(other))
        doubts.merge(other.doubts)
    got = collector.collected()
    tally = Tally(doubts=doubts, left_out=dict(roles.left_out))
    policy = RowPolicy(table, roles, config, got, tally)
    times, keep, clock = policy.rows()
    if roles.id is None:
        series_of_files(got, times, keep, doubts)
    text = CellPolicy(policy).cells(keep)
    series_ids, rank = series_rank(got, keep)
    if not series_ids:
        doubts.settle(name, "reading")
        raise DataError(f"no data rows in {name}: all rows were dropped.")

    channels = _channels(policy, config, text, allow_missing)
    inputs = [each for each in roles.future if each in got.slots]
    _refuse_absent(name, [each for each in roles.future if each not in got.slots])
    build = Builder(table, config, got, tally, clock, times, keep, series_ids, rank)
    readings = build.readings(channels)
    known = build.readings(inputs) if inputs else None
    doubts.settle(name, "reading")
    if not readings.num_readings:
        raise DataError(f"no data rows in {name}: no channel has a reading.")
    tally.add("missing_cells", got.missing_cells)
    tally.add("readings_of_bad_quality", got.poor)
    missing = {*MISSING_TEXTS, *(config.cells.na or ())}
    static_columns, static = build_static(
        got.static, rank, series_ids, missing, name, table.decimal
    )
    dataset = TimeSeriesDataset(
        series_ids=series_ids,
        readings=readings,
        clock=clock,
        inputs=known,
        static_columns=static_columns,
        static=static,
        units=tuple((each, table.units[each]) for each in channels if each in table.units),
    )
    kept = np.flatnonzero(keep)
    rows = LogRows(
        times[kept],
        rank[got.series[kept]],
        lambda row: int(got.lines[kept[row]]),
        table.line_word,
        None if got.row_slot is None else got.row_slot[kept],
    )
    look = second_look(
        readings, series_ids, clock, rows=rows, cells=config.cells, time=config.time, doubts=doubts
    )
    columns = roles.to_columns(tuple(channels))
    report = make_report(
        tally, dataset, source=name, layout=roles.layout, columns=columns, look=look
    )
    return dataset, report


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
    return profile_table(table, (*MISSING_TEXTS, *(config.cells.na or ())))


def _without_absent_columns(config: DataConfig, names: Sequence[str]) -> DataConfig:
    """Leave out channels that a wide log does not have; those of a long log are not known yet."""
    there = tuple(name for name in config.columns.channels or () if name in names)
    if not there or config.layout in ("long", "homeassistant"):
        return config
    columns = config.columns.model_copy(update={"channels": there})
    return config.model_copy(update={"columns": columns})


def _channels(
    policy: RowPolicy, config: DataConfig, text: Collection[int], allow_missing: bool
) -> list[str]:
    """Names of the channels of the data set; counts the readings of all others."""
    got, roles = policy.got, policy.roles
    readable = [
        name for code, name in enumerate(got.slots) if code not in text and name not in roles.future
    ]
    if got.row_slot is not None:
        readable.sort(key=natural_key)
    if config.columns.channels is None:
        if not readable and any(reason == "it is empty" for reason in roles.left_out.values()):
            raise DataError(f"no data rows in {policy.table.name}: no column holds a number.")
        if not readable:
            raise DataError(
                f"{policy.table.name}: no column of numbers is left as a channel "
                f"(columns: {', '.join(policy.table.columns[:12])}). Name them with --channels."
            )
        return readable
    chosen = list(config.columns.channels)
    if allow_missing and set(chosen) & set(got.slots):
        chosen = [name for name in chosen if name in got.slots]
    _refuse_absent(policy.table.name, [name for name in chosen if name not in got.slots], readable)
    other = np.array([name not in chosen and name not in roles.future for name in got.slots])
    reason = "readings_of_other_channels"
    for slot in np.flatnonzero(other & (got.numeric > 0)):
        policy.tally.add(reason, int(got.numeric[slot]))
        table = policy.tally.per_channel.setdefault(reason, {})
        table[got.slots[slot]] = int(got.numeric[slot])
    return chosen


def _refuse_absent(source: str, absent: Sequence[str], present: Sequence[str] = ()) -> None:
    if absent:
        there = f" There are: {', '.join(present[:12])}." if present else ""
        raise DataError(
            f"{source}: no channel {absent[0]!r} in the log.{there} Correct --channels or "
            "--future-columns."
        )
