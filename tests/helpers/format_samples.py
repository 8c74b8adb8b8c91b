"""One log of two channels, written in every format that is read."""

import csv
import io
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, ipc, orc, parquet
from sensor_files import HEART_RATE, POWER, edf_bytes, fit_bytes, header, record, samples, xdf_bytes

START = datetime(2024, 3, 2, 22, 58, 7)
FIT_EPOCH = datetime(1989, 12, 31)
NAMES = ("heart_rate", "power")


@dataclass(frozen=True)
class Log:
    """Whole numbers at irregular seconds, as every format can hold them."""

    seconds: tuple[int, ...]
    values: tuple[tuple[int, int], ...] = field(repr=False)

    @classmethod
    def of(cls, num_rows, seed=0):
        draw = np.random.default_rng(seed)
        seconds = np.cumsum(draw.integers(3, 60, num_rows)) if num_rows else []
        heart, power = draw.integers(50, 200, num_rows), draw.integers(80, 400, num_rows)
        pairs = zip(heart.tolist(), power.tolist(), strict=True)
        return cls(tuple(np.asarray(seconds).tolist()), tuple(pairs))

    @property
    def stamps(self):
        return [START + timedelta(seconds=second) for second in self.seconds]

    @property
    def frame(self):
        heart, power = zip(*self.values, strict=True) if self.values else ((), ())
        stamps = np.array(self.stamps, "M8[ns]")
        return pd.DataFrame({"time": stamps, "heart_rate": heart, "power": power})

    @property
    def long(self):
        """(stamp, channel, value) of every reading."""
        return [
            (stamp, name, value)
            for stamp, pair in zip(self.stamps, self.values, strict=True)
            for name, value in zip(NAMES, pair, strict=True)
        ]

    @property
    def readings(self):
        """{(channel, nanoseconds after the first reading): value}."""
        since = [stamp - self.stamps[0] for stamp, _, _ in self.long]
        return {
            (name, round(after.total_seconds()) * 10**9): float(value)
            for after, (_, name, value) in zip(since, self.long, strict=True)
        }


def _arrow(log):
    return pa.Table.from_pandas(log.frame, preserve_index=False)


def _in_memory(write):
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def _parquet(log, path):
    path.write_bytes(_in_memory(lambda file: parquet.write_table(_arrow(log), file)))


def _feather(log, path):
    path.write_bytes(_in_memory(lambda file: feather.write_feather(_arrow(log), file)))


def _stream(log, path):
    data = _arrow(log)
    with path.open("wb") as file, ipc.new_stream(file, data.schema) as writer:
        writer.write_table(data)


def _orc(log, path):
    path.write_bytes(_in_memory(lambda file: orc.write_table(_arrow(log), file)))


def _spreadsheet(log, path):
    openpyxl = pytest.importorskip("openpyxl", reason="spreadsheets are written by openpyxl")
    pytest.importorskip("python_calamine", reason="spreadsheets are read by python-calamine")
    book = openpyxl.Workbook()
    book.active.append(["time", *NAMES])
    for stamp, pair in zip(log.stamps, log.values, strict=True):
        book.active.append([stamp, *pair])
    book.save(path)


def _sqlite(log, path):
    pytest.importorskip("adbc_driver_sqlite", reason="SQLite is read by adbc-driver-sqlite")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("CREATE TABLE log (time TEXT, heart_rate INTEGER, power INTEGER)")
    rows = [(f"{t}", *pair) for t, pair in zip(log.stamps, log.values, strict=True)]
    connection.executemany("INSERT INTO log VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()


def _netcdf(engine):
    def write(log, path):
        xr = pytest.importorskip("xarray")
        pytest.importorskip(engine, reason=f"this netCDF is written by {engine}")
        seconds = np.array(log.seconds, "i4")
        variables = {"time": ("time", seconds, {"units": f"seconds since {START}"})}
        for place, name in enumerate(NAMES):
            cells = np.array([pair[place] for pair in log.values], "i2")
            variables[name] = ("time", cells, {})
        xr.Dataset(variables).to_netcdf(path, engine=engine)

    return write


def _edf(log, path):
    pytest.importorskip("edfio", reason="EDF is read by edfio")
    signals = [
        (name, "", (-32768, 32767), np.reshape([pair[place] for pair in log.values], (-1, 1)))
        for place, name in enumerate(NAMES)
    ]
    path.write_bytes(edf_bytes(signals, log.seconds))


def _fit(log, path):
    pytest.importorskip("fitdecode", reason="FIT is read by fitdecode")
    epoch = round((START - FIT_EPOCH).total_seconds())
    path.write_bytes(
        fit_bytes(
            *(
                record(epoch + second, (HEART_RATE, heart), (POWER, power))
                for second, (heart, power) in zip(log.seconds, log.values, strict=True)
            )
        )
    )


def _tdms(log, path):
    nptdms = pytest.importorskip("nptdms", reason="TDMS is read by npTDMS")
    stamps = np.array(log.stamps, "M8[us]")
    channels = [nptdms.ChannelObject("log", "time", stamps)]
    for place, name in enumerate(NAMES):
        cells = np.array([pair[place] for pair in log.values], "f8")
        channels.append(nptdms.ChannelObject("log", name, cells))
    with nptdms.TdmsWriter(path, index_file=False) as writer:
        writer.write_segment(channels)


def _xdf(log, path):
    pytest.importorskip("pyxdf", reason="XDF is read by pyxdf")
    named = [(name, "") for name in NAMES]
    rows = [(float(s), pair) for s, pair in zip(log.seconds, log.values, strict=True)]
    path.write_bytes(xdf_bytes(header(1, "log", 2, channels=named), samples(1, rows)))


def _texts(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _utc(stamp):
    return stamp.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")


def _home_assistant(log, path):
    rows = [(name, value, _utc(stamp)) for stamp, name, value in log.long]
    _texts(path, [("entity_id", "state", "last_changed"), *rows])


def _influx(log, path):
    rows = [("", "", 0, _utc(stamp), value, name, "m") for stamp, name, value in log.long]
    head = [
        ("#group", "false", "false", "false", "false", "true", "true"),
        ("#default", "_result", "", "", "", "", ""),
        ("", "result", "table", "_time", "_value", "_field", "_measurement"),
    ]
    _texts(path, [*head, *rows])


def _csv(log, path):
    rows = [(stamp, *pair) for stamp, pair in zip(log.stamps, log.values, strict=True)]
    _texts(path, [("time", *NAMES), *rows])


#: Kind of file -> (name of its format, what writes it).
KINDS = {
    "Parquet": ("Parquet", _parquet),
    "Feather": ("Feather/Arrow or ORC", _feather),
    "Arrow stream": ("Feather/Arrow or ORC", _stream),
    "ORC": ("Feather/Arrow or ORC", _orc),
    "xlsx": ("a spreadsheet (.xlsx, .xls, .ods)", _spreadsheet),
    "SQLite": ("a database (SQLite, PostgreSQL)", _sqlite),
    "netCDF-3": ("netCDF", _netcdf("scipy")),
    "netCDF-4": ("netCDF", _netcdf("h5netcdf")),
    "EDF": ("EDF", _edf),
    "FIT": ("FIT", _fit),
    "TDMS": ("TDMS", _tdms),
    "XDF": ("XDF", _xdf),
    "Home Assistant": ("Home Assistant export", _home_assistant),
    "InfluxDB": ("InfluxDB annotated CSV", _influx),
    "CSV": ("CSV", _csv),
}
TEXT = ("Home Assistant", "InfluxDB", "CSV")
#: Kinds that keep every channel in a table of its own: time, channel, value.
LONG = ("EDF", "FIT", "TDMS", "XDF", "netCDF-3", "netCDF-4", "Home Assistant", "InfluxDB")


def sample_file(kind, log, folder, name="log.data"):
    """Write a log in a kind of file; its name tells nothing."""
    path = folder / name
    path.unlink(missing_ok=True)
    KINDS[kind][1](log, path)
    return path
