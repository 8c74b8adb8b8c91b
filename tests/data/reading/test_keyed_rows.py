"""Rules that hold alike for every table of rows with an id and a time."""

import warnings

import numpy as np
import pandas as pd
import pytest
from log_files import ns, settings, write

from latentode.data.dataset import Clock, Readings, TimeSeriesDataset
from latentode.data.reading.events import read_events
from latentode.data.reading.labels import read_labels, read_time_labels
from latentode.data.reading.log import read_log
from latentode.data.reading.log_events import read_log_events
from latentode.data.reading.plans import read_plan
from latentode.data.reading.query_times import read_query_times
from latentode.errors import DataError, LatentODEWarning

HEADERS = {
    "log": "{id},time,x",
    "events": "{id},time,mark",
    "labels of times": "{id},time,label",
    "labels of series": "{id},label",
    "windows": "{id},start,end",
    "query times": "{id},time",
    "plan": "{id},time,x",
}
KINDS = tuple(HEADERS)
TIMED = tuple(kind for kind in KINDS if kind != "labels of series")
BESIDE = tuple(kind for kind in KINDS if kind != "log")
SMALL = tuple(kind for kind in TIMED if kind != "log")
DAYS = [(f"s{i}", f"2024-01-{i + 1:02d} 00:00") for i in range(20)]


def cells(kind, row, name, time):
    """A line of a table of one kind."""
    last = {"log": row, "plan": row, "windows": "2024-12-31 00:00"}.get(
        kind, ("on", "off")[row % 2]
    )
    parts = [name, time, last] if kind in TIMED else [name, last]
    return ",".join(str(part) for part in (parts[:2] if kind == "query times" else parts))


def table(folder, kind, rows, *, name="id", more=()):
    header = HEADERS[kind].format(id=name)
    lines = [cells(kind, row, *pair) for row, pair in enumerate(rows)]
    return write(folder, "\n".join([header, *lines, *more]) + "\n")


def log_of(ids, clock):
    """A log whose series are read from 2023 to 2025."""
    series = np.repeat(np.arange(len(ids)), 2)
    times = np.tile([ns("2023-01-01"), ns("2025-01-01")], len(ids))
    readings = Readings.from_triplets(
        series, times, 0 * series, np.ones(len(series)), num_series=len(ids), channels=("x",)
    )
    return TimeSeriesDataset(tuple(ids), readings, clock)


def read(kind, path, ids, **values):
    """What was read: times of each series, or its class."""
    config = settings(**values)
    clock = Clock("calendar", config.time.tz)
    if kind == "log":
        dataset, _ = read_log(path, config)
        return by_id(dataset.series_ids, dataset.readings.row_series(), dataset.readings.times)
    if kind == "events":
        streams = read_events(path, config)
        return by_id(streams.series_ids, streams.series, streams.times)
    if kind == "windows":
        # an event in December for each series that has a window
        frame = pd.DataFrame({config.columns.id or "id": ids, "time": pd.Timestamp("2024-12-30")})
        streams = read_events(frame, config, windows=path)
        return by_id(streams.series_ids, range(streams.num_series), streams.windows[:, 0, 0])
    if kind == "labels of times":
        streams = read_time_labels(path, log_of(ids, clock), config).streams
        return by_id(streams.series_ids, streams.series, streams.times)
    if kind == "labels of series":
        labels = read_labels(path, log_of(ids, clock), config)
        return by_id(ids, range(len(ids)), labels.codes)
    if kind == "plan":
        plan = read_plan(path, series_ids=ids, inputs=("x",), clock=clock, config=config)
        return by_id(ids, plan.series, plan.times)
    return by_id(ids, *read_query_times(path, series_ids=ids, clock=clock, config=config))


def by_id(ids, series, values):
    """{id: values of it, in order}, without ids that have none."""
    pairs = sorted(zip(series, np.asarray(values).tolist(), strict=True))
    found = {name: [value for i, value in pairs if ids[i] == name] for name in ids}
    return {name: values for name, values in found.items() if values}


NAMES = (
    "machine", "unique_id", "device_id", "patient_id", "item_id", "station", "unit", "user", "Node",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_column_of_ids_is_found_by_the_same_names(tmp_path, kind, name):
    rows = [*DAYS[:3], *DAYS[:3]] if kind in ("log", "events") else DAYS[:3]
    path = table(tmp_path, kind, rows, name=name)
    found = read(kind, path, ["s0", "s1", "s2"], duplicates="mean")
    assert list(found) == ["s0", "s1", "s2"]


@pytest.mark.parametrize("kind", BESIDE)
def test_a_mistyped_column_of_ids_is_answered_with_the_nearest_name(tmp_path, kind):
    rows = [(name, DAYS[0][1]) for name, _ in DAYS[:3]]  # times repeat without the ids
    path = table(tmp_path, kind, rows, name="machin")
    with pytest.raises(DataError, match=r"no column 'machine'\. Did you mean 'machin'\?"):
        read(kind, path, ["s0", "s1", "s2"], columns__id="machine")


@pytest.mark.parametrize("kind", ["log", "events"])
def test_a_mistyped_column_of_times_is_answered_with_the_nearest_name(tmp_path, kind):
    path = table(tmp_path, kind, DAYS[:3])
    with pytest.raises(DataError, match=r"no column 'tine'\. Did you mean 'time'\?"):
        read(kind, path, ["s0", "s1", "s2"], columns__time="tine")


@pytest.mark.parametrize("kind", TIMED)
@pytest.mark.parametrize("policy", ["drop", "nan"])
def test_a_time_that_cannot_be_read_is_dropped_by_the_policy_and_counted(tmp_path, kind, policy):
    rows = [(name, "soon" if name == "s4" else time) for name, time in DAYS]
    path = table(tmp_path, kind, rows)
    ids = [name for name, _ in rows if kind != "windows" or name != "s4"]
    values = {"cells__on_bad_row": policy, "cells__max_bad": 0.05}
    if kind == "log":
        assert read_log(path, settings(**values))[1].counts["rows_with_bad_time"] == 1
        found = read(kind, path, ids, **values)
    else:
        told = r"1 rows with an unreadable time dropped \(first: line 6\)"
        with pytest.warns(LatentODEWarning, match=told):
            found = read(kind, path, ids, **values)
    assert found == {name: [ns(time)] for name, time in DAYS if name != "s4"}


@pytest.mark.parametrize("kind", TIMED)
@pytest.mark.parametrize("policy", ["error", "drop"])
def test_times_that_cannot_be_read_are_refused_beyond_the_policy(tmp_path, kind, policy):
    rows = [(name, "soon" if name in ("s4", "s7") else time) for name, time in DAYS]
    path = table(tmp_path, kind, rows)
    told = r"expected times in '(start, end|time)', got 2 other cells \(line 6: 'soon', line 9: "
    drop = "--max-bad 0.1" if policy == "drop" else "--on-bad-row drop --max-bad 0.1"
    with pytest.raises(DataError, match=told + f".* with {drop}"):
        read(kind, path, [name for name, _ in rows], cells__on_bad_row=policy, cells__max_bad=0.05)


@pytest.mark.parametrize("kind", TIMED)
@pytest.mark.parametrize("dayfirst", [True, False])
def test_ambiguous_dates_name_the_option_that_settles_them(tmp_path, kind, dayfirst):
    path = table(tmp_path, kind, [("s0", "03/04/2024"), ("s1", "2024-05-01")])
    with pytest.raises(DataError, match=r"'03/04/2024' \(line 2\).*--dayfirst or --no-dayfirst"):
        read(kind, path, ["s0", "s1"], cells__on_bad_row="drop", cells__max_bad=1.0)
    day = "2024-04-03" if dayfirst else "2024-03-04"
    found = read(kind, path, ["s0", "s1"], time__dayfirst=dayfirst)
    assert found == {"s0": [ns(day)], "s1": [ns("2024-05-01")]}


AUTUMN = ("01:30", "02:30", "02:10", "03:30")
UTC = ("2024-10-26T23:30", "2024-10-27T00:30", "2024-10-27T01:10", "2024-10-27T02:30")


@pytest.mark.parametrize("kind", [kind for kind in TIMED if kind != "windows"])
def test_the_repeated_hour_is_told_apart_in_each_series(tmp_path, kind):
    rows = [(name, f"2024-10-27 {clock}") for name in "ab" for clock in AUTUMN]
    found = read(kind, table(tmp_path, kind, rows), ["a", "b"], time__tz="Europe/Berlin")
    assert found == {name: [ns(time) for time in UTC] for name in "ab"}


def test_the_repeated_hour_is_told_apart_in_the_windows_of_each_series(tmp_path):
    ends = [f"2024-10-27 {clock}" for clock in AUTUMN]
    lines = [f"{name},{ends[k]},{ends[k + 1]},{'xy'[k // 2]}" for name in "ab" for k in (0, 2)]
    path = write(tmp_path, "\n".join(["id,start,end,mark", *lines]) + "\n")
    moments = pd.to_datetime(["2024-10-27T00:00Z", "2024-10-27T02:00Z"] * 2)
    events = pd.DataFrame({"id": [*"aabb"], "time": moments, "mark": [*"xyxy"]})
    streams = read_events(events, settings(time__tz="Europe/Berlin"), windows=path)
    expected = [[ns(UTC[0]), ns(UTC[1])], [ns(UTC[2]), ns(UTC[3])]]
    assert streams.windows.tolist() == [expected] * 2


def test_two_marks_at_one_time_of_the_repeated_hour_are_no_second_hour(tmp_path):
    text = "id,time,mark\n" + "".join(
        f"a,2024-10-27 {clock},{mark}\n" for clock in AUTUMN for mark in "xy"
    )
    streams = read_events(write(tmp_path, text), settings(time__tz="Europe/Berlin"))
    assert streams.times.tolist() == [ns(time) for time in UTC for _ in "xy"]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_another_length_are_refused_or_dropped_by_the_policy(tmp_path, kind):
    path = table(tmp_path, kind, DAYS, more=["s0,a,b,c,d"])
    ids = [name for name, _ in DAYS]
    with pytest.raises(DataError, match=r"line 22: expected \d fields .* got 5 \(1 such rows\)"):
        read(kind, path, ids)
    values = {"cells__on_bad_row": "drop", "cells__max_bad": 0.1}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert list(read(kind, path, ids, **values)) == ids
    told = [str(warning.message) for warning in caught]
    if kind == "log":
        assert read_log(path, settings(**values))[1].counts["ragged_rows"] == 1
    else:
        assert any(
            "1 rows with a wrong number of fields dropped (first: line 22)" in t for t in told
        )


@pytest.mark.parametrize("kind", BESIDE)
def test_a_row_without_an_id_is_refused_or_dropped_by_the_policy(tmp_path, kind):
    path = table(tmp_path, kind, [*DAYS, ("", "2024-02-01")])
    ids = [name for name, _ in DAYS]
    told = r"a series id in column 'id' of every row, got 1 rows .* of 21 \(first: line 22\)"
    with pytest.raises(DataError, match=told + ".*--on-bad-row drop"):
        read(kind, path, ids)
    with pytest.warns(LatentODEWarning, match=r"1 rows without a series id .*line 22"):
        found = read(kind, path, ids, cells__on_bad_row="drop", cells__max_bad=0.1)
    assert list(found) == ids


@pytest.mark.parametrize("kind", SMALL)
def test_a_row_without_a_time_is_refused_or_dropped_by_the_policy(tmp_path, kind):
    path = table(tmp_path, kind, [*DAYS, ("s20", "")])
    ids = [name for name, _ in DAYS]
    known = ids if kind == "windows" else [*ids, "s20"]
    told = r"a time in column '.*' of every row, got 1 rows without one of 21 \(first: line 22\)"
    with pytest.raises(DataError, match=told):
        read(kind, path, known)
    with pytest.warns(LatentODEWarning, match=r"1 rows without a time dropped \(first: line 22"):
        found = read(kind, path, known, cells__on_bad_row="drop", cells__max_bad=0.1)
    assert list(found) == ids


def test_an_event_without_a_mark_is_refused_or_dropped_by_the_policy(tmp_path):
    path = write(tmp_path, "time,mark\n" + "2024-01-01,a\n" * 20 + "2024-01-02,\n2024-01-03,a\n")
    with pytest.raises(DataError, match=r"a mark in column 'mark' of every row.* 1 rows .*line 22"):
        read_events(path)
    with pytest.warns(LatentODEWarning, match="1 rows without a mark dropped .first: line 22"):
        found = read_events(path, settings(cells__on_bad_row="drop", cells__max_bad=0.1))
    assert found.num_scored == 21


@pytest.mark.parametrize("kind", TIMED)
def test_times_with_and_without_an_offset_do_not_mix(tmp_path, kind):
    path = table(tmp_path, kind, [("s0", "2024-01-01T00:00Z"), ("s1", "2024-01-02T00:00")])
    with pytest.raises(DataError, match=r"offset from UTC.*--tz"):
        read(kind, path, ["s0", "s1"])
    found = read(kind, path, ["s0", "s1"], time__tz="Asia/Tokyo")
    assert found == {"s0": [ns("2024-01-01")], "s1": [ns("2024-01-01T15:00")]}


@pytest.mark.parametrize("kind", ["log", "events"])
def test_series_are_told_apart_by_the_text_without_which_the_times_repeat(tmp_path, kind):
    rows = [(name, time) for _, time in DAYS for name in ("p", "q")]
    if kind == "events":  # one mark a time, as a log has one reading
        text = "".join(f"{name},{time},on\n" for name, time in rows)
        path = write(tmp_path, "blower,time,mark\n" + text)
        with pytest.warns(
            LatentODEWarning, match=r"series told apart by 'blower' \(the times repeat"
        ):
            found = read(kind, path, [])
    else:
        found = read(kind, table(tmp_path, kind, rows, name="blower"), [])
    assert {name: len(times) for name, times in found.items()} == {"p": 20, "q": 20}


def test_two_texts_that_may_tell_the_series_apart_are_refused(tmp_path):
    text = "".join(f"{n},{n}x,{time},on\n" for _, time in DAYS for n in ("p", "q"))
    path = write(tmp_path, "blower,colour,time,mark\n" + text)
    with pytest.raises(DataError, match=r"'blower', 'colour' may all be the series.*--id-column"):
        read_events(path)
    assert read_events(path, settings(columns__id="colour")).series_ids == ("px", "qx")


def test_a_text_that_may_tell_the_series_apart_is_said_and_never_pooled_in_silence(tmp_path):
    text = "".join(f"{'pq'[i % 2]},{time},on\n" for i, (_, time) in enumerate(DAYS))
    path = write(tmp_path, "blower,time,mark\n" + text)
    with pytest.warns(LatentODEWarning, match="'blower' holds text only.*--id-column"):
        assert read_events(path).num_series == 1
    log = log_of(["only"], Clock("calendar"))
    with pytest.warns(LatentODEWarning, match="'blower' holds text only.*--id-column"):
        read_time_labels(write(tmp_path, "blower,time,label\n" + text + "p,2024-03-01,off\n"), log,
                         settings())  # fmt: skip


def test_a_column_that_numbers_the_events_is_no_id(tmp_path):
    text = "".join(f"{i},{'pq'[i % 2]},{time}\n" for i, (_, time) in enumerate(DAYS))
    path = write(tmp_path, "id,machine,time\n" + text)
    with pytest.warns(LatentODEWarning, match="'id' only numbers the rows"):
        assert read_events(path).series_ids == ("p", "q")


def test_windows_name_an_unknown_mark_or_column_in_one_line(tmp_path):
    events = pd.DataFrame({"id": ["a"], "time": pd.Timestamp("2024-05-01"), "mark": ["x"]})
    spans = "a,2024-01-01,2024-12-31"
    with pytest.raises(DataError, match=r"no column 'start'\. Did you mean 'strat'\?"):
        read_events(events, windows=write(tmp_path, f"id,strat,end\n{spans}\n"))
    with pytest.raises(DataError, match=r"line 2: expected one of x.*got 'z'"):
        read_events(events, windows=write(tmp_path, f"id,start,end,mark\n{spans},z\n"))
    with pytest.raises(DataError, match=r"line 3: expected one window .* got two for 'a'"):
        read_events(events, windows=write(tmp_path, f"id,start,end\n{spans}\n{spans}\n"))
    frame = pd.read_csv(write(tmp_path, f"id,start,end\n{spans}\n"))
    assert read_events(events, windows=frame).windows[0, 0, 0] == ns("2024-01-01")


@pytest.mark.parametrize("kind", ["events", "labels of times", "query times"])
def test_one_series_of_a_log_needs_no_ids(tmp_path, kind):
    path = write(tmp_path, "time,word\n2024-01-01,a\n2024-01-02,b\n")
    log = log_of(["only"], Clock("calendar"))
    if kind == "query times":
        found = read(kind, write(tmp_path, "time\n2024-01-01\n2024-01-02\n"), ["only"])
    elif kind == "events":
        streams = read_log_events(path, log, settings(), mark_column="word")
        found = by_id(streams.series_ids, streams.series, streams.times)
    else:
        streams = read_time_labels(path, log, settings()).streams
        found = by_id(streams.series_ids, streams.series, streams.times)
    assert found == {"only": [ns("2024-01-01"), ns("2024-01-02")]}
