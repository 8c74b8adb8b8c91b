"""Tables of PostgreSQL, on a server that is started for these tests."""

from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa
import pytest
from postgres_server import missing, running_server

from latentode.config import DataConfig
from latentode.data.reading.formats.database import FORMAT
from latentode.data.reading.formats.database_url import DatabaseUrl
from latentode.data.reading.formats.table import LogSource
from latentode.errors import DataError

driver = pytest.importorskip(
    "adbc_driver_postgresql.dbapi", reason="PostgreSQL is read by adbc-driver-postgresql"
)
pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there is a server")

PASSWORD = "p@ss/w0rd"
LOG = ("CREATE TABLE log (at timestamp, level float8)", "INSERT INTO log VALUES (now(), 1)")
LOGIN = "tester:p%40ss%2Fw0rd@"


@pytest.fixture(scope="module")
def place():
    with running_server(PASSWORD) as place:
        yield place.removeprefix("tester@")


@pytest.fixture
def url(place):
    """Address of a database whose tables are gone after each test."""
    address = f"postgresql://{LOGIN}{place}"
    yield address
    change(address, "DROP SCHEMA public CASCADE", "DROP SCHEMA IF EXISTS plant CASCADE",
           "CREATE SCHEMA public")  # fmt: skip


def change(url, *statements):
    with driver.connect(url) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        connection.commit()


def opened(url, **source):
    return FORMAT.open(LogSource(DatabaseUrl(url), DataConfig(source=source)))


def test_columns_are_stamps_numbers_and_texts(url):
    change(
        url,
        "CREATE TABLE log (at timestamptz, local timestamp, day date, clock time, "
        "elapsed interval, level numeric, flow real, count bigint, running bool, site varchar(9), "
        "key uuid)",
        "INSERT INTO log VALUES ('2024-03-01 10:00:00.5+02', '2024-03-01 10:00:00.123456', "
        "'2024-03-01', '10:00', '1 day 30 hours', 1.25, 2.5, 7, true, 'north', "
        "'00000000-0000-0000-0000-00000000000a')",
        "INSERT INTO log DEFAULT VALUES",
    )
    table = opened(url)
    first = {name: table.column(name)[0].as_py() for name in table.columns}
    assert first == {
        "at": datetime(2024, 3, 1, 8, 0, 0, 500_000, tzinfo=UTC),
        "local": datetime(2024, 3, 1, 10, 0, 0, 123_456),
        "day": date(2024, 3, 1),
        "clock": time(10),
        "elapsed": timedelta(days=1, hours=30),
        "level": 1.25,
        "flow": 2.5,
        "count": 7,
        "running": True,
        "site": "north",
        "key": "00000000-0000-0000-0000-00000000000a",
    }
    assert all(table.column(name)[1].as_py() is None for name in table.columns)
    assert table.column("at").type == pa.timestamp("us", "UTC")
    assert table.column("local").type == pa.timestamp("us")


def test_what_is_no_number_and_no_time_is_missing(url):
    change(
        url,
        "CREATE TABLE log (at timestamptz, level numeric, flow float8)",
        "INSERT INTO log VALUES ('infinity', 'NaN', 'NaN'), ('-infinity', NULL, NULL), "
        "('2024-03-01 10:00Z', 1, 2)",
    )
    table = opened(url)
    assert [table.column(name).null_count for name in table.columns] == [2, 2, 2]
    assert table.column("at")[2].as_py() == datetime(2024, 3, 1, 10, tzinfo=UTC)


def test_columns_that_would_be_misread_are_left_out_and_the_advice_works(url):
    change(
        url,
        "CREATE TABLE log (at timestamptz, price money, tags jsonb, lag interval)",
        "INSERT INTO log VALUES ('2024-03-01 10:00Z', 3.5, '{}', '1 month')",
    )
    table = opened(url)
    assert table.columns == ("at",)
    said = [str(each) for each in table.doubts.decisions]
    assert any("'price' ignored: money" in each for each in said)
    assert any("'lag' ignored: interval" in each for each in said)
    table = opened(url, query='SELECT at, CAST("price" AS numeric) AS price FROM log')
    assert table.column("price").to_pylist() == [3.5]


def test_tables_of_other_schemas_and_odd_names_are_read(url):
    change(
        url,
        "CREATE SCHEMA plant",
        'CREATE TABLE plant."My log" (at timestamp, level float8)',
        "INSERT INTO plant.\"My log\" VALUES ('2024-03-01', 1.5)",
        "CREATE TABLE sites (name text)",
    )
    assert opened(url).stem == "plant.My log"
    assert opened(url, table="plant.My log").column("level").to_pylist() == [1.5]


def test_parts_of_a_table_are_read_with_the_whole(url):
    change(
        url,
        "CREATE TABLE log (at timestamp, level float8) PARTITION BY RANGE (at)",
        "CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM ('2024-03-01') TO ('2024-03-02')",
        "CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM ('2024-03-02') TO ('2024-03-03')",
        "INSERT INTO log VALUES ('2024-03-01', 1), ('2024-03-02', 2)",
    )
    table = opened(url)
    assert (table.stem, sorted(table.column("level").to_pylist())) == ("log", [1.0, 2.0])


@pytest.mark.parametrize(
    "query", ["DELETE FROM log RETURNING *", "DROP TABLE log", "SELECT 1; DROP TABLE log"]
)
def test_nothing_is_written(url, query):
    change(
        url, "CREATE TABLE log (at timestamp, level float8)", "INSERT INTO log VALUES (now(), 1)"
    )
    with pytest.raises(DataError, match="the query failed"):
        opened(url, query=query)
    assert opened(url).num_rows == 1


def test_the_password_is_shown_nowhere(url, place):
    change(
        url, "CREATE TABLE log (at timestamp, level float8)", "INSERT INTO log VALUES (now(), 1)"
    )
    assert opened(url).name == f"postgresql://tester@{place}"
    for wrong in (
        url.replace("w0rd", "w1rd"),
        f"postgresql://tester:p@ss/w0rd@{place}",  # its marks are not written as %40 and %2F
        url + "-gone",
    ):
        with pytest.raises(DataError, match="it cannot be opened") as told:
            opened(wrong)
        assert not [
            text for text in ("p%40", "p@s", "ss/", "0rd", "w1rd") if text in str(told.value)
        ]


def test_home_assistant_on_a_server_is_recognised(url):
    change(
        url,
        "CREATE TABLE states_meta (metadata_id bigint, entity_id varchar)",
        "CREATE TABLE states (state varchar, metadata_id bigint, last_updated_ts double precision, "
        "last_updated timestamptz, entity_id varchar)",
        "INSERT INTO states_meta VALUES (1, 'sensor.hall')",
        "INSERT INTO states VALUES ('20.5', 1, 1709251200.25), ('unknown', 1, 1709251201)",
    )
    table = opened(url)
    assert table.column("entity_id").to_pylist() == ["sensor.hall"] * 2
    first = min(table.column("last_updated").to_pylist())
    assert first == datetime(2024, 3, 1, 0, 0, 0, 250_000, UTC)
