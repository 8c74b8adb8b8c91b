"""Times at which predictions are made, and how flat answers become labelled arrays."""

import numpy as np
import pytest
from model_cases import HOUR, irregular_log, settings
from small_series import DAY, EPOCH, make_dataset

from latentode import results
from latentode.data.dataset import Clock
from latentode.data.schema import DataSchema
from latentode.errors import DataError, ResourceError
from latentode.models.fitted.context import last_context, pack, unpack
from latentode.prediction.grids import check_size, forecast_grid, missing_grid, span_grid
from latentode.prediction.latent_paths import path_offsets
from latentode.prediction.query_windows import NO_ORIGIN


def regular(*spans, gap=HOUR):
    """Series of channels a and b; b misses every third row, a span of None is an empty series."""
    parts = []
    for span in spans:
        rows = np.arange(0 if span is None else span // gap + 1)
        kept = np.concatenate([rows, rows[rows % 3 != 2]])
        channel = np.repeat([0, 1], [len(rows), len(kept) - len(rows)])
        parts.append((EPOCH + kept * gap, channel, kept.astype(float)))
    return make_dataset(parts)


def test_first_and_last_of_an_empty_series_are_no_times():
    first, last = regular(4 * HOUR, None).readings.first_and_last()
    assert first.tolist() == [EPOCH, 0]
    assert last.tolist() == [EPOCH + 4 * HOUR, -1]


def test_forecast_grid_steps_from_each_last_reading_to_the_horizon():
    series, times = forecast_grid(regular(4 * HOUR, None, 7 * HOUR), 5 * HOUR, 2 * HOUR)
    assert series.tolist() == [0, 0, 2, 2]
    after = [EPOCH + h * HOUR for h in (6, 8, 9, 11)]
    assert times.tolist() == after


def test_forecast_grid_steps_from_the_origin_of_a_series_without_readings():
    log = regular(4 * HOUR, None, None)
    origins = np.array([NO_ORIGIN, EPOCH + 20 * HOUR, NO_ORIGIN])
    series, times = forecast_grid(log, 5 * HOUR, 2 * HOUR, origins)
    assert series.tolist() == [0, 0, 1, 1]
    assert times.tolist() == [EPOCH + h * HOUR for h in (6, 8, 22, 24)]


def test_forecast_grid_takes_the_typical_gap_but_at_most_500_steps():
    log = regular(40 * HOUR)
    assert np.diff(forecast_grid(log, 10 * HOUR, None)[1]).tolist() == [HOUR] * 9
    assert len(forecast_grid(log, 2000 * HOUR, None)[1]) == 500


def test_forecast_grid_of_rare_readings_has_one_step_at_the_horizon():
    series, times = forecast_grid(regular(40 * DAY, gap=10 * DAY), DAY, None)
    assert (series.tolist(), times.tolist()) == ([0], [EPOCH + 41 * DAY])
    lonely = forecast_grid(regular(0), 5 * HOUR, None)[1]  # no two readings, so no gap
    assert lonely[-1] == EPOCH + 5 * HOUR


def test_forecast_grid_refuses_a_horizon_shorter_than_a_step():
    with pytest.raises(DataError, match="at least one step, got 3h with steps of 4h"):
        forecast_grid(regular(4 * HOUR), 3 * HOUR, 4 * HOUR)


def test_span_grid_is_even_and_inside_each_span():
    series, times = span_grid(regular(4 * HOUR, None, HOUR), 3 * HOUR)
    assert series.tolist() == [0, 0, 2]
    assert times.tolist() == [EPOCH, EPOCH + 3 * HOUR, EPOCH]
    assert len(span_grid(regular(4 * HOUR), None)[1]) == 5
    long = span_grid(regular(5000 * HOUR), None)[1]
    assert len(long) == 501
    assert long[-1] == EPOCH + 5000 * HOUR


def test_missing_grid_is_where_a_channel_was_not_read():
    series, times = missing_grid(regular(6 * HOUR, None, HOUR))
    assert series.tolist() == [0, 0]
    assert times.tolist() == [EPOCH + 2 * HOUR, EPOCH + 5 * HOUR]


@pytest.mark.parametrize(
    "call",
    [
        lambda log: forecast_grid(log, 2**61, 1),
        lambda log: span_grid(log, 1),
        lambda _: check_size(20_000_001),
        lambda _: check_size(250_001, 1000),
        lambda _: check_size(25_001, 1000, 10),
    ],
)
def test_a_grid_that_would_not_fit_is_refused_before_it_is_made(call):
    with pytest.raises(ResourceError, match="expected at most 20,000,000 times and 250,000,000"):
        call(regular(4 * HOUR, HOUR))


def test_a_grid_at_the_limit_is_accepted():
    check_size(20_000_000)
    check_size(250_000, 1000)


def test_path_offsets_reach_from_context_to_horizon():
    schema = DataSchema.fit(irregular_log(), settings(windows__context="24h"))
    offsets = path_offsets(schema, 6 * HOUR, 3)
    assert offsets.tolist() == [h * HOUR for h in (-24, -18, -12, -6, 0, 6, 12)]
    assert len(path_offsets(schema, None, 3)) == 51
    with pytest.raises(ResourceError, match="expected at most"):
        path_offsets(schema, 1, 3)


def test_flat_answers_become_one_row_a_series_in_the_order_of_its_queries():
    series = np.array([3, 1, 3, 3, 1])
    times = EPOCH + np.array([5, 1, 2, 5, 0]) * HOUR
    draws = np.arange(20.0).reshape(2, 5, 2)
    found = results.from_queries(
        draws,
        series,
        times,
        series_ids=["a", "b", "c", "d"],
        channels=["x", "y"],
        clock=Clock("calendar", "UTC"),
    )
    assert list(found["series"].values) == ["b", "d"]
    assert found.sizes["step"] == 3
    hours = (found["time"].values.astype("datetime64[ns]") - np.datetime64(EPOCH, "ns")) / HOUR
    assert hours[1].astype(int).tolist() == [5, 2, 5]
    assert np.isnat(found["time"].values[0, 2])
    np.testing.assert_array_equal(found["value"].sel(series="d").values, draws[:, [0, 2, 3]])
    np.testing.assert_array_equal(found["value"].values[:, 0, :2], draws[:, [1, 4]])
    assert np.isnan(found["value"].values[:, 0, 2]).all()


def test_no_queries_give_an_empty_array():
    none = np.zeros(0, np.int64)
    found = results.from_queries(
        np.zeros((3, 0, 2)),
        none,
        none,
        series_ids=["a"],
        channels=["x", "y"],
        clock=Clock("calendar", "UTC"),
    )
    assert dict(found.sizes) == {"draw": 3, "series": 0, "step": 0, "channel": 2}


def test_the_last_context_holds_the_newest_readings_and_all_known_inputs():
    dataset = irregular_log()
    schema = DataSchema.fit(dataset, settings(windows__context="24h"))
    context = last_context(dataset, schema)
    _, last = dataset.readings.first_and_last()
    assert context.readings.first_and_last()[1].tolist() == last.tolist()
    for index in range(len(dataset)):
        own = dataset.readings.times[dataset.readings.rows_of(index)]
        kept = context.readings.times[context.readings.rows_of(index)]
        assert kept.tolist() == own[own > last[index] - 24 * HOUR].tolist()
    assert context.inputs.num_readings == dataset.inputs.num_readings
    np.testing.assert_array_equal(context.static, dataset.static)


@pytest.mark.parametrize("extras", [True, False])
def test_a_context_comes_back_from_its_tensors(extras):
    dataset = irregular_log(extras=extras)
    schema = DataSchema.fit(dataset, settings(windows__context="24h"))
    context = last_context(dataset, schema)
    back = unpack(pack(context), context.series_ids, schema)
    for first, second in ((context.readings, back.readings), (context.inputs, back.inputs)):
        assert (first is None) == (second is None)
        for name, array in {} if first is None else vars(first).items():
            np.testing.assert_array_equal(array, getattr(second, name))
    assert back.series_ids == context.series_ids
    assert back.clock == context.clock
    assert (back.static is None) == (not extras)
