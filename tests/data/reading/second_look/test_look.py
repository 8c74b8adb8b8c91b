"""The whole second look: as data, in lines, and on logs as people have them."""

import json

import numpy as np
import pandas as pd
import pytest
from look_cases import DAY, MINUTE, START, look_at, messages

from latentode.data.dataset import Clock
from latentode.data.reading.second_look.log_rows import long_duration, short_instant
from latentode.data.reading.second_look.look_lines import look_lines, number
from latentode.data.reading.second_look.questions import FEWEST_READINGS


def test_channels_are_described_as_data():
    rng = np.random.default_rng(0)
    level = rng.normal(size=400).round(3)
    door = (rng.random(400) < 0.3) * 1.0
    late = np.where(np.arange(400) < 100, np.nan, level)
    columns = {"level": level, "door": door, "late": late, "fix": np.full(400, 7.0)}
    look, _, _ = look_at({**columns, "spare": np.full(400, np.nan)})
    details = json.loads(json.dumps(look.to_dict({"level": "m"})))["channel_details"]
    assert [each["name"] for each in details] == [*columns, "spare"]
    for each in details[:4]:
        values = columns[each["name"]]
        there = np.flatnonzero(~np.isnan(values))
        truth = [np.nanmin(values), np.nanmedian(values), np.nanmax(values), len(there)]
        assert [each[key] for key in ("min", "median", "max", "count")] == truth
        times = START + there[[0, -1]] * 10 * MINUTE
        ends = [str(np.datetime64(int(time), "ns").astype("M8[ms]")) for time in times]
        assert [each["first"], each["last"]] == ends
        assert each["share_of_rows"] == len(there) / 400
    assert [each["state"] for each in details] == [False, True, False, False, False]
    assert [each["constant"] for each in details] == [False, False, False, True, False]
    assert [each["unit"] for each in details] == ["m", None, None, None, None]
    assert details[4]["count"] == 0
    assert details[4]["min"] is None


@pytest.mark.parametrize("full", [True, False])
def test_channels_are_told_apart_whether_or_not_every_row_has_all(full):
    rng = np.random.default_rng(1)
    grid = rng.normal(size=(300, 3))
    if not full:
        grid[rng.random(grid.shape) < 0.4] = np.nan
    look, _, _ = look_at(dict(zip("abc", grid.T, strict=True)))
    ranges = [(facts.low, facts.high) for facts in look.channels]
    assert ranges == list(zip(np.nanmin(grid, 0), np.nanmax(grid, 0), strict=True))


@pytest.mark.parametrize("count", [1, 3, FEWEST_READINGS - 1, FEWEST_READINGS, 500])
def test_too_few_readings_are_asked_about(count):
    _, doubts, _ = look_at({"temp": np.arange(count) % 5.0, "x": np.arange(count) % 3.0})
    asked = messages(doubts, "length")
    assert len(asked) == (count < FEWEST_READINGS)
    if asked:
        assert f"at least {FEWEST_READINGS} of a channel, got {count} of 'temp'" in asked[0]


def test_one_channel_of_few_readings_is_only_said():
    rare = np.full(200, np.nan)
    rare[5:9] = 1
    _, doubts, _ = look_at({"temp": np.arange(200) % 7.0, "rare": rare})
    assert not doubts.questions
    assert "few readings are kept: 'rare' (4)" in str(doubts.decisions[0])


def test_all_doubts_are_asked_in_one_message():
    times = START + np.arange(200) * 10 * MINUTE
    times[50] = 0
    values = np.random.default_rng(2).normal(size=200)
    values[3:9] = -9999
    _, doubts, _ = look_at({"x": values}, times)
    doubts.settle("log.csv", "reading")
    with pytest.raises(Exception, match=r"--na=-9999 .* Also: .* --start 2024-03-04 "):
        doubts.settle("log.csv", "reading", "training")


def test_lines_say_each_thing_once_and_shorten_long_lists():
    columns = {f"c{i}": np.sin(np.arange(100) + i) for i in range(200)}
    columns |= {f"door{i}": np.arange(100) % 2 for i in range(14)}
    look, _, _ = look_at(columns)
    lines = look_lines(look, {"c0": "°C"})
    assert len(lines) == 14
    assert lines[0].startswith("channel c0: -0.99")
    assert "°C, median" in lines[0]
    assert lines[12] == "... and 202 more channels"
    assert lines[13].endswith("door11, ... (14 in all)")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (15.123456789, "15.1235"), (2146999697.2, "2146999697.2"), (-9999, "-9999")],
)
def test_numbers_keep_the_digits_that_count(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(20 * MINUTE, "20min"), (26 * 60 * MINUTE, "26h"), (5 * DAY, "5.0 days"),
     (8766 * DAY, "24.0 years")],
)  # fmt: skip
def test_durations_are_written_in_words_that_fit(nanoseconds, text):
    assert long_duration(nanoseconds) == text


def test_moments_are_written_short():
    assert short_instant(START, Clock("calendar")) == "2024-03-04T00:00"
    assert short_instant(START + 10**9, Clock("calendar", "UTC")) == "2024-03-04T00:00:01Z"
    assert short_instant(5 * 10**9, Clock("elapsed", unit="s")) == "5s"


def csv(shared, name):
    folder = shared.parent / "reports"
    files = list(folder.glob(f"{name}-*/*.csv"))
    if not files:
        pytest.skip(f"no log {name} beside the shared data")
    return pd.read_csv(files[0])


def look_at_log(frame):
    times = pd.to_datetime(frame.iloc[:, 0], format="mixed").astype("datetime64[ns]")
    columns = {name: frame[name] for name in frame.columns[1:]}
    return look_at(columns, times.astype("int64").to_numpy())


@pytest.mark.parametrize(
    ("name", "about", "words"),
    [
        ("19", "missing", ["--na=-9999,32767,-6999 "]),
        ("51", "time", ["6 of 400", "2000-01-01", "lines 102 to 107", "--start 2024-03-04 "]),
        ("55", "length", ["got 3 of 'temp'"]),
        ("41", None, ["energy_wh: counter, wraps at 2**32 once", "only rise: RecNbr, rain_total"]),
        ("57", None, ["0/1 states: door", "no reading: spare"]),
        ("61", None, ["encoder: 2146999697.2 to 2147000303.4"]),
        ("64", None, ["rh: last reading 2024-03-11T04:40, 3.5 days before the end"]),
        ("97", None, ["battery: 25 to 100"]),
    ],
)
def test_logs_as_people_have_them_are_seen_through(shared_data, name, about, words):
    look, doubts, _ = look_at_log(csv(shared_data, name))
    assert [question.about for question in doubts.questions] == ([about] if about else [])
    said = "\n".join([*look_lines(look, {}), *(each.message for each in doubts.questions)])
    assert all(word in said for word in words)
