"""Several tables in one file: which one is read is asked, and the answer works."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from log_files import readings_of, said
from typed_options import advised

from latentode.data.reading.formats import csv_tables
from latentode.data.reading.log import read_log
from latentode.errors import DataError

NAMES = ("flow", "level", "rain", "wind")


def table(names, number, day=4, sep=","):
    rows = [
        [f"2024-03-{day:02d} {i // 60:02d}:{i % 60:02d}", *(f"{i}.{k}" for k in range(len(names)))]
        for i in range(number)
    ]
    return "".join(sep.join(row) + "\n" for row in [["time", *names], *rows])


@st.composite
def tables(draw):
    """Texts of two or three tables of other channels, and how many readings each has."""
    sep = draw(st.sampled_from([",", ";", "\t"]))
    between = draw(st.sampled_from(["", "\n", "\nStation B\n", "\n\n"]))
    first = draw(st.sampled_from(["", "Station A\n", f"Site{sep}North\n\n"]))
    names = draw(
        st.lists(
            st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True),
            min_size=2, max_size=3, unique_by=tuple,
        )
    )  # fmt: skip
    sizes = [draw(st.integers(22, 40)) for _ in names]
    texts = [table(each, size, sep=sep) for each, size in zip(names, sizes, strict=True)]
    return first + between.join(texts), [
        (each, size) for each, size in zip(names, sizes, strict=True)
    ]


PAIR = [(["flow", "level"], 22), (["flow"], 22)]
BY_TABS = [table(names, size, sep="\t") for names, size in PAIR]


@settings(max_examples=15, deadline=None)
@example(("".join(BY_TABS), PAIR))  # that blanks part as well
@example(("\nStation B\n".join(BY_TABS), PAIR))
@given(tables())
def test_each_table_is_read_by_the_option_that_the_question_names(tmp_path_factory, case):
    text, expected = case
    path = tmp_path_factory.mktemp("log") / "log.csv"
    path.write_text(text)
    with pytest.raises(DataError, match="header") as caught:
        read_log(path)
    for place, (names, size) in enumerate(expected):
        log, report = read_log(path, advised(str(caught.value), "--header-row", place))
        assert sorted(log.readings.channels) == sorted(names)
        assert len(readings_of(log)) == size * len(names)
        last = place == len(expected) - 1
        assert last or any("is left out" in words for words in said(report))


def test_a_table_that_begins_far_below_is_found(tmp_path):
    rows = "".join(f"{1_700_000_000 + i},{i % 97}.5\n" for i in range(80_000))
    path = tmp_path / "log.csv"
    path.write_text(
        "time,flow\n" + rows + "\ntime,level\n" + "".join(rows.splitlines(keepends=True)[:60])
    )
    with pytest.raises(DataError, match="--header-row 80003 for another") as caught:
        read_log(path)
    log, _ = read_log(path, advised(str(caught.value), "--header-row", 1))
    assert log.readings.channels == ("level",)
    log, _ = read_log(path, advised(str(caught.value), "--header-row", 0))
    assert len(readings_of(log)) == 80_000


@pytest.mark.parametrize(
    "text",
    [
        table(["flow"], 30) + table(["flow"], 30, day=5),
        table(["flow"], 30) + "\n" + table(["flow"], 30, day=5),
        table(["flow"], 30).replace("time,", "# a log\n\nstation,3\nrate,600\n\ntime,", 1),
        table(["flow"], 30).replace("\n", "\n\n"),
        "Start,2024-03-04,06:00\nEnd,2024-03-05,06:00\n\n" + table(["flow", "level"], 30),
    ],
)
def test_a_log_of_one_table_is_not_asked_about(tmp_path, text):
    path = tmp_path / "log.csv"
    path.write_text(text)
    log, _ = read_log(path)
    assert log.readings.channels[0] == "flow"


@pytest.mark.parametrize(
    "lines",
    [
        ["time,x\n"] * 500,
        ["time,x\n", *(line for i in range(500) for line in (f"{i},{i}.5\n", "\n"))],
        ["id,time,x\n", *(f"id,{i},x{i}\n" for i in range(500))],
    ],
    ids=["names alone", "a blank line after each", "rows like the header"],
)
def test_every_line_is_looked_at_once(monkeypatch, lines):
    looked, look = [], csv_tables._is_reading
    monkeypatch.setattr(csv_tables, "_is_reading", lambda each: looked.append(each) or look(each))
    assert not list(csv_tables.tables_below(lines, ",", 0, "log.csv"))
    assert len(looked) <= len(lines)
