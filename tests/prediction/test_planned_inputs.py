"""Known inputs as they are planned, and what is said of those that are not."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from small_series import DAY, EPOCH, make_dataset

from latentode.data.dataset import Readings
from latentode.data.reading.plans import Plan
from latentode.data.scaler import Scaler
from latentode.prediction.planned_inputs import (
    assumed_line,
    differing_line,
    held_values,
    unusual_line,
    with_plan,
)

HOUR = 3_600_000_000_000
NAMES = ("inflow", "valve")
START = EPOCH // DAY * DAY


def known(*entries):
    """Known inputs of two series from (series, hour, input, value)."""
    series, hours, channel, values = (np.array(part) for part in zip(*entries, strict=True))
    times = START + (hours * HOUR).astype(np.int64)
    return Readings.from_triplets(
        series, times, channel, values.astype(float), num_series=2, channels=NAMES
    )


def log(*entries):
    """Two series that are read hourly until hour 5 and 7."""
    parts = [
        (START + HOUR * np.arange(n + 1), np.zeros(n + 1, int), np.ones(n + 1)) for n in (5, 7)
    ]
    dataset = make_dataset(parts)
    return type(dataset)(
        dataset.series_ids, dataset.readings, dataset.clock, inputs=known(*entries)
    )


def plan(*rows, columns=NAMES):
    """A plan from (series, hour, values)."""
    series, hours, values = zip(*rows, strict=True)
    return Plan(
        np.array(series),
        START + (np.array(hours) * HOUR).astype(np.int64),
        columns,
        np.array(values, dtype=float),
        for_all=False,
    )


def held(dataset, series, hour, name):
    """The value in use at an hour."""
    time = np.array([START + int(hour * HOUR)])
    channel = np.array([NAMES.index(name)])
    return held_values(dataset.inputs, np.array([series]), time, channel)[0]


LOG = log((0, 0, 0, 1.0), (0, 4, 0, 2.0), (0, 8, 0, 9.0), (0, 0, 1, 5.0), (1, 0, 0, 3.0))
HOURS = st.integers(-3, 12)


@given(st.lists(st.tuples(st.integers(0, 1), HOURS, st.integers(0, 1)), unique=True, min_size=1))
def test_the_value_in_use_is_that_of_the_last_entry_until_then(entries):
    inputs = known(*((*entry, float(number)) for number, entry in enumerate(entries)))
    for series, hour, channel in {(s, h, c) for s in (0, 1) for h in (-4, 0, 5) for c in (0, 1)}:
        before = [(h, n) for n, (s, h, c) in enumerate(entries) if (s, c) == (series, channel)]
        expected = max((pair for pair in before if pair[0] <= hour), default=(0, np.nan))[1]
        time = np.array([START + hour * HOUR])
        found = held_values(inputs, np.array([series]), time, np.array([channel]))
        np.testing.assert_equal(found, [expected])


def test_a_plan_takes_the_place_of_what_the_log_says_after_the_last_reading():
    planned = with_plan(LOG, plan((0, 6, [4.0, np.nan])))
    assert [held(planned, 0, hour, "inflow") for hour in (5, 5.9, 6, 12)] == [2, 2, 4, 4]
    assert held(planned, 0, 9, "valve") == 5  # not planned: as the log says
    assert held(planned, 1, 9, "inflow") == 3
    untouched = with_plan(LOG, plan((0, 6, [np.nan, 1.0])))
    assert held(untouched, 0, 8, "inflow") == 9


def test_what_was_planned_until_the_last_reading_gives_way_to_the_log_and_its_newest_row_goes_on():
    planned = with_plan(LOG, plan((0, 3, [8.0, 5.0]), (0, 4.5, [3.0, 5.0]), (0, 7, [4.0, 5.0])))
    assert [held(planned, 0, hour, "inflow") for hour in (3, 4.5, 5, 5.5, 7)] == [1, 2, 2, 3, 4]
    over = with_plan(LOG, plan((0, 3, [8.0, np.nan])))
    assert [held(over, 0, hour, "inflow") for hour in (3, 5, 6, 9)] == [1, 2, 8, 8]


def test_a_plan_that_is_far_from_what_was_read_last_is_said():
    same = with_plan(LOG, plan((0, 3, [2.0, np.nan])))
    assert differing_line(LOG, same) is None
    line = differing_line(LOG, with_plan(LOG, plan((0, 3, [80.0, np.nan]))))
    assert "'inflow' of series 's0' is 2 and planned as 80" in line
    later = with_plan(LOG, plan((0, 6, [80.0, np.nan])))  # it changes after the last reading
    assert differing_line(LOG, later) is None


def test_a_plan_of_what_was_hardly_ever_seen_is_said():
    training = Scaler.fit(LOG.inputs)
    low, high = (training.mean[0] + side * training.std[0] for side in (-2.5, 2.5))
    line = unusual_line(LOG, with_plan(LOG, plan((0, 6, [high + 9, np.nan]))), training)
    assert f"'inflow' as {high + 9:g}, where the log has 1 to 9" in line
    assert "'inflow' as" in unusual_line(LOG, with_plan(LOG, plan((0, 6, [low, np.nan]))), training)
    usual = with_plan(LOG, plan((0, 6, [8.5, np.nan])))
    assert unusual_line(LOG, usual, training) is None


def test_an_input_that_the_log_never_told_may_be_planned_from_any_time():
    planned = with_plan(LOG, plan((1, 2, [np.nan, 7.0])))
    assert held(planned, 1, 4, "valve") == 7


def asked(*ends):
    series = np.arange(len(ends))
    return series, START + HOUR * np.array(ends)


def test_what_is_held_beyond_what_is_told_is_said_with_series_input_and_times():
    line = assumed_line(LOG, *asked(10, 10))
    assert line.startswith(
        "planned inputs: 'inflow' of series 's1' is told until 2023-11-14 00:00:00+00:00 and held "
        "at 3 until 2023-11-14 10:00:00+00:00; 'valve' of series 's0'"
    )
    assert "'valve' of series 's1' is never told, and taken to be as usual in training" in line
    assert "--plan PLAN.csv with rows until then (in Python plan=frame)" in line
    # entries of the first lie four hours apart: the last one holds for as long
    assert "'inflow' of series 's0'" not in line
    assert "'inflow' of series 's0' is told until" in assumed_line(LOG, *asked(13, 7))


def test_a_plan_until_the_end_leaves_nothing_to_say():
    whole = plan(*((s, h, [1.0, 2.0]) for s in (0, 1) for h in (8, 10)))
    assert assumed_line(with_plan(LOG, whole), *asked(10, 10)) is None
    early = plan(*((s, h, [1.0, 2.0]) for s in (0, 1) for h in (8, 8.5)))
    line = assumed_line(with_plan(LOG, early), *asked(14, 14), "low")
    assert line.startswith("planned inputs 'low': 'inflow' of series 's0' is told until")
    assert "; and 1 more" in line


def test_nothing_is_said_of_times_that_were_read_or_without_known_inputs():
    assert assumed_line(LOG, *asked(5, 7)) is None
    bare = type(LOG)(LOG.series_ids, LOG.readings, LOG.clock)
    assert assumed_line(bare, *asked(10, 10)) is None
