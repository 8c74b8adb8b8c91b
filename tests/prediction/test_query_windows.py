import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from small_series import make_dataset

from latentode.data.windows import WindowLengths
from latentode.prediction.query_windows import NO_ORIGIN, windows_of_queries

LENGTHS = WindowLengths(context_ns=20, horizon_ns=10, reason="as given")
MAX_ROWS = 512
MOMENTS = st.integers(-60, 260)


def log(*series):
    """Series with readings of one channel at given times."""
    return make_dataset([
        (np.array(sorted(s), dtype=np.int64), np.zeros(len(s), int), np.zeros(len(s)))
        for s in series
    ])  # fmt: skip


def window_of(dataset, series, time, others=()):
    """Visible times of the tile that answers a query, asked along with others."""
    asked = [(series, time), *others]
    owner, times = (np.array(column, dtype=np.int64) for column in zip(*asked, strict=True))
    asked, place = windows_of_queries(dataset, owner, times, LENGTHS, MAX_ROWS)
    tile = asked.window[place[0]]
    assert asked.times[place].tolist() == times.tolist()
    assert asked.series[asked.window[place]].tolist() == owner.tolist()
    rows = dataset.readings.times[dataset.readings.rows_of(series)]
    return rows[(rows > asked.starts[tile]) & (rows <= asked.stops[tile])].tolist()


@given(
    series=st.lists(st.sets(st.integers(0, 200), max_size=12), min_size=1, max_size=3),
    data=st.data(),
)
def test_the_window_of_a_query_does_not_depend_on_other_queries(series, data):
    dataset = log(*series)
    query = st.tuples(st.integers(0, len(series) - 1), MOMENTS)
    (owner, time), *others = data.draw(st.lists(query, min_size=1, max_size=8))
    assert window_of(dataset, owner, time) == window_of(dataset, owner, time, others)


@given(rows=st.sets(st.integers(0, 200), min_size=1, max_size=12), time=MOMENTS)
def test_the_readings_on_both_sides_are_visible_if_they_are_near(rows, time):
    seen = window_of(log(rows), 0, time)
    near = LENGTHS.context_ns // 2  # a tile answers for a stretch of half a context
    before = max((row for row in rows if row <= time), default=None)
    after = min((row for row in rows if row >= time), default=None)
    if before is not None and time - before < near:
        assert before in seen
    if after is not None and after - time < near:
        assert after in seen


@given(rows=st.sets(st.integers(0, 200), min_size=1, max_size=30), time=st.integers(201, 500))
def test_a_forecast_sees_the_last_context(rows, time):
    last = max(rows)
    assert window_of(log(rows), 0, time) == [row for row in sorted(rows) if row > last - 20]


def test_a_gap_shorter_than_the_context_is_bridged():
    assert {100, 119} <= set(window_of(log({0, 100, 119, 200}), 0, 110))


def test_a_window_widened_to_a_reading_is_widened_for_all_that_it_answers():
    dataset = log({0, 3, 100})
    # 20 and 28 share a window; the reading at 3 is within a context of the one, not of the other
    assert window_of(dataset, 0, 20) == window_of(dataset, 0, 28) == [3]
    assert window_of(dataset, 0, 28, [(0, 20)]) == [3]
    # the same to the other side, of the reading at 100
    assert window_of(dataset, 0, 89) == window_of(dataset, 0, 80) == [100]


def test_queries_far_from_any_reading_have_windows_of_their_own():
    dataset = log({0, 1000}, set())
    series, times = np.array([0, 0, 1, 1, 1]), np.array([500, 501, 3, 3, 4])
    asked, place = windows_of_queries(dataset, series, times, LENGTHS, MAX_ROWS)
    assert asked.window.tolist() == [0, 1, 2, 3]
    assert place.tolist() == [0, 1, 2, 2, 3]
    assert window_of(dataset, 0, 500) == window_of(dataset, 1, 3) == []


def test_queries_come_back_in_the_order_of_the_user():
    dataset = log(range(0, 100, 7), range(0, 50, 5))
    series, times = np.array([1, 0, 1, 0, 1, 0]), np.array([33, 500, -4, 14, 33, 14])
    asked, place = windows_of_queries(dataset, series, times, LENGTHS, MAX_ROWS)
    assert len(asked.times) == 4
    assert asked.times[place].tolist() == times.tolist()
    assert asked.series[asked.window[place]].tolist() == series.tolist()
    assert (np.diff(asked.window) >= 0).all()


def test_without_queries_there_are_no_tiles():
    none = np.zeros(0, dtype=np.int64)
    asked, place = windows_of_queries(log({1, 2}), none, none, LENGTHS, MAX_ROWS)
    assert len(asked.series) == len(asked.times) == len(place) == 0


@given(seed=st.integers(0, 1_000), time=st.integers(0, 300))
def test_a_window_reaches_the_readings_of_every_channel_that_are_near(seed, time):
    generator = np.random.default_rng(seed)
    times, channel = (
        np.sort(generator.choice(300, 40, replace=False)),
        generator.integers(2, size=40),
    )
    dataset = make_dataset([(times, channel, np.zeros(40))])
    asked, _ = windows_of_queries(
        dataset, np.array([0]), np.array([time]), LENGTHS, MAX_ROWS, sides=2
    )
    near = LENGTHS.context_ns // 2
    for own in (times[channel == 0], times[channel == 1]):
        wanted = [*own[own <= time][-2:], *own[own >= time][:2]]
        if time <= times[-1]:
            for reading in wanted:
                if abs(reading - time) < near:
                    assert asked.starts[0] < reading <= asked.stops[0]


def test_rows_on_both_sides_are_among_the_newest_of_a_dense_window():
    rows = np.arange(0, 4_000, 2)
    dataset = log(rows)
    lengths = WindowLengths(context_ns=1_000, horizon_ns=10, reason="as given")
    queries = np.arange(1, 3_990, 7)
    asked, place = windows_of_queries(dataset, np.zeros_like(queries), queries, lengths, 64)
    for query, window in zip(queries, asked.window[place], strict=True):
        start, stop = asked.starts[window], asked.stops[window]
        read = rows[(rows > start) & (rows <= stop)][-64:]
        assert read[0] < query < read[-1]


@given(
    asked=st.lists(st.integers(-60, 260), min_size=1, max_size=8),
    origin=st.integers(-20, 200),
)
def test_one_window_answers_a_series_never_read_from_its_origin_on(asked, origin):
    times = np.array(asked, dtype=np.int64)
    dataset, series = log([], [5]), np.zeros(len(asked), dtype=np.int64)
    origins = np.array([origin, NO_ORIGIN])
    found, place = windows_of_queries(dataset, series, times, LENGTHS, MAX_ROWS, origins=origins)
    window = found.window[place]
    begun = times >= origin
    assert len(set(window[begun])) <= 1
    assert (found.stops[window[begun]] == origin).all()
    # before it, as without an origin, each time has a window of its own, at which it begins
    assert (found.stops[window[~begun]] == times[~begun]).all()
    assert len(set(window[~begun])) == len(set(times[~begun]))
