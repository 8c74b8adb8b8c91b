"""Times at which predictions are made, and how flat answers become labelled arrays."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_cases import HOUR, irregular_log, settings
from small_series import DAY, EPOCH, make_dataset

from latentode import results
from latentode.data.clock_steps import clock_steps
from latentode.data.dataset import Clock
from latentode.data.schema import DataSchema
from latentode.errors import ConfigError, DataError, ResourceError
from latentode.models.fitted.context import last_context, pack, unpack
from latentode.prediction.grids import (
    default_spacing,
    forecast_grid,
    missing_grid,
    span_grid,
    span_spacing,
)
from latentode.prediction.latent_paths import path_offsets
from latentode.prediction.query_windows import NO_ORIGIN

SECOND = 1_000_000_000
MIDNIGHT = EPOCH // DAY * DAY


def regular(*spans, gap=HOUR):
    """Series of channels a and b; b misses every third row, a span of None is an empty series."""
    parts = []
    for span in spans:
        rows = np.arange(0 if span is None else span // gap + 1)
        kept = np.concatenate([rows, rows[rows % 3 != 2]])
        channel = np.repeat([0, 1], [len(rows), len(kept) - len(rows)])
        parts.append((MIDNIGHT + kept * gap, channel, kept.astype(float)))
    return make_dataset(parts)


def test_first_and_last_of_an_empty_series_are_no_times():
    first, last = regular(4 * HOUR, None).readings.first_and_last()
    assert first.tolist() == [MIDNIGHT, 0]
    assert last.tolist() == [MIDNIGHT + 4 * HOUR, -1]


def test_forecast_grid_has_full_steps_of_the_clock_after_each_last_reading():
    log = regular(4 * HOUR, None, 7 * HOUR, gap=HOUR)
    series, times = forecast_grid(log, 5 * HOUR, 2 * HOUR)
    assert series.tolist() == [0, 0, 2, 2, 2]  # the third series has one more up to its horizon
    assert times.tolist() == [MIDNIGHT + h * HOUR for h in (6, 8, 8, 10, 12)]


@given(
    lasts=st.lists(st.integers(0, 10**7), min_size=1, max_size=5),
    spacing=st.sampled_from([1, 60, 3600, 7200, 86_400]),
    steps=st.integers(1, 30),
)
def test_series_share_the_times_of_their_forecasts_and_a_later_one_goes_on_with_them(
    lasts, spacing, steps
):
    log = make_dataset([(np.array([MIDNIGHT + last * SECOND]), [0], [1.0]) for last in lasts])
    series, times = forecast_grid(log, steps * spacing * SECOND, spacing * SECOND)
    for index, last in enumerate(lasts):
        begin = MIDNIGHT + last * SECOND
        alone = clock_steps(begin, begin + steps * spacing * SECOND, spacing * SECOND, log.clock)
        assert times[series == index].tolist() == alone.tolist()
        assert len(alone) == steps  # no clock changes in UTC


def test_forecast_grid_counts_from_each_last_reading_where_it_is_told_to():
    log = regular(4 * HOUR, None, 7 * HOUR)
    series, times = forecast_grid(log, 5 * HOUR, 2 * HOUR, align="origin")
    assert series.tolist() == [0, 0, 2, 2]
    assert times.tolist() == [MIDNIGHT + h * HOUR for h in (6, 8, 9, 11)]
    series, times = span_grid(regular(4 * HOUR, None, HOUR), 3 * HOUR, "origin")
    assert series.tolist() == [0, 0, 2]
    assert times.tolist() == [MIDNIGHT, MIDNIGHT + 3 * HOUR, MIDNIGHT]


@pytest.mark.parametrize("grid", [span_grid, lambda *a, **b: forecast_grid(*a, HOUR, **b)])
def test_a_grid_is_aligned_with_the_clock_or_the_origin(grid):
    with pytest.raises(ConfigError, match="align: expected clock or origin, got 'Clock'"):
        grid(regular(HOUR), HOUR, align="Clock")


@pytest.mark.parametrize("align", ["clock", "origin"])
def test_forecast_grid_begins_at_the_origin_of_a_series_without_readings(align):
    log = regular(4 * HOUR, None, None)
    origins = np.array([NO_ORIGIN, MIDNIGHT + 20 * HOUR, NO_ORIGIN])
    series, times = forecast_grid(log, 5 * HOUR, 2 * HOUR, origins, align=align)
    assert series.tolist() == [0, 0, 1, 1]
    assert times.tolist() == [MIDNIGHT + h * HOUR for h in (6, 8, 22, 24)]


def test_the_day_of_25_hours_has_its_step_just_beyond_the_horizon():
    begin = pd.Timestamp("2024-10-27 00:00", tz="Europe/Berlin").value
    log = replace(
        make_dataset([(np.array([begin]), [0], [1.0])]), clock=Clock("calendar", "Europe/Berlin")
    )
    _, times = forecast_grid(log, DAY, DAY)
    assert times.tolist() == [begin + 25 * HOUR]


def test_series_that_lie_far_apart_have_grids_of_their_own():
    log = make_dataset([(np.array([t]), [0], [1.0]) for t in (MIDNIGHT, MIDNIGHT + 365 * DAY)])
    series, times = forecast_grid(log, 5 * SECOND, SECOND)
    assert series.tolist() == [0] * 5 + [1] * 5
    ahead = SECOND * np.arange(1, 6)
    assert times.tolist() == [*(MIDNIGHT + ahead), *(MIDNIGHT + 365 * DAY + ahead)]


def test_the_default_spacing_is_a_round_one_near_the_typical_gap_of_at_most_500_steps():
    minute = HOUR // 60
    for gap, expected in ((11 * minute, 10 * minute), (48 * minute, HOUR), (HOUR, HOUR)):
        assert default_spacing(regular(40 * gap, gap=gap), 10 * HOUR) == expected
    assert default_spacing(regular(40 * HOUR), 2000 * HOUR) == 6 * HOUR  # 4 h would be 500


def test_the_default_spacing_of_rare_readings_fits_into_the_horizon():
    assert default_spacing(regular(40 * DAY, gap=10 * DAY), DAY) == DAY
    assert default_spacing(regular(0), 5 * HOUR) == HOUR // 60  # no two readings, so no gap


def test_forecast_grid_refuses_a_horizon_shorter_than_a_step():
    with pytest.raises(DataError, match="at least one step, got 3h with steps of 4h"):
        forecast_grid(regular(4 * HOUR), 3 * HOUR, 4 * HOUR)


def test_span_grid_has_full_steps_of_the_clock_inside_each_span():
    log = make_dataset(
        [
            (MIDNIGHT + HOUR * np.array(rows), [0, 0], [1.0, 2.0])
            for rows in ([0.5, 9.0], [1.2, 2.8])
        ]
    )
    series, times = span_grid(log, 3 * HOUR)
    assert series.tolist() == [0, 0, 0, 1]
    own = [MIDNIGHT + h * HOUR for h in (3, 6, 9)]
    assert times.tolist() == [*own, int(MIDNIGHT + 1.2 * HOUR)]  # no step in the span of the second


def test_the_default_spacing_of_a_span_has_at_most_500_steps():
    assert len(span_grid(regular(4 * HOUR), span_spacing(regular(4 * HOUR)))[1]) == 5
    assert span_spacing(regular(5000 * HOUR)) == 12 * HOUR


def test_missing_grid_is_where_a_channel_was_not_read():
    series, times = missing_grid(regular(6 * HOUR, None, HOUR))
    assert series.tolist() == [0, 0]
    assert times.tolist() == [MIDNIGHT + 2 * HOUR, MIDNIGHT + 5 * HOUR]


@pytest.mark.parametrize(
    "call",
    [
        lambda log: forecast_grid(log, 2**61, 1),
        lambda log: span_grid(log, 1),
    ],
)
def test_a_grid_that_would_not_fit_is_refused_before_it_is_made(call):
    with pytest.raises(ResourceError, match="expected at most 4 GB of memory, got about"):
        call(regular(4 * HOUR, HOUR))


def test_path_offsets_reach_from_context_to_horizon():
    schema = DataSchema.fit(irregular_log(), settings(windows__context="24h"))
    offsets = path_offsets(schema, 6 * HOUR, 3)
    assert offsets.tolist() == [h * HOUR for h in (-24, -18, -12, -6, 0, 6, 12)]
    assert len(path_offsets(schema, None, 3)) == 51
    with pytest.raises(ResourceError, match="expected at most"):
        path_offsets(schema, 1, 3)


def test_flat_answers_become_one_row_a_series_in_the_order_of_its_queries():
    series = np.array([3, 1, 3, 3, 1])
    times = MIDNIGHT + np.array([5, 1, 2, 5, 0]) * HOUR
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
    hours = (found["time"].values.astype("datetime64[ns]") - np.datetime64(MIDNIGHT, "ns")) / HOUR
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
