"""Make ``fixtures/``: a small log of two pumps, written in every form that readers must recognise.

All files hold the same readings (14 hours of two simulated pumps, at whole seconds): a reader may
be tested by whether it gets the same data set from each. Home Assistant rows that say "unavailable"
or "unknown" are the only cells without a counterpart in the other files.

Run ``python datasets/make_fixtures.py`` to rewrite the folder, byte for byte.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isnan
from pathlib import Path

from make_pump_station import SEED, format_cell, observe
from pump_physics import CHANNELS, simulate

USED = ("pressure", "flow", "temperature", "state")
PUMPS, HOURS = 2, 14
EXCEL_EPOCH_DAYS = 25_569  # serial day of 1970-01-01, in the 1900 date system


@dataclass(frozen=True)
class Row:
    """Readings at one time: UTC seconds since 1970, pump id, and written value by channel."""

    epoch: int
    pump: str
    cells: dict[str, str]


def log_rows() -> list[Row]:
    """The readings that all fixtures share, sorted by time."""
    truth = simulate(SEED, 1.0)
    start = int(truth.times[0]) // 1_000_000_000
    rows = []
    for seconds, pump, values in observe(truth):
        cells = {
            name: format_cell(name, value)
            for name, value in zip(CHANNELS, values, strict=True)
            if name in USED and not isnan(value)
        }
        if pump < PUMPS and seconds < 3600 * HOURS and cells:
            rows.append(Row(start + int(seconds), truth.pump_ids[pump], cells))
    return rows


def iso(epoch: int, layout: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """Write a time in UTC."""
    return datetime.fromtimestamp(epoch, UTC).strftime(layout)


def excel_days(epoch: int) -> str:
    """Write a time as Excel's serial days; 10 decimals hold 9 microseconds."""
    return f"{EXCEL_EPOCH_DAYS + epoch / 86_400:.10f}"


def wide(
    rows: list[Row], stamp: Callable[[int], str], sep: str = ",", decimal: str = "."
) -> Iterator[str]:
    """One line a time and pump, an empty cell where a channel was not read."""
    yield sep.join(("timestamp", "sensor_id", *USED))
    for row in rows:
        cells = [row.cells.get(name, "").replace(".", decimal) for name in USED]
        yield sep.join((stamp(row.epoch), row.pump, *cells))


def long(rows: list[Row]) -> Iterator[str]:
    """One line a reading."""
    yield "series,time,channel,value"
    for row in rows:
        for name, cell in row.cells.items():
            yield f"{row.pump},{iso(row.epoch)},{name},{cell}"


def influx(rows: list[Row]) -> Iterator[str]:
    """Annotated CSV of a Flux query: a table a series, a new head where the value's type changes.

    Reference:
        https://docs.influxdata.com/influxdb/cloud/reference/syntax/annotated-csv/
    """
    span = f"{iso(rows[0].epoch - 60)},{iso(rows[-1].epoch + 60)}"
    table = 0
    for kind, fields in (("double", USED[:3]), ("long", USED[3:])):
        yield "#group,false,false,true,true,false,false,true,true,true"
        yield (
            "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,"
            f"{kind},string,string,string"
        )
        yield "#default,_result,,,,,,,,"
        yield ",result,table,_start,_stop,_time,_value,_field,_measurement,sensor_id"
        for field in fields:
            for pump in sorted({row.pump for row in rows}):
                for row in rows:
                    if row.pump == pump and field in row.cells:
                        value = row.cells[field]
                        yield f",,{table},{span},{iso(row.epoch)},{value},{field},water,{pump}"
                table += 1
        yield ""


def home_assistant(rows: list[Row]) -> Iterator[str]:
    """History export: an entity a channel of a pump, with states that are no numbers."""
    yield "entity_id,state,last_changed"
    for pump in sorted({row.pump for row in rows}):
        for name in USED:
            entity = f"sensor.{pump.replace('-', '_')}_{name}"
            own = [row for row in rows if row.pump == pump and name in row.cells]
            yield f"{entity},unknown,{iso(own[0].epoch - 30, '%Y-%m-%dT%H:%M:%S.000Z')}"
            for i, row in enumerate(own):
                stamp = iso(row.epoch, "%Y-%m-%dT%H:%M:%S.000Z")
                yield f"{entity},{row.cells[name]},{stamp}"
                if i == 7:
                    yield f"{entity},unavailable,{iso(row.epoch + 60, '%Y-%m-%dT%H:%M:%S.000Z')}"


def fixtures() -> dict[str, tuple[Iterator[str], str]]:
    """Lines and line ending of each file, by name."""
    rows = log_rows()
    german = wide(rows, lambda t: iso(t, "%d.%m.%Y %H:%M:%S"), sep=";", decimal=",")
    return {
        "iso_wide.csv": (wide(rows, iso), "\n"),
        "long.csv": (long(rows), "\n"),
        "influx_annotated.csv": (influx(rows), "\r\n"),  # as InfluxDB sends it
        "home_assistant.csv": (home_assistant(rows), "\n"),
        "epoch_s.csv": (wide(rows, str), "\n"),
        "epoch_ms.csv": (wide(rows, lambda t: str(t * 10**3)), "\n"),
        "epoch_us.csv": (wide(rows, lambda t: str(t * 10**6)), "\n"),
        "epoch_ns.csv": (wide(rows, lambda t: str(t * 10**9)), "\n"),
        "excel_days.csv": (wide(rows, excel_days), "\n"),
        "decimal_comma.csv": (german, "\r\n"),  # as a German Excel saves it
    }


def main() -> None:
    """Write all fixtures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("fixtures"))
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for name, (lines, ending) in fixtures().items():
        (folder / name).write_bytes("".join(line + ending for line in lines).encode("utf-8"))


if __name__ == "__main__":
    main()
