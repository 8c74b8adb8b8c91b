import json
from dataclasses import replace

import numpy as np
import pytest
from model_cases import irregular_log, sampler_of, settings, tensors
from small_series import DAY, EPOCH, HOUR, make_dataset

from latentode.data.dataset import Clock, Readings
from latentode.data.schema import DataSchema
from latentode.errors import DataError


def learned(log, **values):
    return DataSchema.fit(log, settings(**values)).to_dict()


def spoiled(readings, starts, stops):
    """Every value outside the training part made absurd."""
    series = readings.row_series()
    outside = (readings.times <= starts[series]) | (readings.times > stops[series])
    values = readings.values.copy()
    values[outside[readings.reading_rows()]] = 1e6
    assert (values != readings.values).sum() > 5
    return replace(readings, values=values)


@pytest.mark.parametrize("way", ["time", "series"])
def test_values_outside_the_training_part_change_nothing_that_is_learned(way):
    log = irregular_log((40, 30, 25, 20, 15))
    before = learned(log, windows__split=way)
    bounds = DataSchema.fit(log, settings(windows__split=way)).split.bounds(log, "train")
    other = replace(
        log, readings=spoiled(log.readings, *bounds), inputs=spoiled(log.inputs, *bounds)
    )
    if way == "series":
        static = log.static.copy()
        static[bounds[1] <= bounds[0]] = 1e6
        other = replace(other, static=static)
    assert learned(other, windows__split=way) == before


def test_training_batches_never_hold_a_reading_of_another_part():
    log = irregular_log((40, 30, 25))
    config = settings()
    schema = DataSchema.fit(log, config)
    other = replace(log, readings=spoiled(log.readings, *schema.split.bounds(log, "train")))
    batches = []
    for dataset in (log, other):
        sampler = sampler_of(dataset, DataSchema.fit(dataset, config), config)
        batches.append(tensors(sampler.batch(sampler.eligible_rows(), (0, 1))))
    for name, tensor in batches[0].items():
        np.testing.assert_array_equal(tensor, batches[1][name], err_msg=name)


def test_the_schema_survives_json():
    schema = DataSchema.fit(irregular_log(), settings())
    values = json.loads(json.dumps(schema.to_dict()))
    again = DataSchema.from_dict(values)
    assert again.to_dict() == schema.to_dict()
    assert (again.clock, again.lengths, again.split) == (schema.clock, schema.lengths, schema.split)
    assert again.input_dim == schema.input_dim == 5  # sin, cos of a day and its half; one input


def test_another_log_is_brought_into_the_order_of_the_model():
    log = irregular_log((20, 15), num_channels=3)
    schema = DataSchema.fit(log, settings())
    shuffled = replace(
        log,
        readings=log.readings.select_channels(("c2", "new", "c0", "c1")),
        static_columns=("age", "size"),
        static=log.static[:, ::-1],
    )
    aligned = schema.align(shuffled)
    assert aligned.channels == ("c0", "c1", "c2")
    everything = slice(0, log.readings.num_rows)
    np.testing.assert_array_equal(
        aligned.readings.dense(everything), log.readings.dense(everything)
    )
    np.testing.assert_array_equal(aligned.static, log.static)


def test_what_a_log_lacks_is_named():
    log = irregular_log((20, 15))
    schema = DataSchema.fit(log, settings())
    short = replace(log, readings=log.readings.select_channels(("c1",)))
    with pytest.raises(DataError, match="channels: expected c0, c1, the log has no c0"):
        schema.align(short)
    assert schema.align(short, allow_missing=True).channels == ("c0", "c1")
    with pytest.raises(DataError, match=r"planned inputs.*setpoint"):
        schema.align(replace(log, inputs=None))
    with pytest.raises(DataError, match=r"static covariates.*size"):
        schema.align(replace(log, static=None, static_columns=()))
    with pytest.raises(DataError, match=r"clock: expected calendar times .* got elapsed"):
        schema.align(replace(log, clock=Clock("elapsed", None, "s")))


def with_units(log, **units):
    return replace(log, units=tuple(units.items()))


@pytest.mark.parametrize(
    ("trained", "later"),
    [("m³/h", "m3 h-1"), ("°C", "degC"), ("W/m2", "W m-2"), ("l/s", "L/s"), ("Celsius", "°C")],
)
def test_a_unit_may_be_spelt_in_another_way(trained, later):
    log = irregular_log((20, 15))
    name = log.channels[0]
    schema = DataSchema.fit(with_units(log, **{name: trained}), settings())
    assert schema.align(with_units(log, **{name: later})).units == ((name, trained),)


@pytest.mark.parametrize(("trained", "later"), [("m", "ft"), ("mW", "MW"), ("kPa", "hPa")])
def test_another_unit_than_in_training_is_refused(trained, later):
    log = irregular_log((20, 15))
    name = log.channels[0]
    schema = DataSchema.fit(with_units(log, **{name: trained}), settings())
    with pytest.raises(DataError, match=f"expected '{name}' in {trained} .* has it in {later}"):
        schema.align(with_units(log, **{name: later}))
    schema.align(log)  # one that names no unit is of that of the training


def test_a_level_of_a_category_that_does_not_occur_is_zero():
    log = irregular_log((20, 15))
    log = replace(log, static_columns=("site=a", "site=b"))
    schema = DataSchema.fit(log, settings())
    only = replace(log, static_columns=("site=a",), static=log.static[:, :1])
    np.testing.assert_array_equal(schema.align(only).static[:, 1], 0.0)


def test_the_calendar_is_used_where_the_log_spans_three_periods():
    periods = [
        DataSchema.fit(irregular_log((40, 30), hours=hours), settings()).periods_ns.tolist()
        for hours in (60, 120, 24 * 25)
    ]
    assert periods == [[], [DAY], [DAY, 7 * DAY]]


def test_an_elapsed_clock_has_no_calendar():
    log = replace(irregular_log(hours=24 * 25), clock=Clock("elapsed", None, "s"))
    assert DataSchema.fit(log, settings()).periods_ns.tolist() == []


def test_within_takes_the_readings_after_start_up_to_stop():
    times = np.arange(6) * 10
    log = make_dataset([(times, np.zeros(6, int), np.arange(6.0))] * 2)
    found = log.readings.within(np.array([10, 50]), np.array([30, 40]))
    assert found.times.tolist() == [20, 30]
    assert found.series_starts.tolist() == [0, 2, 2]


def test_a_training_part_of_few_readings_is_refused():
    log = irregular_log((20, 15))
    none = Readings.from_triplets(
        *(np.zeros(0, dtype=np.int64),) * 3, np.zeros(0), num_series=2, channels=("c0", "c1")
    )
    with pytest.raises(DataError, match="expected at least 10 readings of a channel, got 0 of"):
        DataSchema.fit(replace(log, readings=none, clock=Clock("elapsed", None, "s")), settings())
    times = EPOCH + np.arange(12) * HOUR
    short = make_dataset([(times, np.zeros(12, int), np.arange(12.0))])
    with pytest.raises(DataError, match=r"got 8 of 'a'\. Give a longer log, or more"):
        DataSchema.fit(short, settings())


def with_a_few(number):
    """Hourly readings of one channel, and a few of another at the same times."""
    times = EPOCH + np.arange(100) * HOUR
    channel = np.repeat([0, 1], [100, number])
    parts = (np.concatenate([times, times[:number]]), channel, 0.1 * np.arange(100.0 + number))
    return make_dataset([parts])


@pytest.mark.parametrize(("number", "known"), [(0, False), (9, False), (10, True)])
def test_a_channel_needs_ten_training_readings_to_be_known(number, known):
    log = with_a_few(number)
    schema = DataSchema.fit(log, settings())
    assert schema.known.tolist() == [True, known]
    kept = schema.align(log).readings
    assert (kept.channel_index == 1).sum() == (number if known else 0)
    assert (kept.channel_index == 0).sum() == 100
    assert np.isnan(schema.to_original(np.zeros((3, 2)))[:, 1]).all() == (not known)
    text = "\n".join(schema.plan())
    said = f"fewer than 10 readings in the training part, so every answer is NaN: b ({number})"
    assert (said in text) == (not known)


def test_what_was_learned_is_told():
    log = irregular_log((20, 15))
    constant = log.readings.values.copy()
    constant[log.readings.channel_index == 1] = 3.0
    log = replace(log, readings=replace(log.readings, values=constant))
    text = "\n".join(DataSchema.fit(log, settings()).plan())
    assert "history 36h, horizon 12h (as given)" in text
    assert "split: by time, training to 20" in text
    assert "constant in training: c1" in text


def test_series_that_hardly_overlap_are_told_with_what_overrules_it():
    times = EPOCH + np.arange(48) * HOUR
    visits = [(times + 30 * k * DAY, np.zeros(48, int), np.arange(48.0)) for k in range(9)]
    text = "\n".join(DataSchema.fit(make_dataset(visits), settings(windows__split="auto")).plan())
    assert "split: by series, 6 train, 1 validation, 2 test (they hardly overlap" in text
    assert "to overrule: --split time" in text
    few = "\n".join(
        DataSchema.fit(make_dataset(visits[:4]), settings(windows__split="auto")).plan()
    )
    assert "split: by time, each series at its own two moments (they hardly overlap" in few


@pytest.mark.parametrize("zones", [("UTC", None), (None, "UTC")])
def test_align_refuses_wall_clock_times_beside_times_of_a_zone(zones):
    trained, other = (
        replace(irregular_log((40, 30)), clock=Clock("calendar", zone)) for zone in zones
    )
    schema = DataSchema.fit(trained, settings())
    with pytest.raises(DataError, match=r"clock: expected times .* zone.*--tz"):
        schema.align(other)
