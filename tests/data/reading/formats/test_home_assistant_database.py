"""The database of Home Assistant, as it keeps it now and as it once did."""

import sqlite3
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import settings as quick
from hypothesis import strategies as st

from latentode.config import DataConfig
from latentode.data.reading.formats.database import FORMAT
from latentode.data.reading.formats.table import LogSource
from latentode.errors import DataError

pytest.importorskip("adbc_driver_sqlite", reason="SQLite is read by adbc-driver-sqlite")

START = 1_709_251_200.0
META = (
    "CREATE TABLE states_meta (metadata_id INTEGER PRIMARY KEY, entity_id TEXT)",
    "CREATE TABLE statistics_meta (id INTEGER PRIMARY KEY, statistic_id TEXT, "
    "unit_of_measurement TEXT, has_mean INTEGER, has_sum INTEGER)",
    "INSERT INTO statistics_meta VALUES (1, 'sensor.hall', '°C', 1, 0)",
    "INSERT INTO statistics_meta VALUES (2, 'sensor.meter', 'kWh', 0, 1)",
)
STATISTICS = (
    "CREATE TABLE {} (id INTEGER PRIMARY KEY, created TEXT, created_ts REAL, metadata_id INTEGER, "
    "start TEXT, start_ts REAL, mean REAL, min REAL, max REAL, last_reset TEXT, state REAL, "
    "sum REAL)"
)
NEW = (
    "CREATE TABLE states (state_id INTEGER PRIMARY KEY, entity_id CHAR(0), state TEXT, "
    "attributes CHAR(0), last_changed_ts REAL, last_updated CHAR(0), last_updated_ts REAL, "
    "old_state_id INTEGER, attributes_id INTEGER, metadata_id INTEGER)"
)
OLD = (
    "CREATE TABLE states (state_id INTEGER PRIMARY KEY, domain TEXT, entity_id TEXT, state TEXT, "
    "attributes TEXT, last_changed DATETIME, last_updated DATETIME)"
)
STATES = [
    ("sensor.hall", "20.5", 0.0),
    ("sensor.hall", "unavailable", 1.25),
    ("sensor.hall", "21", 2.123456),
    ("light.desk", "on", 0.5),
    ("weather.home", "sunny", 0.75),
    ("weather.home", "7", 0.8),
    ("weather.home", "rainy", 0.9),
]


def home(folder, states=STATES, old=False):
    """A database of Home Assistant with some states and two hours of statistics."""
    path = folder / "home-assistant_v2.db"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    tables = (*META, STATISTICS.format("statistics"), STATISTICS.format("statistics_short_term"))
    for statement in (OLD if old else NEW, *tables):
        connection.execute(statement)
    ids = {name: i for i, name in enumerate(dict.fromkeys(name for name, _, _ in states), 1)}
    connection.executemany(
        "INSERT INTO states_meta VALUES (?, ?)", [(i, name) for name, i in ids.items()]
    )
    if old:
        rows = [(name, state, stamp(after)) for name, state, after in states]
        connection.executemany(
            "INSERT INTO states (entity_id, state, last_updated) VALUES (?, ?, ?)", rows
        )
    else:
        rows = [(ids[name], state, START + after) for name, state, after in states]
        connection.executemany(
            "INSERT INTO states (metadata_id, state, last_updated_ts) VALUES (?, ?, ?)", rows
        )
    for hour in range(2):
        at = (stamp(3600 * hour), None) if old else (None, START + 3600 * hour)
        connection.execute(
            "INSERT INTO statistics (metadata_id, start, start_ts, mean, min, max) "
            "VALUES (1, ?, ?, 20.5, 20, ?)", (*at, 21.0 + hour),
        )  # fmt: skip
        connection.execute(
            "INSERT INTO statistics (metadata_id, start, start_ts, state, sum) "
            "VALUES (2, ?, ?, 7, ?)", (*at, 70.0 + hour),
        )  # fmt: skip
    connection.commit()
    connection.close()
    return path


def stamp(after):
    """As older versions write it: in UTC, and not saying so."""
    return datetime.fromtimestamp(START + after, UTC).replace(tzinfo=None).isoformat(" ")


def opened(path, **source):
    return FORMAT.open(LogSource(path, DataConfig(source=source), path.read_bytes()[:512]))


def readings(table, channel, time, value):
    names, times = table.column(channel).to_pylist(), table.column(time).to_pylist()
    values = table.column(value).to_pylist()
    seconds = [round(each.timestamp() - START, 6) for each in times]
    return list(zip(names, values, seconds, strict=True))


@pytest.mark.parametrize("old", [False, True])
def test_states_are_channels_by_entity_with_times_in_utc(tmp_path, old):
    table = opened(home(tmp_path, old=old))
    assert readings(table, "entity_id", "last_updated", "state") == STATES[:4]
    assert table.column("entity_id").unique().to_pylist() == ["sensor.hall", "light.desk"]
    assert str(table.column("last_updated").type) == "timestamp[us, tz=UTC]"
    assert table.units["sensor.hall"] == "°C"
    assert any("weather.home" in str(each) for each in table.doubts.decisions)
    roles = FORMAT.roles(table, DataConfig())
    assert (roles.layout, roles.time) == ("homeassistant", "last_updated")
    assert (roles.channel, roles.value) == ("entity_id", "state")
    assert roles.missing == ("unavailable", "unknown")


@pytest.mark.parametrize("old", [False, True])
def test_statistics_are_channels_by_what_they_count(tmp_path, old):
    table = opened(home(tmp_path, old=old), table="statistics")
    expected = [
        ("sensor.hall.mean", 20.5, 0), ("sensor.hall.mean", 20.5, 3600),
        ("sensor.hall.min", 20.0, 0), ("sensor.hall.min", 20.0, 3600),
        ("sensor.hall.max", 21.0, 0), ("sensor.hall.max", 22.0, 3600),
        ("sensor.meter.sum", 70.0, 0), ("sensor.meter.sum", 71.0, 3600),
        ("sensor.meter.state", 7.0, 0), ("sensor.meter.state", 7.0, 3600),
    ]  # fmt: skip
    assert readings(table, "channel", "time", "value") == expected
    assert table.units["sensor.hall.mean"] == "°C"
    assert table.units["sensor.meter.sum"] == "kWh"
    assert FORMAT.roles(table, DataConfig()).layout == "long"


def test_statistics_without_rows_are_refused(tmp_path):
    with pytest.raises(DataError, match="got none"):
        opened(home(tmp_path), table="statistics_short_term")


def test_states_without_any_number_are_refused(tmp_path):
    with pytest.raises(DataError, match="expected states that are numbers or on and off"):
        opened(home(tmp_path, [("weather.home", "sunny", 0.0)]))


def test_a_query_is_answered_as_it_is(tmp_path):
    table = opened(home(tmp_path), query="SELECT state, last_updated_ts FROM states")
    assert table.columns == ("state", "last_updated_ts")
    assert FORMAT.roles(table, DataConfig()) is None


HISTORY = st.lists(
    st.tuples(
        st.sampled_from(["sensor.a", "sensor.b", "light.c"]),
        st.integers(-(10**6), 10**6).map(lambda whole: str(whole / 100)),
        st.integers(0, 10**12).map(lambda micros: micros / 1e6),
    ),
    min_size=1,
    max_size=20,
)


@given(HISTORY, st.booleans())
@quick(max_examples=25)
def test_any_history_keeps_every_state_at_its_own_microsecond(tmp_path_factory, history, old):
    table = opened(home(tmp_path_factory.mktemp("home"), history, old))
    read = readings(table, "entity_id", "last_updated", "state")
    assert read == [(name, state, pytest.approx(after, abs=2e-6)) for name, state, after in history]
