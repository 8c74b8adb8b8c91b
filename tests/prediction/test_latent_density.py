"""Densities of latent states at any time: mass, both directions, batches, pictures."""

import numpy as np
import pytest
import torch
from model_cases import double, irregular_log, noise_for, predictor_of

from latentode.config import LatentODEConfig
from latentode.data.dataset import Clock
from latentode.errors import ConfigError
from latentode.estimators import LatentODE
from latentode.flows import log_prob_at
from latentode.models.fitted.context import last_context
from latentode.prediction.latent_density import (
    _kernel_log_density,
    density_paths,
    latent_plane,
    pushed,
)
from latentode.prediction.latent_paths import batch_of

HOUR = 3_600_000_000_000
OFFSETS = np.array([-7, 0, 2, 5]) * HOUR
# without given inputs, which jump and cost a solve its order
LOG = irregular_log((40, 30, 20), extras=False)


def subject(latent=2, **values):
    """A model that was not trained, with strong dynamics, its schema and windows."""
    predictor = predictor_of(LOG, model__latent_dim=latent, **values)
    model, schema = predictor.model, predictor.schema
    with torch.no_grad():
        for layer in model.dynamics.net.layers:
            layer.weight.mul_(2.0)
    return model, schema, last_context(LOG, schema)


@pytest.mark.parametrize("prior", ["normal", "cnf"])
@pytest.mark.parametrize("hours", [-7, 5])
def test_the_prior_of_two_latents_keeps_its_mass_at_other_times(prior, hours):
    model, schema, windows = subject(
        model__prior=prior, solver__method="rk4", solver__step_size=0.1
    )
    batch, _ = batch_of(model, schema, windows, OFFSETS)
    model, batch = model.double().eval(), double(batch.select(torch.tensor([1])))
    time = float(schema.time_scale.to_model(np.array([hours * HOUR]), np.zeros(1, np.int64))[0])
    axis = torch.linspace(-12, 12, 97, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)[:, None]
    with torch.no_grad():
        found = log_prob_at(
            model.field(batch), grid, time, model.prior.log_prob, model.solver
        ).exp()
        here = model.prior.log_prob(grid).exp()
    assert float(found.sum()) * 0.25**2 == pytest.approx(1.0, abs=1e-3)
    assert (found - here).abs().max() > 0.01  # the dynamics move it


@pytest.mark.parametrize("source", ["posterior", "prior"])
@pytest.mark.parametrize("part", ["normal", "cnf"])
def test_pushed_states_have_the_density_that_a_solve_back_gives_them(source, part):
    parts = {"model__prior": part, "model__posterior": part}
    model, schema, windows = subject(3, **parts, solver__method="rk4", solver__step_size=0.02)
    batch, _ = batch_of(model, schema, windows, OFFSETS)
    model, batch = model.double().eval(), double(batch.select(torch.tensor([0])))
    noise = noise_for(batch, draws=4).double()
    with torch.no_grad():
        density = pushed(model, batch, noise, source)
        states, log_prob = density.at(batch.query_times)
    assert density.trace == "analytic"
    posterior = model.posterior(batch)

    def at_anchor(z):
        if source == "prior":
            return model.prior.log_prob(z)
        whitened = (z - posterior.mean) / posterior.stddev
        if part == "normal":
            return posterior.draw(whitened)[1]
        shape = (*whitened.shape[:-2], 1, 3)
        flow = posterior.flow.evaluate(whitened.reshape(shape), posterior.context)
        return flow.log_prob - posterior.stddev.log().sum(-1)

    for step, time in enumerate(batch.query_times[0].tolist()):
        with torch.no_grad():
            back = log_prob_at(
                model.field(batch), states[:, :, step], time, at_anchor, model.solver
            )
        # a flow is evaluated by a coarser solver one way than the other
        torch.testing.assert_close(log_prob[:, :, step], back, rtol=0, atol=1e-5)


def test_draws_belong_to_their_series():
    model, schema, windows = subject()
    options = {"source": "posterior", "num_draws": 3, "seed": 1}
    together = density_paths(model, schema, windows, OFFSETS, **options)
    alone = density_paths(model, schema, windows.select_series([1]), OFFSETS, **options)
    for one, other in zip(together[:2], alone[:2], strict=True):
        np.testing.assert_allclose(one[:, [1]], other, rtol=1e-5, atol=1e-5)
    assert (np.diff(together[2], axis=1) == np.diff(OFFSETS)).all()


@pytest.fixture(scope="module")
def estimator():
    sizes = {"train.max_epochs": 1, "train.steps_per_epoch": 2, "train.batch_size": 4}
    sizes |= {"model.latent_dim": 2, "model.hidden_dim": 6}
    sizes |= {"windows.context": "24h", "windows.horizon": "6h"}
    return LatentODE(config=LatentODEConfig().updated(**sizes)).fit(LOG)


def test_the_estimator_labels_states_and_densities(estimator):
    found = estimator.latent.density(LOG, source="prior", every="6h", num_draws=5)
    assert found["value"].dims == ("draw", "series", "step", "latent")
    assert found["log_prob"].shape == (5, 3, 6)
    assert found["log_prob"].attrs["units"] == "nats"
    anchor = list(np.arange(-24, 7, 6)).index(0)
    states = found["value"].values[:, :, anchor]
    expected = -0.5 * (states**2).sum(-1) - np.log(2 * np.pi)
    np.testing.assert_allclose(found["log_prob"].values[:, :, anchor], expected, atol=1e-5)
    last = LOG.readings.times[LOG.readings.series_starts[1:] - 1]
    stamps = found["time"].values[:, anchor].astype("datetime64[ns]").astype(np.int64)
    assert (stamps == last).all()
    assert LOG.clock == Clock("calendar", "UTC")
    again = estimator.latent.density(LOG, source="prior", every="6h", num_draws=5)
    assert again["log_prob"].equals(found["log_prob"])


def test_an_unknown_source_is_refused(estimator):
    with pytest.raises(ConfigError, match="source: expected posterior or prior, got 'both'"):
        estimator.latent.density(LOG, source="both")


def test_a_plane_of_two_latents_is_exact_and_of_more_an_estimate_that_is_close():
    model, schema, windows = subject()
    plane = latent_plane(model, schema, windows, num_draws=600)
    assert (plane.exact, plane.components) == (True, (0, 1))
    view = plane.prior
    x, y = (np.linspace(*view.extent[k : k + 2], 81) for k in (0, 2))
    truth = -0.5 * (x[None] ** 2 + y[:, None] ** 2) - np.log(2 * np.pi)
    np.testing.assert_allclose(view.log_density, truth, atol=1e-4)
    assert plane.later.field.shape == (81, 81, 2)
    assert plane.later.paths.shape == (40, 40, 2)
    # the last points of the paths are among the samples, the first among those at the anchor
    ends = {tuple(point) for point in plane.later.samples.round(4)}
    assert {tuple(point) for point in plane.later.paths[:, -1].round(4)} <= ends
    starts = {tuple(point) for point in plane.encoded.samples.round(4)}
    assert {tuple(point) for point in plane.later.paths[:, 0].round(4)} <= starts
    wide = latent_plane(*subject(4), components=(3, 1), num_draws=4_000)
    assert (wide.exact, wide.components) == (False, (3, 1))
    view = wide.prior
    x, y = (np.linspace(*view.extent[k : k + 2], 81) for k in (0, 2))
    truth = np.exp(-0.5 * (x[None] ** 2 + y[:, None] ** 2)) / (2 * np.pi)
    # kernels of a quarter of a deviation lower the peak by 6 %, and scatter by 4 % beside
    assert np.abs(np.exp(view.log_density) - truth).max() < 0.2 * truth.max()


def test_a_plane_in_the_other_order_is_the_transposed_picture():
    model, schema, windows = subject()
    one = latent_plane(model, schema, windows, components=(0, 1), num_draws=200)
    other = latent_plane(model, schema, windows, components=(1, 0), num_draws=200)
    np.testing.assert_allclose(one.later.log_density, other.later.log_density.T, atol=1e-4)
    np.testing.assert_allclose(
        one.later.field, other.later.field.swapaxes(0, 1)[..., ::-1], atol=1e-5
    )


def test_kernels_estimate_a_slanted_normal():
    rng = np.random.default_rng(0)
    root = np.array([[1.0, 0.0], [0.8, 0.4]])
    points = rng.normal(size=(5_000, 2)) @ root.T
    grid = np.stack(np.meshgrid(np.linspace(-4, 4, 61), np.linspace(-4, 4, 61)), axis=-1)
    density = np.exp(_kernel_log_density(points, grid))
    assert density.sum() * (8 / 60) ** 2 == pytest.approx(1.0, abs=0.01)
    flat = grid @ np.linalg.inv(root).T
    truth = np.exp(-0.5 * (flat**2).sum(-1)) / (2 * np.pi * 0.4)
    assert np.abs(density - truth).max() < 0.15 * truth.max()


@pytest.mark.parametrize("components", [(0, 0), (0, 5), (0,), (-1, 0)])
def test_components_that_are_none_are_refused(components):
    with pytest.raises(ConfigError, match="two different latent coordinates of 0 to 1"):
        latent_plane(*subject(), components=components)


def test_one_latent_has_no_plane():
    with pytest.raises(ConfigError, match="got a latent state of one"):
        latent_plane(*subject(1))
