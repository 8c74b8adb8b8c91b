import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_cases import EPOCH, HOUR, irregular_log
from small_series import DAY, make_dataset

from latentode.config import WindowConfig
from latentode.data.dataset import Clock, Readings, TimeSeriesDataset
from latentode.data.windows import choose_lengths, cut, typical_gap_and_span
from latentode.errors import DataError

SECOND = 1_000_000_000


def regular(count, gap, *, kind="calendar", start=EPOCH, unit="iso"):
    times = start + np.arange(count, dtype=np.int64) * gap
    readings = Readings.from_triplets(
        np.zeros(count, np.int64),
        times,
        np.zeros(count, np.int64),
        np.zeros(count),
        num_series=1,
        channels=("a",),
    )
    zone = "UTC" if kind == "calendar" else None
    return TimeSeriesDataset(("s",), readings, Clock(kind, zone, unit))


def test_lengths_are_taken_as_given():
    lengths = choose_lengths(regular(9, HOUR), WindowConfig(context="3h", horizon="90min"))
    assert (lengths.context_ns, lengths.horizon_ns) == (3 * HOUR, HOUR * 3 // 2)
    assert lengths.reason == "as given"


def test_plain_numbers_are_in_the_unit_of_an_elapsed_clock():
    log = regular(9, SECOND, kind="elapsed", start=0, unit="ms")
    lengths = choose_lengths(log, WindowConfig(context="500", horizon="250"))
    assert (lengths.context_ns, lengths.horizon_ns) == (SECOND // 2, SECOND // 4)


def test_a_long_calendar_log_gets_a_day_of_horizon_and_two_of_context():
    lengths = choose_lengths(regular(24 * 12, HOUR), WindowConfig())
    assert (lengths.context_ns, lengths.horizon_ns) == (2 * DAY, DAY)
    assert "day" in lengths.reason


def test_the_same_log_without_a_calendar_gets_a_share_of_its_span():
    log = regular(24 * 12, HOUR, kind="elapsed", start=0, unit="s")
    lengths = choose_lengths(log, WindowConfig())
    # 287 h / 14 = 20.5 h, rounded down to a customary 12 h; three times that to see
    assert (lengths.context_ns, lengths.horizon_ns) == (36 * HOUR, 12 * HOUR)


def test_a_fast_log_is_cut_at_150_gaps():
    lengths = choose_lengths(regular(10_000, SECOND), WindowConfig())
    assert lengths.horizon_ns == 120 * SECOND  # 150 s, rounded down to 2 min


@pytest.mark.parametrize("rows", [2, 5, 15, 20])
def test_series_of_few_rows_are_predicted_up_to_the_next_row_at_least(rows):
    for gap in (SECOND, 50 * 60 * SECOND, 7 * HOUR):
        assert choose_lengths(regular(rows, gap), WindowConfig()).horizon_ns >= gap


def test_series_of_few_rows_are_seen_by_a_dozen_gaps_as_long_as_three_windows_fit():
    def lengths_in_hours(rows):
        lengths = choose_lengths(regular(rows, HOUR, kind="elapsed", start=0), WindowConfig())
        return lengths.context_ns // HOUR, lengths.horizon_ns // HOUR

    assert lengths_in_hours(52) == (12, 3)  # 51 h hold three windows of 15 h
    assert lengths_in_hours(25) == (7, 1)  # and 24 h three of 8 h
    assert lengths_in_hours(7) == (9, 3)  # too short for any


def test_a_given_horizon_sets_the_context():
    lengths = choose_lengths(regular(100, SECOND), WindowConfig(horizon="7s"))
    assert (lengths.context_ns, lengths.horizon_ns) == (21 * SECOND, 7 * SECOND)


def test_a_log_of_single_rows_needs_lengths():
    single = make_dataset([(np.array([EPOCH]), np.array([0]), np.array([1.0]))] * 3)
    with pytest.raises(DataError, match="3 series with at most one each"):
        choose_lengths(single, WindowConfig())
    assert choose_lengths(single, WindowConfig(context="1h", horizon="1h")).context_ns == HOUR


def test_gaps_between_series_do_not_count():
    parts = [
        (EPOCH + start + np.arange(3) * SECOND, np.zeros(3, int), np.zeros(3))
        for start in (0, 500 * DAY, 100 * DAY)
    ]
    parts.insert(1, (np.zeros(0, np.int64), np.zeros(0, int), np.zeros(0)))  # an empty series
    assert typical_gap_and_span(make_dataset(parts)) == (SECOND, 2 * SECOND)


@given(data=st.data())
def test_cut_takes_the_rows_after_start_up_to_stop(data):
    log = irregular_log((7, 5, 3), seed=1)
    times = log.readings.times
    moment = st.sampled_from([*times.tolist(), EPOCH - HOUR, EPOCH + 500 * HOUR])
    windows = data.draw(
        st.lists(st.tuples(st.integers(0, 2), moment, moment), min_size=1, max_size=6)
    )
    series, starts, stops = (np.array(column) for column in zip(*windows, strict=True))
    found = cut(log, series, starts, stops)
    source = log.readings
    for index, (owner, start, stop) in enumerate(windows):
        expected = [r for r in range(source.num_rows)[source.rows_of(owner)]
                    if start < times[r] <= stop]  # fmt: skip
        rows = found.readings.rows_of(index)
        assert found.readings.times[rows].tolist() == times[expected].tolist()
        np.testing.assert_array_equal(
            found.readings.dense(rows), source.dense(np.array(expected, dtype=np.int64))
        )
        assert found.series_ids[index] == log.series_ids[owner]
        np.testing.assert_array_equal(found.static[index], log.static[owner])
        # known inputs are known outside the window too
        knots = found.inputs.times[found.inputs.rows_of(index)]
        np.testing.assert_array_equal(knots, log.inputs.times[log.inputs.rows_of(owner)])


def test_a_log_that_is_read_in_bursts_has_windows_of_several():
    nights = np.arange(40)[:, None] * 86_400 + np.arange(5) * 60
    rows = make_dataset([(nights.ravel() * SECOND, np.zeros(200, int), np.zeros(200))])
    gap, span = typical_gap_and_span(rows)
    assert gap == int(span / 199)
    assert choose_lengths(rows, WindowConfig()).horizon_ns >= 2 * 86_400 * SECOND
