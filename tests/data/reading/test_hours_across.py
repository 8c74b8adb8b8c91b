"""Logs with a row for each day and a column for each interval of it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_files import arrays, read, readings_of, said, write
from log_files import settings as config
from typed_options import advised

from latentode.data.reading.log import read_log
from latentode.errors import DataError

BERLIN = "Europe/Berlin"
DATES = ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y%m%d")
NUMBERED = ("H{}", "h{:02d}", "HE{}", "Hour {}", "{}", "Interval {}", "Std_{}")


def table(days, columns, cells, form="%Y-%m-%d", more=()):
    """Text of a log: a date, other cells, and the cells of each day."""
    lines = [["date", *(name for name, _ in more), *columns]]
    for day, row in zip(days, cells, strict=True):
        shown = ["" if np.isnan(value) else str(value) for value in row]
        lines.append([day.strftime(form), *(text for _, text in more), *shown])
    return "".join(",".join(line) + "\n" for line in lines)


def times_of(dataset):
    return [time for _, _, time in readings_of(dataset)]


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([24, 48, 96]),
    st.sampled_from(DATES),
    st.sampled_from(NUMBERED),
    st.sampled_from([None, "end"]),
    st.booleans(),
)
def test_a_row_of_a_day_is_as_many_readings(tmp_path_factory, seed, parts, form, name, where, one):
    random = np.random.default_rng(seed)
    days = pd.date_range("2024-01-05", periods=25)
    cells = random.integers(1, 10_000, (25, parts)) / 8
    cells[random.random(cells.shape) < 0.1] = np.nan
    columns = [name.format(number + one) for number in range(parts)]
    folder = tmp_path_factory.mktemp("log")
    log, report = read(folder, table(days, columns, cells, form), time__interval=where)
    step = pd.Timedelta("1D") / parts
    ends = where == "end" or (where is None and one and name.startswith("HE"))
    start = days[0] + step if ends else days[0]
    stamps = pd.date_range(start, periods=cells.size, freq=step)
    expected = pd.Series(cells.ravel(), stamps).dropna()
    assert times_of(log) == expected.index.as_unit("ns").asi8.tolist()
    assert log.readings.values.tolist() == expected.tolist()
    assert any(
        f"at the {'end' if ends else 'start'} of its interval" in words for words in said(report)
    )
    again, _ = read_log(folder / "log.csv", report.pinned(config(time__interval=where)))
    assert arrays(again.readings) == arrays(log.readings)


CLOCKS = {
    "hours": ([f"{h}:00" for h in range(24)], 0),
    "half hours": ([f"{m // 60:02d}:{m % 60:02d}" for m in range(0, 1440, 30)], 0),
    "ends": ([f"{h:02d}:00" for h in range(1, 25)], 1),
    "ranges": ([f"{h:02d}:00-{h + 1:02d}:00" for h in range(24)], 0),
    "letters": ([f"{h}h" for h in range(24)], 0),
}


@pytest.mark.parametrize("kind", CLOCKS)
def test_columns_that_are_called_by_the_clock_are_at_their_times(tmp_path, kind):
    columns, at_end = CLOCKS[kind]
    days = pd.date_range("2024-01-05", periods=3)
    cells = np.arange(3.0 * len(columns)).reshape(3, -1)
    log, _ = read(tmp_path, table(days, columns, cells))
    step = pd.Timedelta("1D") / len(columns)
    stamps = pd.date_range(days[0] + at_end * step, periods=cells.size, freq=step)
    assert times_of(log) == stamps.as_unit("ns").asi8.tolist()
    assert log.readings.values.tolist() == cells.ravel().tolist()


def lived(days, parts):
    """Cells and instants of days that are counted through, with an hour more in autumn."""
    cells = np.full((len(days), parts + parts // 24), np.nan)
    instants = []
    for row, day in enumerate(days):
        end = (day + pd.Timedelta("1D")).tz_localize(BERLIN)
        stamps = pd.date_range(
            day.tz_localize(BERLIN), end, freq=pd.Timedelta("1D") / parts, inclusive="left"
        )
        cells[row, : len(stamps)] = np.arange(len(instants), len(instants) + len(stamps))
        instants += stamps.as_unit("ns").asi8.tolist()
    return cells, instants


@settings(max_examples=8, deadline=None)
@given(
    st.sampled_from([24, 48, 96]),
    st.sampled_from(["H{}", "Interval {}", "{}"]),
    st.sampled_from(["2024-03-20", "2024-10-15", "2023-10-20"]),
    st.booleans(),
)
def test_days_of_23_and_25_hours_are_asked_for_their_zone_and_then_right(
    tmp_path_factory, parts, name, first, autumn_column
):
    days = pd.date_range(first, periods=20)
    cells, instants = lived(days, parts)
    if first == "2024-03-20" and not autumn_column:
        cells = cells[:, :parts]
    columns = [name.format(number + 1) for number in range(cells.shape[1])]
    path = write(tmp_path_factory.mktemp("log"), table(days, columns, cells))
    with pytest.raises(DataError, match="as a day on which clocks change") as caught:
        read_log(path)
    log, _ = read_log(path, advised(str(caught.value), "--tz"))
    assert times_of(log) == instants
    assert log.readings.values.tolist() == list(range(len(instants)))


def test_a_third_hour_that_is_empty_and_one_that_stands_twice_are_by_the_clock(tmp_path):
    days = pd.DatetimeIndex(["2024-03-30", "2024-03-31", "2024-10-27"])
    names = [f"{h:02d}:00" for h in range(24)]
    columns = [*names[:3], "02:00B", *names[3:]]
    cells = np.arange(75.0).reshape(3, 25)
    cells[:2, 3] = np.nan
    cells[1, 2] = np.nan
    log, _ = read(tmp_path, table(days, columns, cells), time__tz=BERLIN)
    expected = [
        stamp
        for day in days
        for stamp in pd.date_range(
            day.tz_localize(BERLIN),
            (day + pd.Timedelta("1D")).tz_localize(BERLIN),
            freq="h",
            inclusive="left",
        ).as_unit("ns").asi8
    ]  # fmt: skip
    assert times_of(log) == expected


def test_a_zone_without_such_a_day_is_not_believed(tmp_path):
    days = pd.date_range("2024-10-15", periods=20)
    cells, _ = lived(days, 24)
    columns = [f"H{number}" for number in range(1, 26)]
    with pytest.raises(DataError, match=r"2024-10-27 has 25 intervals.*Correct --tz"):
        read(tmp_path, table(days, columns, cells), time__tz="UTC")


def test_names_of_channels_and_sums_stand_beside_the_hours(tmp_path):
    days = pd.date_range("2024-01-05", periods=20)
    hours = [f"{h:02d}" for h in range(24)]
    cells = np.arange(480.0).reshape(20, 24)
    texts = [
        table(days, [*hours, "total"], np.column_stack([cells + k, cells.sum(1) + k / 3]),
              more=[("site", site), ("parameter", name)])
        for k, (site, name) in enumerate([("A", "NO2"), ("A", "O3"), ("B", "NO2")])
    ]  # fmt: skip
    text = texts[0] + "".join("".join(each.splitlines(keepends=True)[1:]) for each in texts[1:])
    log, report = read(tmp_path, text)
    assert log.series_ids == ("A", "B")
    assert log.channels == ("NO2", "O3")
    assert len(readings_of(log)) == 3 * 480
    assert any("'total' left out" in words for words in said(report))


@pytest.mark.parametrize(
    ("columns", "stamps"),
    [
        ([f"T{k}" for k in range(1, 25)], False),  # thermometers
        ([f"H{k}" for k in range(1, 21)], False),
        ([f"H{k}" for k in range(1, 25)], True),  # each row has its own time of day
    ],
)
def test_other_numbered_columns_are_channels(tmp_path, columns, stamps):
    days = pd.date_range("2024-01-05 06:00", periods=30, freq="6h" if stamps else "1D")
    cells = np.random.default_rng(0).normal(size=(30, len(columns))).round(2)
    form = "%Y-%m-%d %H:%M" if stamps else "%Y-%m-%d"
    log, _ = read(tmp_path, table(days, columns, cells, form))
    assert len(log.channels) == len(columns)


def test_the_layout_overrules(tmp_path):
    days = pd.date_range("2024-01-05", periods=30)
    columns = [f"H{k}" for k in range(1, 25)]
    text = table(days, columns, np.ones((30, 24)))
    assert len(read(tmp_path, text, layout="wide")[0].channels) == 24
    assert len(read(tmp_path, text, columns__channels=("H3", "H4"))[0].channels) == 2
