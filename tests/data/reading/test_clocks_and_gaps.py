"""Whole logs with gaps, dead channels and stamps far from all others, as a logger leaves them."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from log_files import arrays, settings
from random_logs import SEEDS, few, stamps, walk

from latentode.config import WindowConfig
from latentode.data.reading.log import read_log
from latentode.data.windows import choose_lengths
from latentode.errors import DataError

FAR = st.sampled_from(["1970-01-01", "1980-01-06", "2000-01-01", "2036-02-07", "2099-12-31"])
STEPS = st.sampled_from(["10s", "1min", "10min", "1h"])


def log_with_gaps(number, step, seed, gaps=0):
    """A log of two channels, and the rows behind which it has a gap of 50 to 5,000 steps."""
    rng = np.random.default_rng(seed)
    times = stamps(number, step).to_series(index=range(number))
    behind = np.sort(rng.choice(np.arange(number // 5, number - number // 5), gaps, replace=False))
    for row in behind:
        times[row + 1 :] += pd.Timedelta(step) * int(rng.integers(50, 5000))
    frame = pd.DataFrame({"time": times, "t": walk(number, seed), "rh": walk(number, seed + 1)})
    return frame, behind


def asked(frame):
    """The one question that training has to wait for; the log is read as it stands."""
    _, report = read_log(frame, settings())
    with pytest.raises(DataError) as question:
        report.settle("training")
    return str(question.value)


def bounds_in(question):
    """What the question says to pass to leave rows out, as settings."""
    advice = question.partition("Pass ")[2].partition(" to leave")[0]
    return {f"time__{side}": text for side, text in re.findall(r"--(start|end) (\S+)", advice)}


@few
@given(SEEDS, STEPS, FAR, st.integers(60, 300), st.integers(1, 3), st.booleans())
def test_far_stamps_are_left_out_as_asked_and_nothing_else(seed, step, day, number, few_of, newest):
    frame, _ = log_with_gaps(number, step, seed)
    at = np.random.default_rng(seed).choice(number, few_of, replace=False)
    far = frame.copy()
    far.loc[at, "time"] = pd.Timestamp(day) + pd.to_timedelta(np.arange(few_of), "min")
    far = far[::-1].reset_index(drop=True) if newest else far
    question = asked(far)
    assert f"{few_of} of {number} rows have times far from all others" in question
    dataset, report = read_log(far, settings(**bounds_in(question)))
    report.settle("training")
    rest, _ = read_log(frame.drop(index=at), settings())
    assert arrays(dataset.readings) == arrays(rest.readings)
    every, report = read_log(far, settings(time__start="any", time__end="any"))
    report.settle("training")
    assert every.readings.num_readings == 2 * number


@few
@given(SEEDS, STEPS, FAR, st.integers(60, 300))
def test_windows_come_from_the_bulk_though_a_far_stamp_is_kept(seed, step, day, number):
    frame, _ = log_with_gaps(number, step, seed)
    far = frame.copy()
    far.loc[number // 2, "time"] = pd.Timestamp(day)
    lengths = [
        choose_lengths(read_log(log, settings(time__start="any", time__end="any"))[0],
                       WindowConfig())
        for log in (frame, far)
    ]  # fmt: skip
    plain, stretched = (np.array([each.context_ns, each.horizon_ns]) for each in lengths)
    np.testing.assert_allclose(stretched, plain, rtol=0.1)


@few
@given(SEEDS, STEPS, st.integers(1, 3), st.integers(40, 300))
def test_gaps_are_listed_with_their_rows_and_are_no_question(seed, step, gaps, number):
    frame, behind = log_with_gaps(number, step, seed, gaps)
    _, report = read_log(frame, settings())
    report.settle("training")
    listed = sorted(gap["at"] for gap in report.to_dict()["gaps"])
    assert listed == sorted(f"rows {row} to {row + 1}" for row in behind)


@few
@given(SEEDS, STEPS, st.floats(0.3, 0.8), st.integers(80, 300))
def test_a_channel_that_died_is_told_with_its_last_reading(seed, step, share, number):
    frame, _ = log_with_gaps(number, step, seed)
    end = int(share * number)
    frame.loc[end:, "rh"] = np.nan
    _, report = read_log(frame, settings())
    report.settle("training")
    (silent,) = report.to_dict()["silent"]
    assert silent["channel"] == "rh"
    assert pd.Timestamp(silent["last"]) == frame["time"][end - 1]


@few
@given(SEEDS, st.integers(1, 3), st.lists(st.integers(1, 60), min_size=1, max_size=3))
@example(0, 2, [1, 1, 5])  # two readings of each value of c2, the first of which alone have c0, c1
def test_a_log_without_a_channel_of_twenty_readings_is_not_trained_on(seed, series, counts):
    rows = [
        pd.DataFrame({"time": stamps(60), "id": f"s{each}", **{
            f"c{place}": np.where(np.arange(60) < count, walk(60, seed + place), np.nan)
            for place, count in enumerate(counts)}})
        for each in range(series)
    ]  # fmt: skip
    frame = pd.concat(rows).dropna(how="all", subset=[f"c{i}" for i in range(len(counts))])
    most = series * max(counts)
    _, report = read_log(frame, settings())
    if most >= 20:
        report.settle("training")
        return
    with pytest.raises(DataError, match=f"expected at least 20 of a channel, got {most} of 'c"):
        report.settle("training")
