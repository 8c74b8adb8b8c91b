from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from model_cases import (
    EPOCH,
    HOUR,
    case,
    irregular_log,
    model_of,
    noise_for,
    predictor_of,
    sampler_of,
    settings,
    tensors,
)
from scipy import stats
from small_series import make_dataset

from latentode.config import DataConfig
from latentode.data.dataset import Clock
from latentode.data.reading.log import read_log
from latentode.data.schema import DataSchema
from latentode.data.targets import Targets
from latentode.prediction.noise import latent_noise

SECOND = 1_000_000_000
ANCHORS = pytest.mark.parametrize("anchor", ["origin", "start"])
LIKELIHOODS = pytest.mark.parametrize("likelihood", ["gaussian", "student_t"])


@ANCHORS
def test_the_encoder_reads_towards_the_anchor(anchor):
    model, template = case(size=8, model__anchor=anchor, model__encoder="rnn")
    rows = 60
    times = torch.linspace(-2.0, 0.0, rows, dtype=torch.float64).expand(8, -1)
    batch = replace(
        template,
        times=times if anchor == "origin" else times + 2.0,
        values=torch.randn(8, rows, 2, generator=torch.Generator().manual_seed(2)).requires_grad_(),
        mask=torch.ones(8, rows, 2, dtype=torch.bool),
        lengths=torch.full((8,), rows),
    )
    mean = model.posterior(batch).mean
    (slopes,) = torch.autograd.grad(mean.square().sum(), batch.values)
    # neither the first nor the last row, with which the others may be compared
    old, new = slopes[:, 1:6].abs().sum(), slopes[:, -6:-1].abs().sum()
    assert (new > 10 * old) if anchor == "origin" else (old > 10 * new)


@ANCHORS
def test_the_solve_starts_from_the_posterior_at_the_anchor(anchor):
    model, batch = case(model__anchor=anchor)
    z0 = torch.randn(2, batch.size, 3)
    trajectory = model.trajectory(z0, batch)
    zero = torch.zeros(batch.size, 1, dtype=torch.float64)
    torch.testing.assert_close(trajectory.at(zero)[:, :, 0], z0, rtol=0, atol=1e-6)
    low, high = trajectory.covered()
    assert float(low.min()) <= batch.lower
    assert float(high.max()) >= batch.upper


def test_the_log_likelihood_is_the_sum_over_the_readings():
    model, batch = case(model__likelihood="gaussian")
    noise = noise_for(batch)
    found, _, _ = model(batch, noise)
    decoded = model.solve(batch, noise).decoded
    density = stats.norm.logpdf(
        batch.targets.numpy(),
        decoded.location.detach().numpy(),
        decoded.scale.detach().numpy(),
    )
    expected = np.where(batch.target_mask, density, 0.0).sum(axis=(-2, -1))
    np.testing.assert_allclose(found.detach(), expected, rtol=1e-4, atol=1e-4)


def test_the_exact_divergence_is_the_mean_of_the_ratios():
    model, batch = case(size=3)
    with torch.no_grad():
        _, ratio, kl = model(batch, noise_for(batch, draws=4000))
    error = ratio.std(dim=0) / 4000**0.5
    assert ((ratio.mean(dim=0) + kl).abs() < 4 * error).all()


def test_the_posterior_is_never_without_spread():
    model, batch = case()
    head = model.posterior_head.normal
    torch.nn.init.constant_(head.bias[head.sizes[0] :], -1e4)
    posterior = model.posterior(batch)
    assert (posterior.stddev >= 1e-3).all()
    assert torch.isfinite(model(batch, noise_for(batch))[2]).all()


def test_without_memory_a_prediction_sees_the_trajectory_alone():
    model, batch = case()
    z0 = torch.randn(1, batch.size, 3)
    trajectory = model.trajectory(z0, batch)
    plain = model.decode(trajectory, batch, remember=False)
    moved = replace(batch, values=batch.values + batch.mask)
    again = model.decode(trajectory, moved, remember=False)
    assert torch.equal(plain.location, again.location)
    assert torch.equal(plain.scale, again.scale)
    assert not torch.equal(
        model.decode(trajectory, batch).location, model.decode(trajectory, moved).location
    )


# --- the same log written otherwise -------------------------------------------------------------


def sensor_frame(seed=0):
    """Two series of quarter seconds over the same span, cells missing."""
    generator = np.random.default_rng(seed)
    parts = []
    for index, count in enumerate((150, 90)):
        ticks = np.sort(generator.choice(np.arange(1, 1600), count - 2, replace=False))
        ticks = np.concatenate([[0], ticks, [1600]])
        values = np.sin(ticks / 40)[:, None] + 0.1 * generator.normal(size=(count, 2))
        values[generator.random(values.shape) < 0.3] = np.nan
        values[[0, -1]] = 0.5
        part = pd.DataFrame(values, columns=["flow", "level"])
        parts.append(part.assign(time=ticks / 4, sensor=f"p{index}"))
    return pd.concat(parts, ignore_index=True)


def from_frame(frame, unit="auto"):
    columns = {"time": "time", "id": "sensor"}
    config = DataConfig.model_validate({"columns": columns, "time": {"unit": unit}})
    dataset, _ = read_log(frame, config)
    settled = settings(windows__context="60s", windows__horizon="30s")
    schema = DataSchema.fit(dataset, settled)
    sampler = sampler_of(dataset, schema, settled)
    batch = sampler.batch(sampler.eligible_rows()[::9], (0, 1))
    model = model_of(schema, settled)
    with torch.no_grad():
        return dataset, batch, model(batch, noise_for(batch))


def assert_equal_but_for_labels(one, other):
    for name, tensor in tensors(one[1]).items():
        assert torch.equal(tensor, tensors(other[1])[name]), name
    for first, second in zip(one[2], other[2], strict=True):
        assert torch.equal(first, second)


def test_a_shift_of_all_times_changes_labels_only():
    frame = sensor_frame()
    base = from_frame(frame, "s")
    shifted = from_frame(frame.assign(time=frame["time"] + 1.7e9), "s")
    assert shifted[0].readings.times[0] - base[0].readings.times[0] == 1_700_000_000 * SECOND
    assert_equal_but_for_labels(base, shifted)


def test_the_unit_in_which_times_are_written_changes_nothing():
    frame = sensor_frame()
    base = from_frame(frame.assign(time=frame["time"] + 1.7e9), "s")
    milli = from_frame(frame.assign(time=((frame["time"] + 1.7e9) * 1000).astype("int64")), "ms")
    stamps = from_frame(frame.assign(time=pd.to_datetime(frame["time"] + 1.7e9, unit="s")))
    assert_equal_but_for_labels(base, milli)
    assert_equal_but_for_labels(base, stamps)


def test_elapsed_times_in_another_unit_are_the_same_times():
    frame = sensor_frame()
    seconds = from_frame(frame, "s")
    milli = from_frame(frame.assign(time=(frame["time"] * 1000).astype("int64")), "ms")
    assert_equal_but_for_labels(seconds, milli)


def test_the_order_of_the_lines_of_a_log_leaves_every_bit_as_it_is():
    frame = sensor_frame()
    shuffled = frame.sample(frac=1.0, random_state=3)
    assert_equal_but_for_labels(from_frame(frame, "s"), from_frame(shuffled, "s"))


def test_the_unit_of_a_channel_scales_its_predictions():
    log = irregular_log()
    bars = log.readings
    factor = np.array([1000.0, 1.0])[bars.channel_index]
    pascals = replace(log, readings=replace(bars, values=bars.values * factor))
    series, times = np.array([0, 0, 1]), EPOCH + np.array([50, 130, 60]) * HOUR
    values = np.full((3, 2), 21.0)
    one = predictor_of(log).query(log, series, times, values)
    other = predictor_of(pascals).query(pascals, series, times, values * [1000.0, 1.0])
    np.testing.assert_allclose(other.draws, one.draws * [1000.0, 1.0], rtol=1e-5)
    np.testing.assert_allclose(other.log_prob, one.log_prob - [np.log(1000.0), 0.0], atol=1e-4)


def test_densities_and_states_of_a_shifted_log_are_equal_to_the_last_bit():
    log = replace(irregular_log(extras=False, hours=60), clock=Clock("elapsed", None, "s"))
    series, times = np.array([0, 1, 0, 2]), EPOCH + np.array([12, 30, 70, -5]) * HOUR
    values = np.full((4, 2), 21.0)
    found = []
    for shift in (0, -EPOCH, 17 * 10**8 * SECOND):
        moved = replace(log, readings=replace(log.readings, times=log.readings.times + shift))
        predictor, asked = predictor_of(moved), (moved, series, times + shift)
        states = predictor.query(*asked, wanted="latent").latent
        found.append((predictor.query(*asked, values).log_prob, states))
    for other in found[1:]:
        np.testing.assert_array_equal(other[0], found[0][0])
        np.testing.assert_array_equal(other[1], found[0][1])


# --- what is missing, and awkward series --------------------------------------------------------


def test_an_observed_zero_is_not_a_missing_value():
    model, batch = case()
    inside = torch.arange(batch.times.shape[1]) < batch.lengths[:, None]
    w, row, channel = (inside[..., None] & ~batch.mask).nonzero()[0]
    mask = batch.mask.clone()
    mask[w, row, channel] = True
    other = replace(batch, mask=mask)
    assert torch.equal(other.values, batch.values)
    one, two = (model.solve(b, noise_for(batch)).decoded.location for b in (batch, other))
    changed = (one - two).abs().amax(dim=(0, 2, 3)) > 1e-5
    assert changed.nonzero().flatten().tolist() == [int(w)]


@LIKELIHOODS
@ANCHORS
def test_a_window_without_any_visible_row_is_predicted_from_the_prior(anchor, likelihood):
    log = irregular_log((40, 25, 12, 1))
    predictor = predictor_of(log, model__anchor=anchor, model__likelihood=likelihood)
    # far before, in and after a series that is absent from the visible readings
    visible = replace(log, readings=log.readings.select_readings(
        log.readings.row_series()[log.readings.reading_rows()] != 2
    ))  # fmt: skip
    times = EPOCH + np.array([-500, 3, 60, 5000]) * HOUR
    found = predictor.query(visible, np.full(4, 2), times, np.full((4, 2), 20.0))
    assert np.isfinite(found.draws).all()
    assert np.isfinite(found.log_prob).all()
    assert (found.draws.std(axis=0) > 0).all()


def test_a_series_of_one_observation_is_forecast():
    log = irregular_log((40, 25, 1))
    predictor = predictor_of(log)
    moment = log.readings.times[log.readings.rows_of(2)][0]
    times = moment + np.array([-10, 0, 1, 11]) * HOUR
    found = predictor.query(log, np.full(4, 2), times)
    assert np.isfinite(found.draws).all()
    assert (found.draws.std(axis=0) > 0).all()


def rewritten(log, channel, change):
    values = log.readings.values.copy()
    chosen = log.readings.channel_index == channel
    values[chosen] = change(values[chosen])
    return replace(log, readings=replace(log.readings, values=values))


def two_valued(values):
    return np.where(np.arange(len(values)) % 7 == 0, 1.0, 0.0)


def with_noise_of_a_thousandth(values):
    return 1e12 + 1e-3 * (values - 20.0)


def with_an_outlier(values):
    return np.where(np.arange(len(values)) == len(values) // 3, 1e9, values)


@LIKELIHOODS
@pytest.mark.parametrize(
    "change",
    [lambda values: 0 * values + 5.0, two_valued, with_noise_of_a_thousandth, with_an_outlier],
    ids=["constant", "two values", "1e12 + 1e-3", "outlier of 1e9"],
)
def test_an_awkward_channel_has_a_finite_loss_and_finite_forecasts(change, likelihood):
    log = rewritten(irregular_log(), 1, change)
    model, batch = case(log, size=30, model__likelihood=likelihood)
    bounds = model(batch, noise_for(batch))
    assert all(torch.isfinite(part).all() for part in bounds)
    sum(part.mean() for part in bounds).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())
    found = predictor_of(log, model__likelihood=likelihood).query(
        log, np.array([0, 1, 2]), EPOCH + np.array([20, 60, 130]) * HOUR, np.full((3, 2), 20.0)
    )
    assert np.isfinite(found.draws).all()
    assert np.isfinite(found.log_prob).all()
    # of a state all draws may be the same one
    states = np.isin(found.draws, (0.0, 1.0)).all(axis=0)
    assert ((found.draws.std(axis=0) > 0) | states).all()


def test_a_channel_without_any_reading_is_kept_and_has_no_answer():
    log = irregular_log(num_channels=3)
    empty = log.readings.select_readings(log.readings.channel_index != 1)
    log = replace(log, readings=empty)
    model, batch = case(log)
    assert not batch.mask[..., 1].any()
    assert not batch.target_mask[..., 1].any()
    bounds = model(batch, noise_for(batch))
    sum(part.mean() for part in bounds).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())
    predictor = predictor_of(log, num_draws=50)
    found = predictor.query(log, np.array([0, 1]), EPOCH + np.array([50, 130]) * HOUR)
    assert np.isnan(found.draws[..., 1]).all()
    assert np.isfinite(found.draws[..., [0, 2]]).all()


def test_history_entirely_before_or_after_the_queries():
    log = irregular_log()
    predictor = predictor_of(log)
    readings = log.readings
    first, last = readings.times[0], readings.times[readings.rows_of(0)][-1]
    times = np.array([last + 3 * HOUR, last + 1, first - 2 * HOUR, first - 1, last + 3 * HOUR])
    found = predictor.query(log, np.zeros(5, int), times)
    assert np.isfinite(found.draws).all()
    np.testing.assert_array_equal(found.draws[:, 0], found.draws[:, 4])


# --- the predictor ------------------------------------------------------------------------------


def test_the_predictor_answers_each_target_with_its_own_channel():
    log = irregular_log()
    predictor = predictor_of(log)
    targets = Targets.from_readings(log.readings).select(np.arange(0, 100, 3))
    draws, log_prob = predictor(log, targets)
    found = predictor.query(log, targets.window, targets.times)
    place = np.arange(len(targets))
    np.testing.assert_allclose(draws, found.draws[:, place, targets.channel], rtol=1e-12)
    assert np.isfinite(log_prob).all()
    other = replace(targets, values=targets.values + 1.0)
    np.testing.assert_array_equal(predictor(log, other)[0], draws)
    assert not np.array_equal(predictor(log, other)[1], log_prob)


def test_a_single_reading_has_the_same_density_jointly_and_alone(monkeypatch):
    # from one state: joint densities are weights of random ones
    monkeypatch.setattr("latentode.prediction.window_solver.latent_points", latent_noise)
    log = irregular_log()
    predictor = predictor_of(log, num_draws=1)
    series = np.arange(3)
    times = np.array([log.readings.times[log.readings.rows_of(i)][-1] + HOUR for i in range(3)])
    values = np.array([[21.0, np.nan], [np.nan, 18.0], [19.0, np.nan]])
    alone = predictor.query(log, series, times, values).log_prob
    jointly = predictor.log_weights(log, series, times, values)
    np.testing.assert_allclose(jointly[0], np.nansum(alone, axis=1), rtol=1e-5, atol=1e-5)


def test_joint_densities_are_in_original_units():
    log = irregular_log()
    double = replace(log, readings=replace(log.readings, values=2.0 * log.readings.values))
    times = log.readings.times[log.readings.series_starts[1:] - 1] + HOUR
    values = np.full((3, 2), 21.0)
    one = predictor_of(log).log_weights(log, np.arange(3), times, values)
    other = predictor_of(double).log_weights(double, np.arange(3), times, 2.0 * values)
    np.testing.assert_allclose(other, one - 2 * np.log(2.0), atol=1e-3)


@ANCHORS
def test_rows_beyond_the_limit_are_as_if_they_were_not_there(anchor):
    log = irregular_log((90, 70), extras=False)
    readings = log.readings
    newest = np.arange(readings.num_rows) >= (readings.series_starts[1:] - 4)[readings.row_series()]
    short = replace(log, readings=readings.select_readings(newest[readings.reading_rows()]))
    series, times = np.array([0, 1]), EPOCH + np.array([125, 131]) * HOUR
    limited = predictor_of(log, model__anchor=anchor, max_rows=4)
    one, other = limited.query(log, series, times), limited.query(short, series, times)
    np.testing.assert_array_equal(one.draws, other.draws)
    free = predictor_of(log, model__anchor=anchor)
    one, other, free = (
        predictor.query(seen, series, times, wanted="latent").latent
        for predictor, seen in ((limited, log), (limited, short), (free, log))
    )
    np.testing.assert_array_equal(one, other)
    assert not np.allclose(free, one)


def test_the_noise_of_a_reading_at_time_zero_is_not_that_of_the_latent_state():
    times = np.arange(30) * HOUR
    log = make_dataset([(times, np.zeros(30, int), np.sin(times / HOUR))], channels=("a",))
    log = replace(log, clock=Clock("elapsed", None, "s"))
    predictor = predictor_of(
        log, num_draws=2000, model__anchor="start", model__likelihood="gaussian"
    )
    with torch.no_grad():
        for parameter in predictor.model.decoder.parameters():
            parameter.zero_()  # the location does not depend on the latent state
    asked = np.zeros(1, int), np.zeros(1, int)
    draws = predictor.query(log, *asked).draws[:, 0, 0]
    states = predictor.query(log, *asked, wanted="latent").latent[:, 0]
    for latent in range(3):
        correlation = np.corrcoef(draws, states[:, latent])[0, 1]
        assert abs(correlation) < 4 / np.sqrt(2000)


def test_draws_have_the_density_that_is_reported():
    log = irregular_log()
    predictor = predictor_of(log, num_draws=4000, model__likelihood="gaussian")
    series, times = np.zeros(1, int), np.array([EPOCH + 61 * HOUR])
    draws = np.sort(predictor.query(log, series, times).draws[:, 0, 0])
    low, high = draws[1000], draws[3000]
    points = np.linspace(low, high, 21)
    values = np.stack([points, np.full(21, np.nan)], axis=1)
    density = np.exp([
        predictor.query(log, series, times, row[None]).log_prob[0, 0] for row in values
    ])  # fmt: skip
    # half of the draws lie between the quartiles, 4000 of them give sqrt(.25 / 4000) = 0.8 %
    assert np.trapezoid(density, points) == pytest.approx(0.5, abs=0.035)


def test_a_prediction_belongs_to_the_seed():
    log = irregular_log()
    series, times = np.array([0, 1]), EPOCH + np.array([50, 130]) * HOUR
    draws = [predictor_of(log, seed=seed).query(log, series, times).draws for seed in (3, 3, 4)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).all()


def test_the_classic_model_has_no_memory_and_sees_absolute_levels():
    log = irregular_log((40, 25), extras=False)
    model, batch = case(log, size=4, model__memory=False)
    assert not {"memory", "recent", "seasonal"} & {name for name, _ in model.named_children()}
    noise = noise_for(batch)
    log_likelihood, log_ratio, kl = model(batch, noise)
    (log_likelihood.sum() + log_ratio.sum() + kl.sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    raised = replace(batch, values=batch.values + batch.mask * 2.0)
    assert not torch.allclose(model.posterior(raised).mean, model.posterior(batch).mean)
    with_memory, batch = case(log, size=4)
    raised = replace(batch, values=batch.values + batch.mask * 2.0)
    torch.testing.assert_close(
        with_memory.posterior(raised).mean, with_memory.posterior(batch).mean, rtol=0, atol=1e-5
    )
