"""A prior on the aggregate posterior: what it learns, what it leaves alone, when it is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from model_cases import irregular_log

from latentode.config import LatentODEConfig
from latentode.errors import DataError
from latentode.estimators import LatentODE
from latentode.flows import FlowFitConfig, fit_flow
from latentode.models.fitted.training_log import TrainingLog
from latentode.models.priors import CNFPrior, StandardNormal
from latentode.training.prior_fitting import fit_prior

BRIEF = FlowFitConfig(warm_up_steps=300, steps=20, regularizers={"kinetic": 0.01})
SMALL = {
    "model.latent_dim": 2,
    "model.hidden_dim": 8,
    "train.max_epochs": 1,
    "train.steps_per_epoch": 4,
    "train.batch_size": 8,
    "windows.context": "24h",
    "windows.horizon": "6h",
    "windows.split": "time",
}


def fitted_estimator(**values):
    config = LatentODEConfig().updated(**SMALL, **values)
    return LatentODE(config=config, random_state=0).fit(LOG)


LOG = irregular_log((60, 60, 60), extras=False)


@pytest.fixture(scope="module")
def estimator():
    return fitted_estimator()


def windows_of(fitted, part):
    """Windows of a part of the log."""
    return TrainingLog(LOG).with_schema(fitted.schema).sampler(part, fitted.config)


def shifted(estimator, offset):
    """The fitted model, its encoder moved: every state is encoded `offset` further."""
    fitted = estimator.fitted_
    with torch.no_grad():
        head = fitted.model.posterior_head.normal
        head.bias[head.sizes[0] :][:2] += torch.tensor(offset)
    return fitted


def test_the_fitted_prior_is_the_density_of_the_encoded_windows():
    fitted = shifted(fitted_estimator(), [4.0, -3.0])
    parts = [windows_of(fitted, part) for part in ("train", "validation")]
    better, report = fit_prior(fitted, *parts, BRIEF)
    # a unit normal at a distance of 5 loses 12.5 nats
    assert report.is_better
    assert report.after > report.before + 5
    assert isinstance(better.model.prior, CNFPrior)
    assert isinstance(fitted.model.prior, StandardNormal)  # the model that was given is untouched
    assert (better.config.model.prior, better.model.config.prior) == ("cnf", "cnf")
    draws = better.model.prior.sample((2_000,), torch.Generator().manual_seed(0))
    batch = parts[0].batch(parts[0].eligible_rows(), (1, 2))
    with torch.no_grad():
        posterior = better.model.posterior(batch)
        spread = (posterior.mean.var(0) + posterior.stddev.square().mean(0)).sqrt()
    assert (draws.mean(0) - posterior.mean.mean(0)).abs().max() < 0.3 * spread.max()
    torch.testing.assert_close(draws.std(0), spread, rtol=0.2, atol=0.0)


def test_the_evidence_bound_rises_by_the_gain_in_log_density_and_nothing_else_changes():
    fitted = shifted(fitted_estimator(), [2.0, 2.0])
    parts = [windows_of(fitted, part) for part in ("train", "validation")]
    better, _ = fit_prior(fitted, *parts, BRIEF)
    batch = parts[1].batch(parts[1].eligible_rows()[:20], (4, 4))
    noise = torch.randn(8, batch.size, 2, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        old, new = (f.model(batch, noise) for f in (fitted, better))
        z0 = fitted.model.posterior(batch).at(noise)
        gain = better.model.prior.log_prob(z0) - fitted.model.prior.log_prob(z0)
    assert torch.equal(old[0], new[0])
    torch.testing.assert_close(new[1] - old[1], gain)
    assert gain.mean() > 0


def test_a_flow_that_is_worse_on_the_validation_part_is_not_kept(monkeypatch, estimator):
    def astray(flow, x, **options):
        flow.standardize(x.mean(0) + 30.0, x.std(0))
        return fit_flow(flow, x, **options)

    monkeypatch.setattr("latentode.training.prior_fitting.fit_flow", astray)
    fitted = estimator.fitted_
    parts = [windows_of(fitted, part) for part in ("train", "validation")]
    same, report = fit_prior(fitted, *parts, FlowFitConfig(warm_up_steps=0, steps=1))
    assert not report.is_better
    assert same is fitted
    assert "the old one is kept" in str(report)


def test_the_estimator_saves_and_loads_it_and_repeats_to_the_bit(tmp_path, estimator):
    scores = []
    for _ in range(2):
        model = LatentODE()
        model.fitted_, model.config_ = shifted(fitted_estimator(), [3.0, 0.0]), estimator.config_
        assert model.fit_prior(LOG, fit_config=BRIEF) is model
        assert model.prior_report_.is_better
        scores.append(model.fitted_.model.prior.log_prob(torch.ones(1, 2)))
    assert torch.equal(*scores)
    model.save(tmp_path / "model")
    again = LatentODE.load(tmp_path / "model")
    assert again.config_.model.prior == "cnf"
    assert torch.equal(again.fitted_.model.prior.log_prob(torch.ones(1, 2)), scores[0])
    assert np.isfinite(again.score(LOG, num_draws=4)["log_prob"]).all()


@pytest.mark.parametrize("prior", ["normal", "cnf"])
def test_training_fits_it_where_it_is_asked_to_and_says_so(monkeypatch, prior):
    monkeypatch.setattr("latentode.training.fit.fit_prior_to.__defaults__", (BRIEF,))
    notes = []
    config = LatentODEConfig().updated(**SMALL, **{"train.fit_prior": True, "model.prior": prior})
    model = LatentODE(config=config).fit(LOG, on_event=lambda e: notes.append(e.get("text", "")))
    (told,) = (text for text in notes if text.startswith("prior fitted to the latent states"))
    kept = "the flow is kept" in told
    assert model.fitted_.config.model.prior == ("cnf" if kept else prior)


def test_a_log_without_validation_windows_is_refused_with_what_to_do(estimator):
    fitted = estimator.fitted_
    train = windows_of(fitted, "train")
    empty = replace(train, stops=np.full_like(train.stops, np.iinfo(np.int64).min))
    with pytest.raises(DataError, match=r"validation part .* Raise windows.validation_fraction"):
        fit_prior(fitted, train, empty, BRIEF)
