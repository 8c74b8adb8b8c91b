"""Refined posteriors: closed forms, independence of windows, and what a fitted model gains."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from model_cases import (
    HOUR,
    case,
    case_with_time_labels,
    irregular_log,
    noise_for,
    predictor_of,
    probabilities_of,
)
from pydantic import ValidationError

from latentode.config import LatentODEConfig, ModelConfig
from latentode.errors import ConfigError
from latentode.models.encoders.posterior import NormalPosterior
from latentode.models.encoders.refine import refined
from latentode.models.fitted.context import last_context
from latentode.models.inference import infer
from latentode.prediction.latent_density import latent_plane, pushed
from latentode.prediction.latent_paths import batch_of
from latentode.prediction.noise import latent_noise
from latentode.prediction.state_noise import noise_of

PLAIN = {"model__memory": False, "model__knots": 0}


def start(size, latent, dtype=torch.float64):
    mean = torch.randn(size, latent, dtype=dtype, generator=torch.Generator().manual_seed(1))
    return NormalPosterior(mean, torch.full_like(mean, 0.7), mean)


def others(latent):
    generator = torch.Generator().manual_seed(4)
    return torch.randn(3, 1, latent, dtype=torch.float64, generator=generator)


def gaussian(precision, centre):
    """Joint density of independent normals, shape (draw, batch)."""
    return lambda z: -0.5 * (precision * (z - centre).square()).sum(-1)


def test_the_exact_posterior_of_a_gaussian_is_found():
    precision = torch.tensor([[1.0, 4.0, 100.0], [2.0, 9.0, 0.5]], dtype=torch.float64)
    centre = torch.tensor([[0.5, -1.0, 0.2], [1.5, 0.0, -0.3]], dtype=torch.float64)
    found = refined(start(2, 3), gaussian(precision, centre), others(3), 1_000)
    torch.testing.assert_close(found.mean, centre, rtol=0, atol=2e-3)
    torch.testing.assert_close(found.stddev, precision.rsqrt(), rtol=1e-2, atol=0)


def test_the_mean_of_a_correlated_gaussian_is_found():
    factor = torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    precision, centre = factor @ factor.T + torch.eye(3), torch.tensor([0.3, -0.8, 1.1])
    centre = centre.double()

    def log_joint(z):
        away = z - centre
        return -0.5 * (away @ precision * away).sum(-1)

    found = refined(start(4, 3), log_joint, others(3), 400)
    torch.testing.assert_close(found.mean, centre.expand(4, -1), rtol=0, atol=5e-3)


def test_the_higher_of_two_peaks_is_found():
    begun = NormalPosterior(
        torch.full((2, 1), -1.0).double(), torch.full((2, 1), 0.1).double(), None
    )

    def log_joint(z):
        # peaks at -1 and 1, the right one higher in the first window, lower in the second
        left, right = (-0.5 * ((z[..., 0] - place) / 0.1).square() for place in (-1.0, 1.0))
        return torch.logaddexp(left, right + torch.tensor([9.0, -9.0]))

    starts = torch.tensor([0.8, -0.3]).double().view(2, 1, 1)
    found = refined(begun, log_joint, starts, 200)
    torch.testing.assert_close(
        found.mean[:, 0], torch.tensor([1.0, -1.0]).double(), atol=1e-3, rtol=0
    )


def test_no_window_ends_below_where_it_began():
    begun = start(3, 2)

    def broken(z):
        # finite at the start alone, in the second window
        far = (z - begun.mean).abs().amax((0, -1)) > 2.0
        density = gaussian(1.0, torch.zeros(2, dtype=torch.float64))(z)
        fails = far & (torch.arange(3) == 1)
        return torch.where(fails, torch.nan, density * torch.tensor([1.0, -1.0, 1.0]))

    found = refined(begun, broken, others(2), 200)
    torch.testing.assert_close(found.mean[1], begun.mean[1])
    torch.testing.assert_close(found.mean[[0, 2]], torch.zeros(2, 2).double(), rtol=0, atol=5e-3)


def test_windows_are_refined_by_themselves():
    model, batch = case(size=5, model__refine=8, **PLAIN)
    together = infer(model, batch, refine=True)
    alone = infer(model, batch.select(torch.tensor([2])), refine=True)
    torch.testing.assert_close(alone.mean[0], together.mean[2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("anchor", ["origin", "start"])
def test_what_is_asked_plays_no_part(anchor):
    model, batch = case(size=4, model__refine=8, model__anchor=anchor, **PLAIN)
    other = replace(batch, targets=batch.targets + 5.0, query_times=batch.query_times * 0.5)
    torch.testing.assert_close(
        infer(model, batch, refine=True).mean, infer(model, other, refine=True).mean
    )


def test_refined_posteriors_explain_the_visible_readings_better():
    model, batch = case(size=6, model__refine=60, **PLAIN)
    before = model.posterior(batch).mean
    after = infer(model, batch, refine=True).mean
    asked = replace(batch, query_times=batch.times)

    def density(mean):
        decoded = model.decode(model.trajectory(mean[None], asked), asked)
        joint = model.likelihood.joint(batch.values, decoded.location, decoded.scale, batch.mask)
        return (joint + model.prior.log_prob(mean[None]))[0]

    with torch.no_grad():
        assert bool((density(after) > density(before)).all())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_predictions_begin_from_refined_posteriors():
    log = irregular_log()
    end = log.readings.times.max()
    latent = [
        predictor_of(log, model__refine=steps, **PLAIN)
        .query(log, np.zeros(1, np.int64), np.array([end]), wanted="latent")
        .latent
        for steps in (0, 5)
    ]
    assert not np.allclose(*latent)


@pytest.mark.parametrize(
    "settings",
    [{"memory": False}, {"knots": 0}, {"memory": False, "knots": 0, "posterior": "cnf"}],
)
def test_only_a_path_that_stands_alone_is_refined(settings):
    with pytest.raises(ValidationError, match="expected memory = false, knots = 0"):
        ModelConfig(refine=5, **settings)


def test_the_refusal_names_the_settings_alone():
    with pytest.raises(
        ConfigError, match=r"^model: expected memory = false.* got true, 16 and 'nor"
    ):
        LatentODEConfig().updated(**{"model.refine": 5})


LOG = irregular_log()


def windows_for(model, schema):
    return batch_of(model, schema, last_context(LOG, schema), np.array([0, HOUR]))[0]


@pytest.mark.parametrize("steps", [0, 6])
def test_latent_densities_begin_from_the_posterior_that_predictions_begin_from(steps):
    predictor = predictor_of(LOG, model__refine=steps, **PLAIN)
    model, schema = predictor.model, predictor.schema
    batch = windows_for(model, schema)
    noise = noise_of(model, LOG.series_ids, predictor.num_draws, predictor.seed)
    with torch.no_grad():
        states = pushed(model, batch, noise, "posterior").at(torch.zeros(batch.size, 1))[0]
        expected = infer(model, batch, refine=True).at(noise)
    torch.testing.assert_close(states[:, :, 0], expected, rtol=1e-4, atol=1e-5)
    guessed = model.posterior(batch).at(noise)
    assert torch.allclose(states[:, :, 0], guessed, rtol=1e-4, atol=1e-5) is (steps == 0)


@pytest.mark.parametrize("steps", [0, 6])
def test_a_plane_shows_the_states_that_predictions_begin_from(steps):
    predictor = predictor_of(LOG, model__refine=steps, **PLAIN)
    model, schema = predictor.model, predictor.schema
    plane = latent_plane(
        model, schema, last_context(LOG, schema), components=(0, 1), num_draws=9, seed=3
    )
    with torch.no_grad():
        noise = torch.from_numpy(latent_noise(3, LOG.series_ids, (3, 3))).float()
        expected = infer(model, windows_for(model, schema), refine=True).at(noise)
    np.testing.assert_allclose(
        plane.encoded.samples, expected.flatten(0, 1)[:, :2].numpy(), rtol=1e-4, atol=1e-5
    )
    guessed = model.posterior(windows_for(model, schema)).at(noise).flatten(0, 1)[:, :2]
    shown = torch.from_numpy(plane.encoded.samples).float()
    assert torch.allclose(shown, guessed, rtol=1e-4, atol=1e-5) is (steps == 0)


@pytest.mark.parametrize("build", ["series", "times"])
def test_labels_are_of_the_path_that_predictions_are_of(build):
    options = {"model__refine": 6, **PLAIN}
    if build == "times":
        model, batch = case_with_time_labels(**options)
    else:
        model, batch = case(num_classes=3, **options)
    noise = noise_for(batch)
    with torch.no_grad():
        refined, guessed = (
            model.label_head.probabilities(
                model.solve(batch, noise, posterior=infer(model, batch, refine=refine)), batch
            )
            for refine in (True, False)
        )
        torch.testing.assert_close(guessed, probabilities_of(model, batch, noise))
    assert not torch.allclose(refined, guessed, atol=1e-4)
