"""Reading logs: the only door through which readings come in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latentode.config import DataConfig, LatentODEConfig
from latentode.data.dataset import TimeSeriesDataset
from latentode.data.reading.assembly.build import Builder, natural_key, series_rank
from latentode.data.reading.assembly.collect import Collector
from latentode.data.reading.assembly.static import build_static
from latentode.data.reading.column_roles import detect_roles
from latentode.data.reading.formats.open_table import open_table
from latentode.data.reading.formats.table import MISSING_TEXTS
from latentode.data.reading.keyed_rows import Source
from latentode.data.reading.report import DataReport, Tally, make_report
from latentode.data.reading.row_policy import RowPolicy
from latentode.errors import DataError


def read_log(
    source: Source, config: DataConfig | None = None, *, allow_missing: bool = False
) -> tuple[TimeSeriesDataset, DataReport]:
    """Read a log.

    CSV (also packed with gzip, annotated by InfluxDB, or exported by Home Assistant), Parquet, or a
    data frame; wide (a column a channel) or long (a row a reading); one series or many. A channel
    is observed at its own times: an empty cell is no reading. What `config` leaves open is
    detected where the evidence is unanimous, and stated in the report.

    The result does not depend on the order of the rows: series are in natural order of their ids,
    channels in the order of the columns or of ``columns.channels``, or by name in a long log.

    Args:
        source: File, or data frame.
        config: How it is read; None takes the defaults.
        allow_missing: Whether channels of ``columns.channels`` may be absent, but for one.

    Returns:
        The data set, times in nanoseconds of its clock and values in the units of the log; and the
        report.

    Raises:
        DataError: If the log cannot be read, is ambiguous, or holds more bad cells than are
            accepted; the message has the line and the option that settles it.
        ResourceError: If it has more channels than ``max_channels``.
        ConfigError: If the time zone is unknown.
    """
    config = config or LatentODEConfig().data
    table = open_table(source, config)
    if allow_missing:
        config = _without_absent_columns(config, table.columns)
    roles = detect_roles(table, config)
    tally = Tally()
    got = Collector(table, roles, config).run()
    policy = RowPolicy(table, roles, config, got, tally)
    times, keep, clock = policy.rows()
    text = policy.cells(keep)
    series_ids, rank = series_rank(got, keep)
    if not series_ids:
        raise DataError(f"no data rows in {table.name}: all rows were dropped.")

    channels = _channels(policy, config, set(text), allow_missing)
    inputs = [name for name in roles.future if name in got.slots]
    _refuse_absent(table.name, [name for name in roles.future if name not in got.slots])
    build = Builder(table, config, got, tally, times, keep, series_ids, rank)
    readings = build.readings(channels)
    known = build.readings(inputs) if inputs else None
    if not readings.num_readings:
        raise DataError(f"no data rows in {table.name}: no channel has a reading.")
    tally.add("missing_cells", got.missing_cells)
    missing = {*MISSING_TEXTS, *(config.cells.na or ())}
    static_columns, static = build_static(
        got.static, rank, series_ids, missing, table.name, table.decimal
    )
    dataset = TimeSeriesDataset(
        series_ids=series_ids,
        readings=readings,
        clock=clock,
        inputs=known,
        static_columns=static_columns,
        static=static,
    )
    tally.notes[:0] = [*table.notes, *roles.notes]
    report = make_report(
        tally,
        dataset,
        source=table.name,
        layout=roles.layout,
        columns=roles.to_columns(tuple(channels)),
    )
    return dataset, report


def _without_absent_columns(config: DataConfig, names: Sequence[str]) -> DataConfig:
    """Leave out channels that a wide log does not have; those of a long log are not known yet."""
    there = tuple(name for name in config.columns.channels or () if name in names)
    if not there or config.layout in ("long", "homeassistant"):
        return config
    columns = config.columns.model_copy(update={"channels": there})
    return config.model_copy(update={"columns": columns})


def _channels(
    policy: RowPolicy, config: DataConfig, text: set[int], allow_missing: bool
) -> list[str]:
    """Names of the channels of the data set; counts the readings of all others."""
    got, roles = policy.got, policy.roles
    readable = [
        name for code, name in enumerate(got.slots) if code not in text and name not in roles.future
    ]
    if got.row_slot is not None:
        readable.sort(key=natural_key)
    if config.columns.channels is None:
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
