"""Round trips and invariances of reading, on generated logs."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from log_files import arrays, readings_of
from log_files import settings as config

from latentode.data.dataset import Readings, reading_order
from latentode.data.reading.assembly.arrange import arrange_runs
from latentode.data.reading.log import read_log

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
CHANNELS = ("a", "b", "c")
VALUES = st.floats(-1e12, 1e12, allow_subnormal=False)


@st.composite
def logs(draw):
    """{(series, time, channel): value}, at least one reading."""
    keys = st.tuples(
        st.sampled_from(["7", "007", "NA", "x y"]),
        st.integers(0, 12).map(lambda step: START + step * 1_500_000_000),
        st.sampled_from(CHANNELS),
    )
    return draw(st.dictionaries(keys, VALUES, min_size=1, max_size=40))


def long_frame(log):
    rows = [(s, pd.Timestamp(t, unit="ns"), c, v) for (s, t, c), v in log.items()]
    return pd.DataFrame(rows, columns=["id", "time", "channel", "value"])


def wide_frame(log):
    wide = long_frame(log).pivot(index=["id", "time"], columns="channel", values="value")
    return wide.reset_index().rename_axis(columns=None)


def as_log(dataset):
    return {(s, t, c): value for (s, c, t), value in readings_of(dataset).items()}


LARGE = {  # readings as large as epochs, few of which rise
    ("x y", START, "c"): 954596219893.2725,
    ("7", START + 1_500_000_000, "a"): 623924500416.2522,
    ("7", START + 3_000_000_000, "c"): 295192748832.1504,
    ("7", START + 6_000_000_000, "c"): 762034113269.7056,
    ("x y", START + 4_500_000_000, "b"): -788330107320.8297,
}


@example(LARGE)
@given(logs())
def test_long_and_wide_frames_hold_the_same_readings(log):
    from_long, report = read_log(long_frame(log))
    from_wide, _ = read_log(wide_frame(log))
    assert as_log(from_long) == log
    assert arrays(from_long.readings) == arrays(from_wide.readings)
    assert from_long.series_ids == from_wide.series_ids
    assert report.num_readings == len(log)


@settings(max_examples=25)
@given(logs(), st.sampled_from(["long", "wide"]))
def test_files_hold_what_frames_hold(tmp_path_factory, log, layout):
    frame = long_frame(log) if layout == "long" else wide_frame(log)
    path = tmp_path_factory.mktemp("log") / "log.csv"
    frame.to_csv(path, index=False, date_format="%Y-%m-%dT%H:%M:%S.%f")
    from_file, _ = read_log(path)
    from_frame, _ = read_log(frame)
    assert arrays(from_file.readings) == arrays(from_frame.readings)
    assert from_file.series_ids == from_frame.series_ids


@given(logs(), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter_to_the_bit(log, random):
    frame = long_frame(log)
    order = list(range(len(frame)))
    random.shuffle(order)
    plain, _ = read_log(frame)
    shuffled, _ = read_log(frame.iloc[order])
    assert arrays(plain.readings) == arrays(shuffled.readings)
    assert plain.series_ids == shuffled.series_ids


@given(logs(), st.integers(-(10**9), 10**9))
def test_shift_of_times_moves_only_times(log, seconds):
    frame = long_frame(log)
    plain, _ = read_log(frame)
    shifted, _ = read_log(frame.assign(time=frame["time"] + pd.Timedelta(seconds=seconds)))
    assert (shifted.readings.times - plain.readings.times == seconds * SECOND).all()
    assert arrays(plain.readings)[2:] == arrays(shifted.readings)[2:]


@given(logs(), st.sampled_from(["mean", "first", "last"]))
def test_repeating_every_row_changes_no_reading_and_counts_all(log, policy):
    frame = long_frame(log)
    plain, _ = read_log(frame)
    doubled, report = read_log(pd.concat([frame, frame]), config(duplicates=policy))
    assert arrays(plain.readings) == arrays(doubled.readings)
    assert report.counts == {"duplicates_identical": len(log)}


TRIPLETS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 3)), unique=True, max_size=40
)


@given(TRIPLETS)
def test_order_of_readings_is_that_of_lexsort(triplets):
    series, times, channel = np.array(triplets, dtype=np.int64).reshape(-1, 3).T
    order = reading_order(series, times, channel)
    expected = np.lexsort((channel, times, series))
    found = np.arange(len(series)) if order is None else order
    assert found.tolist() == expected.tolist()


@given(TRIPLETS, st.booleans())
def test_arranged_runs_are_what_sorting_gives(triplets, grouped):
    triplets = sorted(triplets, key=lambda t: (t[1], -t[0], -t[2])) if grouped else triplets
    series, times, channel = np.array(triplets, dtype=np.int64).reshape(-1, 3).T
    values, codes = np.arange(float(len(series))), channel.astype(np.int32)
    expected = Readings.from_triplets(
        series, times, codes, values, num_series=4, channels=tuple("abcd")
    )
    found = arrange_runs(series, times, None, codes, values, num_series=4, channels=tuple("abcd"))
    runs = 1 + sum(a[:2] != b[:2] for a, b in pairwise(triplets))
    if not triplets or runs > len({t[:2] for t in triplets}):
        assert found is None
    else:
        assert arrays(found) == arrays(expected)


def test_arranged_runs_of_wide_rows_with_gaps():
    series, times = np.array([1, 0, 1]), np.array([5, 5, 4])
    counts, channel = np.array([2, 1, 2]), np.array([0, 1, 1, 0, 1], dtype=np.int32)
    found = arrange_runs(
        series, times, counts, channel, np.arange(5.0), num_series=2, channels=("a", "b")
    )
    assert found.values.tolist() == [2.0, 3.0, 4.0, 0.0, 1.0]
    assert found.row_starts.tolist() == [0, 1, 3, 5]
    assert found.series_starts.tolist() == [0, 1, 3]


@pytest.mark.parametrize("channel", [[0, 0], [1, 1]])
def test_arranged_runs_refuse_repeats(channel):
    same = np.zeros(2, dtype=np.int64)
    codes = np.array(channel, dtype=np.int32)
    found = arrange_runs(same, same, None, codes, np.ones(2), num_series=1, channels=("a", "b"))
    assert found is None
