"""Tables of databases, by file and by URL: which one, and what its cells are."""

import sqlite3

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as quick
from hypothesis import strategies as st

from latentode.config import DataConfig
from latentode.data.reading.formats.database import FORMAT
from latentode.data.reading.formats.database_url import DatabaseUrl, is_url, without_password
from latentode.data.reading.formats.table import LogSource
from latentode.errors import DataError

pytest.importorskip("adbc_driver_sqlite", reason="SQLite is read by adbc-driver-sqlite")

STAMPS = ["2024-03-01 00:00:00", "2024-03-01 00:00:01.5", "2024-03-01 00:00:02"]


def database(folder, *statements, rows=()):
    """An SQLite file; `rows` go into the table ``log``."""
    path = folder / "plant.data"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    for statement in statements:
        connection.execute(statement)
    if rows:
        connection.executemany(f"INSERT INTO log VALUES ({', '.join('?' * len(rows[0]))})", rows)
    connection.commit()
    connection.close()
    return path


def opened(path, **source):
    is_file = not isinstance(path, str)
    log = path if is_file else DatabaseUrl(path)
    start = path.read_bytes()[:512] if is_file else b""
    source = LogSource(log, DataConfig(source=source), start)
    assert FORMAT.can_open(source)
    return FORMAT.open(source)


def log_of(folder, rows=None, columns="stamp, level"):
    rows = rows or [(stamp, 0.1 + i) for i, stamp in enumerate(STAMPS)]
    return database(folder, f"CREATE TABLE log ({columns})", rows=rows)


def test_the_only_table_is_read_with_stamps_as_they_are_written(tmp_path):
    table = opened(log_of(tmp_path))
    assert table.columns == ("stamp", "level")
    assert table.text("stamp").to_pylist() == STAMPS
    assert table.column("level").to_pylist() == [0.1, 1.1, 2.1]
    assert (table.name, table.stem) == (str(tmp_path / "plant.data"), "log")


def test_a_url_names_a_file_from_this_folder_and_from_the_root(tmp_path, monkeypatch):
    path = log_of(tmp_path)
    assert opened(f"sqlite:///{path}").num_rows == 3
    monkeypatch.chdir(tmp_path)
    assert opened("sqlite:///plant.data").name == "plant.data"
    with pytest.raises(DataError, match="expected a database file"):
        opened("sqlite:///other.data")
    assert not (tmp_path / "other.data").exists()


def test_numbers_whose_first_thousands_are_empty_are_read(tmp_path):
    rows = [(f"2024-03-01 {i}", None) for i in range(3000)] + [("2024-03-02", 1.5)]
    assert opened(log_of(tmp_path, rows)).column("level")[-1].as_py() == 1.5


def test_a_fraction_among_texts_loses_no_digit(tmp_path):
    cells = [1700000000.5, "n/a", 7, 1 / 3, 7.0, 2**60, None]
    table = opened(log_of(tmp_path, [("2024", cell) for cell in cells]))
    texts = table.text("level").to_pylist()
    assert texts[:3] == ["1700000000.5", "n/a", "7"]
    assert float(texts[3]) == 1 / 3
    assert texts[4:] == ["7", str(2**60), ""]


def test_bytes_are_left_out_and_it_is_said(tmp_path):
    table = opened(log_of(tmp_path, [("2024", b"\x01", 1.0)] * 2, "stamp, picture, level"))
    assert table.columns == ("stamp", "level")
    assert "column 'picture' ignored: binary" in str(table.doubts.decisions[0])


def test_a_query_gives_its_columns(tmp_path):
    path = log_of(tmp_path)
    table = opened(path, query="SELECT stamp AS t, 2 * level AS twice FROM log WHERE level > 1;")
    assert table.columns == ("t", "twice")
    assert table.column("twice").to_pylist() == [2.2, 4.2]
    assert table.stem == "plant"


@pytest.mark.parametrize("query", ["DROP TABLE log", "DELETE FROM log", "SELECT nothing FROM log"])
def test_a_query_that_is_wrong_or_writes_is_refused_and_nothing_changes(tmp_path, query):
    path = log_of(tmp_path)
    before = path.read_bytes()
    with pytest.raises(DataError, match="the query failed"):
        opened(path, query=query)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["plant.data"]


def test_of_several_tables_the_one_that_looks_like_a_log_is_read(tmp_path):
    path = database(
        tmp_path,
        "CREATE TABLE sites (name TEXT, city TEXT)",
        "INSERT INTO sites VALUES ('north', 'Ulm')",
        "CREATE TABLE old_log (stamp TEXT, level REAL)",
        "CREATE TABLE log (stamp TEXT, level REAL)",
        rows=[("2024", 1.0)],
    )
    table = opened(path)
    assert table.stem == "log"
    assert "table 'log' is read" in str(table.doubts.decisions[0])


def test_several_tables_that_may_be_the_log_are_named_and_the_advice_works(tmp_path):
    path = database(
        tmp_path,
        "CREATE TABLE day (stamp TEXT, level REAL)",
        "INSERT INTO day VALUES ('2024', 2.0)",
        "CREATE TABLE log (stamp TEXT, level REAL)",
        rows=[("2024", 1.0)],
    )
    with pytest.raises(DataError, match=r"got 'day', 'log'\. Name one: --table day"):
        opened(path)
    assert opened(path, table="day").column("level").to_pylist() == [2.0]
    with pytest.raises(DataError, match="Did you mean 'log'"):
        opened(path, table="lug")


def test_a_database_without_rows_is_refused(tmp_path):
    with pytest.raises(DataError, match="expected rows with times and numbers, got none"):
        opened(database(tmp_path, "CREATE TABLE log (stamp TEXT, level REAL)"))
    with pytest.raises(DataError, match="expected a database with tables"):
        opened(database(tmp_path, "CREATE TABLE log (a)", "DROP TABLE log"))


CELLS = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "n/a", "2024-03-01 10:00", "007"]),
)


@given(st.lists(CELLS, min_size=1, max_size=8))
@quick(max_examples=30)
def test_any_mixture_of_cells_is_read_without_loss(tmp_path_factory, cells):
    path = log_of(tmp_path_factory.mktemp("any"), [(i, cell) for i, cell in enumerate(cells)])
    column = opened(path).column("level")
    kinds = {type(cell) for cell in cells if cell is not None}
    assert column.null_count == cells.count(None)
    for read, cell in zip(column.to_pylist(), cells, strict=True):
        if cell is None:
            assert read is None
        elif str not in kinds or isinstance(cell, str):
            assert read == (float(cell) if float in kinds and str not in kinds else cell)
        else:
            assert type(cell)(float(read) if isinstance(cell, float) else int(read)) == cell


def test_stamps_of_a_database_keep_their_fractions_with_pyarrow(tmp_path):
    column = opened(log_of(tmp_path)).column("stamp").cast(pa.timestamp("us"))
    assert [each.isoformat(" ") for each in column.to_pylist()][1] == "2024-03-01 00:00:01.500000"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:s3cret@db.local:5432/plant", "postgresql://ann@db.local:5432/plant"),
        ("postgresql://ann:p@ss/w0rd@db/plant", "postgresql://ann@db/plant"),
        ("postgresql://db/plant?user=ann&password=s3cret", "postgresql://db/plant?user=ann&password=..."),
        ("postgresql://db/plant", "postgresql://db/plant"),
        ("sqlite:///a@b.db", "sqlite:///a@b.db"),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_its_password(url, shown):
    assert str(DatabaseUrl(url)) == repr(DatabaseUrl(url)) == f"{DatabaseUrl(url)}" == shown


def test_words_of_a_command_are_shown_without_passwords():
    assert without_password("postgresql://ann:s3cret@db/plant") == "postgresql://ann@db/plant"
    assert without_password("C:\\log.csv") == "C:\\log.csv"


def test_a_message_that_holds_a_part_of_the_password_is_withheld():
    url = DatabaseUrl("postgresql://ann:p%40ss/w0rd@db/plant")
    assert "w0rd" not in url.cleaned('could not translate host name "w0rd@db"')
    assert url.cleaned("connection\n refused") == "connection refused"


def test_other_addresses_are_refused_without_their_password():
    with pytest.raises(
        DataError, match=r"begins with sqlite:// or postgresql://, got mysql"
    ) as told:
        opened("mysql://ann:s3cret@db/plant")
    assert "s3cret" not in str(told.value)


def test_paths_are_not_taken_for_addresses():
    assert is_url("sqlite:///a.db")
    assert not is_url("C:\\log.csv")
    assert not is_url("folder/log.csv")
