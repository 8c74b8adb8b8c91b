"""A series alone is the same series in any batch and order."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from model_cases import EPOCH, HOUR, case, double, irregular_log, noise_for, predictor_of, trimmed

from latentode.data.dataset import Readings

KINDS = [
    {"model__encoder": encoder, "model__anchor": anchor, "model__likelihood": likelihood}
    for encoder in ("rnn", "ode_rnn", "attention")
    for anchor in ("origin", "start")
    for likelihood in ("gaussian", "student_t")
]
NAMES = ["-".join(kind.values()) for kind in KINDS]
CLOSE = {"rtol": 1e-5, "atol": 1e-5}  # float32 sums in another order


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_a_window_alone_is_the_same_window_in_any_batch(kind):
    log = irregular_log((40, 25, 1))
    model, batch = case(log, size=8, **kind)
    noise = noise_for(batch)
    together = model(batch, noise)
    for w in range(batch.size):
        alone = model(trimmed(batch.select(torch.tensor([w]))), noise[:, [w]])
        for one, other in zip(alone, together, strict=True):
            torch.testing.assert_close(one[..., 0], other[..., w], **CLOSE)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_in_float64_a_window_alone_is_the_same_window_to_ten_digits(kind):
    model, batch = case(irregular_log((40, 25, 1)), size=8, **kind)
    model, batch, noise = model.double(), double(batch), noise_for(batch).double()
    together = model(batch, noise)
    for w in range(batch.size):
        alone = model(trimmed(batch.select(torch.tensor([w]))), noise[:, [w]])
        for one, other in zip(alone, together, strict=True):
            torch.testing.assert_close(one[..., 0], other[..., w], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_the_order_of_a_batch_does_not_matter(kind):
    model, batch = case(size=8, **kind)
    noise = noise_for(batch)
    order = torch.tensor([5, 2, 7, 0, 1, 6, 4, 3])
    shuffled = model(batch.select(order), noise[:, order])
    for one, other in zip(shuffled, model(batch, noise), strict=True):
        torch.testing.assert_close(one, other[..., order], **CLOSE)


def test_a_wider_padding_and_a_longer_solve_do_not_matter():
    model, batch = case(size=8)
    wide = replace(
        batch,
        times=torch.cat([batch.times, batch.times[:, -1:].expand(-1, 40)], 1),
        values=torch.cat([batch.values, torch.zeros(8, 40, 2)], 1),
        mask=torch.cat([batch.mask, torch.zeros(8, 40, 2, dtype=torch.bool)], 1),
        lower=batch.lower - 3.0,
        upper=batch.upper + 5.0,
    )
    for one, other in zip(
        model(wide, noise_for(batch)), model(batch, noise_for(batch)), strict=True
    ):
        torch.testing.assert_close(one, other, **CLOSE)


def awkward_log():
    """Series with a long gap, with one row, and without any."""
    log = irregular_log((60, 25, 1, 9))
    readings = log.readings
    gone = (readings.row_series() == 1) & (readings.times > EPOCH + 30 * HOUR)
    gone &= readings.times < EPOCH + 110 * HOUR
    gone |= readings.row_series() == 3
    return replace(log, readings=readings.select_readings(~gone[readings.reading_rows()]))


def queries(log, seed=0, count=60):
    """Anywhere, on readings, twice, before the first and after the last, in no order."""
    generator = np.random.default_rng(seed)
    series = generator.integers(len(log), size=count)
    times = EPOCH + generator.integers(-40, 170, size=count) * HOUR + 1
    on = generator.integers(log.readings.num_rows, size=15)
    series = np.concatenate([series, log.readings.row_series()[on], series[:9]])
    times = np.concatenate([times, log.readings.times[on], times[:9]])
    order = generator.permutation(len(series))
    return series[order], times[order]


def both(predictor, *asked):
    """Answers to queries: readings and latent states."""
    states = predictor.query(*asked[:3], wanted="latent").latent
    return replace(predictor.query(*asked), latent=states)


def assert_same(one, other):
    for name in ("draws", "latent", "log_prob"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-5, atol=1e-4)


def subset(found, index):
    return type(found)(
        found.draws[:, index],
        found.latent[:, index],
        found.log_prob[index],
        found.rates[:, index],
        found.classes[index],
    )


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_a_query_alone_is_the_same_query_among_others(kind):
    log = awkward_log()
    predictor = predictor_of(log, **kind)
    series, times = queries(log)
    values = np.full((len(times), 2), 20.5)
    together = both(predictor, log, series, times, values)
    assert np.isfinite(together.draws).all()
    assert np.isfinite(together.log_prob).all()
    for index in range(0, len(times), 7):
        here = slice(index, index + 1)
        alone = both(predictor, log, series[here], times[here], values[here])
        assert_same(alone, subset(together, here))


def test_queries_are_answered_in_the_order_of_the_user_and_duplicates_are_equal():
    log = awkward_log()
    predictor = predictor_of(log)
    series, times = queries(log)
    found = both(predictor, log, series, times)
    order = np.random.default_rng(1).permutation(len(times))
    assert_same(both(predictor, log, series[order], times[order]), subset(found, order))
    asked = np.stack([series, times])
    _, first, place = np.unique(asked, axis=1, return_index=True, return_inverse=True)
    assert len(first) < len(times)
    np.testing.assert_array_equal(found.draws, found.draws[:, first[place.reshape(-1)]])


def test_a_series_alone_is_the_same_series_in_a_log_of_many():
    log = awkward_log()
    predictor = predictor_of(log)
    series, times = queries(log)
    found = both(predictor, log, series, times)
    order = np.array([2, 0, 3, 1])
    shuffled = both(predictor, log.select_series(order), np.argsort(order)[series], times)
    assert_same(shuffled, found)
    for index in range(len(log)):
        own = series == index
        alone = both(predictor, log.select_series([index]), np.zeros(own.sum(), int), times[own])
        assert_same(alone, subset(found, own))


def test_chunks_of_any_size_give_the_same_predictions(monkeypatch):
    log = awkward_log()
    predictor = predictor_of(log)
    series, times = queries(log)
    found = both(predictor, log, series, times)
    monkeypatch.setattr("latentode.prediction.window_groups._MAX_ELEMENTS", 1)
    assert_same(both(predictor, log, series, times), found)


def test_the_order_of_the_rows_of_a_log_leaves_every_bit_as_it_is():
    log = irregular_log()
    readings = log.readings
    rows = readings.reading_rows()
    order = np.random.default_rng(0).permutation(readings.num_readings)
    shuffled = Readings.from_triplets(
        readings.row_series()[rows][order],
        readings.times[rows][order],
        readings.channel_index[order],
        readings.values[order],
        num_series=len(log),
        channels=log.channels,
    )
    predictor = predictor_of(log)
    other = predictor_of(replace(log, readings=shuffled))
    series, times = queries(log)
    one = both(predictor, log, series, times)
    two = both(other, replace(log, readings=shuffled), series, times)
    np.testing.assert_array_equal(one.draws, two.draws)
    np.testing.assert_array_equal(one.latent, two.latent)
