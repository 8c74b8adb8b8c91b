"""The scale that is fitted to refined posteriors, and the estimator that fits it."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from latentode.config import LatentODEConfig
from latentode.estimators import LatentODE
from latentode.models.decoders.readout import Decoded
from latentode.models.encoders.posterior import NormalPosterior
from latentode.models.likelihoods.gaussian import GaussianLikelihood
from latentode.training.refinement import choose_starts, fit_scale


class Flat:
    """Says 0 of every reading, with a scale per channel; keeps the contract of a model."""

    def __init__(self, channels):
        self.config = SimpleNamespace(latent_dim=1, refine=0)
        self.spread, self.scale_floor = torch.ones(channels), torch.full((channels,), 0.2)
        self.likelihood = GaussianLikelihood(channels)

    def posterior(self, batch):
        zero = torch.zeros(batch.size, 1)
        return NormalPosterior(zero, zero + 1.0, zero)

    def solve(self, batch, noise, **_posterior):
        location = torch.zeros(len(noise), *batch.targets.shape)
        scale = torch.hypot(self.spread, self.scale_floor).expand_as(location)
        return SimpleNamespace(decoded=Decoded(location, scale, None))


def test_the_scale_is_that_of_the_errors():
    spread = torch.tensor([0.3, 1.0, 2.5, 7.0])
    generator = torch.Generator().manual_seed(0)
    targets = spread * torch.randn(50, 80, 4, generator=generator)
    mask = torch.rand(targets.shape, generator=generator) < 0.5
    mask[..., 3] = False
    targets = torch.where(mask, targets, 1e6)
    batch = SimpleNamespace(size=50, targets=targets, target_mask=mask)
    model = Flat(4)
    total = fit_scale(model, [batch], seed=0)
    # half a step of the grid is a fortieth of a decade
    found = torch.hypot(total, model.scale_floor)
    np.testing.assert_allclose(found[:3], spread[:3], rtol=0.08)
    assert total[3] == 1.0
    torch.testing.assert_close(model.spread, total)


def test_starts_lie_far_apart():
    centres = torch.tensor([0.0, 10.0, 20.0, 30.0])
    states = (centres[:, None] + torch.linspace(0, 1, 50)).flatten()[:, None]
    model = SimpleNamespace(
        posterior=lambda _batch: NormalPosterior(states, states, states), starts=torch.zeros(4, 1)
    )
    choose_starts(model, None)
    found = model.starts[:, 0].sort().values
    assert (found / 10).round().tolist() == [0, 1, 2, 3]


@pytest.fixture(scope="module")
def sinusoids():
    """Sixty series of one family, hardly noisy, read at ten random times each."""
    rng = np.random.default_rng(0)
    frames = []
    for series in range(60):
        times = np.sort(rng.uniform(0, 10, 10))
        values = np.sin(times * rng.uniform(0.5, 1.0)) + 0.01 * rng.normal(size=10)
        frames.append(pd.DataFrame({"id": series, "t": times, "x": values}))
    return pd.concat(frames, ignore_index=True)


def test_an_estimator_that_refines_predicts_and_comes_back_from_disk(sinusoids, tmp_path):
    columns = {"data.columns.id": "id", "data.columns.time": "t", "data.time.unit": "s"}
    small = {"model.latent_dim": 3, "model.hidden_dim": 8, "train.max_epochs": 1}
    short = {"train.steps_per_epoch": 4, "windows.context": "6s", "windows.horizon": "2s"}
    plain = {"model.memory": False, "model.knots": 0}
    settings, answers = {**columns, **small, **short, **plain}, {}
    for steps in (0, 10):
        config = LatentODEConfig().updated(**settings, **{"model.refine": steps})
        model = LatentODE(config=config)
        model.fit(sinusoids)
        answers[steps] = model.forecast(sinusoids, num_draws=8).to_dataframe()
        model.save(tmp_path / str(steps))
    plain, refining = (LatentODE.load(tmp_path / str(s)).fitted_.model for s in (0, 10))
    assert plain.spread is None
    assert not torch.equal(refining.spread, torch.ones(1))
    assert refining.starts.unique(dim=0).shape[0] > 10
    # what rates and labels of times go by was learned without
    assert torch.equal(plain.decoder.log_scale, refining.decoder.log_scale)
    again = LatentODE.load(tmp_path / "10").forecast(sinusoids, num_draws=8).to_dataframe()
    pd.testing.assert_frame_equal(answers[10], again)
    assert not answers[0].equals(answers[10])
