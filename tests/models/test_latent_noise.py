"""Latent paths with noise: the ODE as their limit, prior and posterior, price, draws, refusals."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from model_cases import (
    MARKS,
    case,
    double,
    irregular_log,
    model_of,
    noise_for,
    predictor_of,
    settings,
    trimmed,
)
from torch import nn

from latentode import LatentODE
from latentode.config import LatentODEConfig, ModelConfig, SolverConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.known_inputs import KnownInputs
from latentode.data.schema import DataSchema
from latentode.errors import ConfigError
from latentode.models.latent_noise import with_targets
from latentode.models.latent_ode import LatentODEModel
from latentode.models.objectives import elbo, iwae
from latentode.prediction.latent_density import density_paths, latent_plane

ANCHORS = pytest.mark.parametrize("anchor", ["origin", "start"])
LEARNED = {"model__dynamics_noise": "learned", "solver__step_size": 1 / 16}
CLASSIC = {"model__memory": False, "model__knots": 0}


def noisy(size=6, **values):
    return case(size=size, **LEARNED, **values)


def test_a_model_has_no_noise_of_the_path_by_default():
    model, _ = case()
    assert ModelConfig().dynamics_noise == "none"
    assert model.latent_noise is None
    assert not [name for name in model.state_dict() if name.startswith("latent_noise")]


@ANCHORS
def test_without_diffusion_the_path_is_that_of_the_drift(anchor):
    model, batch = noisy(model__anchor=anchor)
    with torch.no_grad():
        model.latent_noise.log_diffusion.fill_(-1e3)
    solved = model.solve(batch, noise_for(batch), density=True)
    plain = model.trajectory(solved.z0, batch)
    # the same steps of the same field, whose solve by hand sums in another order
    torch.testing.assert_close(solved.trajectory.states, plain.states, rtol=1e-5, atol=1e-5)
    assert (solved.trajectory.noise.kl == 0).all()


def test_a_forecast_follows_the_prior():
    model, batch = noisy()
    noise = model.solve(batch, noise_for(batch)).trajectory.noise
    assert (noise.moves == 0).all()
    assert (noise.log_ratio == 0).all()
    kicks = model.latent_noise.diffusion * noise.at_points.diff(dim=0)
    torch.testing.assert_close(noise.kicks, kicks)


def test_visible_readings_move_the_path_up_to_the_last_of_them():
    model, batch = noisy(model__anchor="start")
    solved = model.solve(batch, noise_for(batch))
    last = torch.where(batch.mask.any(-1), batch.times, -math.inf).amax(1)
    starts = torch.arange(len(solved.trajectory.noise.moves)) * solved.trajectory.step
    ahead = starts[:, None] < last  # (step, batch)
    moved = (solved.trajectory.noise.moves != 0).all(-1).all(1)
    assert torch.equal(moved, ahead)


def test_training_lets_the_path_know_its_targets():
    model, batch = noisy()
    noise = noise_for(batch)
    other = replace(batch, targets=batch.targets + 1.0)
    for density, expected in ((True, False), (False, True)):
        one, two = (model.solve(b, noise, density=density).decoded for b in (batch, other))
        assert torch.equal(one.location, two.location) is expected


def test_targets_stand_among_the_readings_in_the_order_of_time():
    _, batch = case()
    every = with_targets(batch)
    assert (every.times.diff(dim=1) >= 0).all()
    assert every.mask.sum() == batch.mask.sum() + batch.target_mask.sum()
    for w in range(batch.size):
        found = set(zip(every.times[w].tolist(), every.values[w, :, 0].tolist(), strict=True))
        rows = batch.target_mask[w, :, 0]
        times, values = batch.query_times[w][rows], batch.targets[w, :, 0][rows]
        assert set(zip(times.tolist(), values.tolist(), strict=True)) <= found


def test_a_classic_model_with_noise_from_the_start_explains_the_visible_readings_too():
    model, batch = noisy(model__anchor="start", **CLASSIC)
    asked = model.learned_from(batch)
    assert asked.target_mask.sum() == batch.mask.sum() + batch.target_mask.sum()
    for others in ({"model__anchor": "origin", **CLASSIC}, {"model__anchor": "start"}):
        model, batch = noisy(**others)
        assert model.learned_from(batch) is batch


def test_the_bound_pays_for_the_control_of_the_path():
    model, batch = noisy(size=3)
    draws = 2_000
    noise = noise_for(batch, draws=draws)
    with torch.no_grad():
        evidence = model(batch, noise)
        solved = model.solve(batch, noise, density=True)
    of_state = model.prior.kl_from(solved.posterior.mean, solved.posterior.stddev)
    price = solved.trajectory.noise.kl.mean(0)
    assert (price > 0.01).all()
    torch.testing.assert_close(evidence.kl, of_state + price)
    ratio = solved.trajectory.noise.log_ratio
    error = ratio.std(0) / draws**0.5
    assert ((ratio.mean(0) + price).abs() < 4 * error).all()
    weights = evidence.log_likelihood + evidence.log_ratio
    assert (iwae(weights) > elbo(evidence.log_likelihood, evidence.kl)).all()


@pytest.mark.parametrize(
    "objective",
    [lambda e: elbo(e.log_likelihood, e.kl), lambda e: iwae(e.log_likelihood + e.log_ratio)],
)
def test_diffusion_and_control_get_the_gradients_of_finite_differences(objective):
    model, batch = noisy(size=2, **CLASSIC)
    model, batch, noise = model.double(), double(batch), noise_for(batch).double()
    part = model.latent_noise
    loss = objective(model(batch, noise)).sum()
    for parameter in (part.log_diffusion, part.control.bias, part.control.last.weight):
        slopes = torch.autograd.grad(loss, parameter, retain_graph=True)[0].flatten()
        index, values = int(slopes.abs().argmax()), []
        for change in (1e-5, -1e-5):
            with torch.no_grad():
                parameter.view(-1)[index] += change
                values.append(float(objective(model(batch, noise)).sum()))
                parameter.view(-1)[index] -= change
        assert slopes[index] == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-5)


@ANCHORS
def test_a_window_alone_is_the_same_window_in_any_batch(anchor):
    model, batch = noisy(size=5, model__anchor=anchor)
    noise = noise_for(batch)
    together = model(batch, noise)
    for w in range(batch.size):
        alone = model(trimmed(batch.select(torch.tensor([w]))), noise[:, [w]])
        for one, other in zip(alone, together, strict=True):
            torch.testing.assert_close(one[..., 0], other[..., w], rtol=1e-4, atol=1e-4)


def test_a_draw_of_a_path_depends_on_no_other_query_series_or_draw():
    log = irregular_log()
    ends = log.readings.first_and_last()[1]
    series = np.repeat(np.arange(3), 5)
    times = (ends[:, None] + np.linspace(1, 12, 5) * 3_600_000_000_000).astype(np.int64).ravel()
    some = [11, 3, 14]
    predictor = predictor_of(log, num_draws=6, **LEARNED)
    every = predictor.query(log, series, times, wanted="latent").latent
    predictor = predictor_of(log, num_draws=4, **LEARNED)
    fewer = predictor.query(log, series[some], times[some], wanted="latent").latent
    np.testing.assert_allclose(fewer, every[:4, some], atol=1e-5)
    steps = np.diff(every.reshape(6, 3, 5, -1), axis=2)
    assert np.std(steps, axis=0).min() > 0.01  # draws have increments of their own


def test_a_chosen_step_is_short_enough_for_the_noise():
    model, batch = case(model__dynamics_noise="learned", solver__step_size=None)
    chosen = model.choose_solver(noise_for(batch), batch, model.solver)
    assert chosen.step_size <= 1 / 16
    assert chosen.method in ("ab4", "rk4")


def test_a_model_with_noise_is_trained_saved_and_loaded(tmp_path):
    config = settings(
        model__dynamics_noise="learned", train__steps_per_epoch=2, train__max_epochs=1
    )
    log = irregular_log()
    model = LatentODE(config=config, random_state=0).fit(log)
    learned = model.fitted_.model.latent_noise.log_diffusion
    assert (learned.std() > 0) & learned.isfinite().all()  # learned: all begin with the same
    forecast = model.forecast(log, horizon="6h", every="1h", num_draws=4)
    model.save(tmp_path / "model")
    again = LatentODE.load(tmp_path / "model").forecast(log, horizon="6h", every="1h", num_draws=4)
    assert forecast.equals(again)


def test_what_knows_no_noise_is_refused():
    log = irregular_log()
    config = settings(**LEARNED)
    schema = DataSchema.fit(log, config)
    with pytest.raises(ConfigError, match=r'expected "none" with events.*got "learned"'):
        model_of(schema, config, event_rates=torch.ones(len(MARKS)))
    model = model_of(schema, config)
    offsets = np.array([0, 3_600_000_000_000])
    with pytest.raises(ConfigError, match="latent density: expected a model without noise"):
        density_paths(model, schema, log, offsets, source="prior", num_draws=2, seed=0)
    with pytest.raises(ConfigError, match="latent density: expected a model without noise"):
        latent_plane(model, schema, log)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"train.regularizers.kinetic": 0.1}, r"no regularizers .* got train.regularizers.kinetic"),
        ({"train.regularizers.steer": 0.1}, r"no regularizers .* got train.regularizers.steer"),
        ({"solver.method": "dopri5"}, r"expected solver.method \"ab4\" or \"rk4\" .* 'dopri5'"),
        (
            {"solver.gradient": "adjoint"},
            r"solver.gradient \"backprop\" .* got 'ab4' and 'adjoint'",
        ),
        (
            {"model.refine": 3, "model.memory": False, "model.knots": 0},
            "expected dynamics_noise = 'none' where refine is above 0, got 'learned'",
        ),
    ],
)
def test_settings_that_know_no_noise_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        LatentODEConfig().updated(**{"model.dynamics_noise": "learned", **values})


THETA, SIGMA, DOUBT, GAP, COUNT = 1.0, 1.0, 0.2, 0.2, 20


def ornstein_uhlenbeck(size, rng):
    """Windows of a process that is read at random times with little noise, the first visible."""
    times = np.cumsum(rng.uniform(0.5 * GAP, 1.5 * GAP, (size, COUNT)), axis=1)
    times = np.concatenate([np.zeros((size, 1)), times], axis=1)
    state = np.empty((size, COUNT + 1))
    settled = SIGMA / math.sqrt(2 * THETA)
    state[:, 0] = settled * rng.normal(size=size)
    for k in range(COUNT):
        kept = np.exp(-THETA * (times[:, k + 1] - times[:, k]))
        spread = settled * np.sqrt(1 - kept**2)
        state[:, k + 1] = kept * state[:, k] + spread * rng.normal(size=size)
    values = torch.from_numpy(state + DOUBT * rng.normal(size=state.shape)).float()[..., None]
    return windows_of(torch.from_numpy(times), values)


def windows_of(times, values):
    size, asked = len(times), times.shape[1] - 1
    nothing = KnownInputs(
        phases=torch.zeros(size, 0),
        rates=torch.zeros(0),
        knot_times=torch.zeros(size, 1).double(),
        knot_values=torch.zeros(size, 1, 0),
    )
    return SeriesBatch(
        times=times[:, :1],
        values=values[:, :1],
        mask=torch.ones(size, 1, 1, dtype=torch.bool),
        lengths=torch.ones(size, dtype=torch.long),
        query_times=times[:, 1:],
        inputs=nothing,
        static=torch.zeros(size, 0),
        lower=0.0,
        upper=float(times.max()),
        targets=values[:, 1:],
        target_mask=torch.ones(size, asked, 1, dtype=torch.bool),
        shift=torch.zeros(size, 1, 1).double(),
    )


@pytest.mark.slow
def test_the_diffusion_of_a_simulated_process_is_recovered():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    config = ModelConfig(
        latent_dim=1, hidden_dim=16, encoder="rnn", memory=False, knots=0, likelihood="gaussian",
        noise="constant", dynamics="autonomous", dropout=0.0, levels=True, pooled=False,
        dynamics_noise="learned",
    )  # fmt: skip
    model = LatentODEModel(config, SolverConfig(step_size=0.05), num_channels=1)
    optimizer, steps = torch.optim.Adam(model.parameters()), 300
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.02 * min(1.0, (step + 1) / 20, 3 * (1 - step / steps))
        evidence = model(ornstein_uhlenbeck(64, rng), torch.randn(1, 64, 1))
        loss = -elbo(evidence.log_likelihood, evidence.kl, min(1.0, (step + 1) / 50)).mean()
        optimizer.zero_grad()
        (loss / COUNT).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    apart = 0.05
    times = torch.tensor([[0.0, 2.0, 2.0 + apart]]).double().expand(4_000, -1)
    batch = windows_of(times, ornstein_uhlenbeck(4_000, rng).values.expand(-1, 3, -1))
    with torch.no_grad():
        location = model.solve(batch, torch.randn(1, 4_000, 1)).decoded.location
    # what a short time adds to the decoded path; over it, the pull takes theta / 2 of it
    found = float(location.diff(dim=2).square().mean() / apart) ** 0.5
    assert abs(found / SIGMA - 1) < 0.1
    assert abs(float(location.std()) / (SIGMA / math.sqrt(2 * THETA)) - 1) < 0.1
