"""Bands that are wrong by a known factor are set right, and no more than the evidence allows."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from model_cases import irregular_log, predictor_of
from scipy import stats
from training_cases import training_settings

from latentode.data.families import Families
from latentode.data.targets import Targets
from latentode.models.calibration import FEWEST, KINDS
from latentode.models.fitted.latent_ode import FittedModel
from latentode.models.fitted.training_log import TrainingLog
from latentode.models.likelihoods.by_kind import likelihood_of
from latentode.models.likelihoods.student_t import StudentTLikelihood
from latentode.training import calibration as rules
from latentode.training.calibration import QUANTILES, Errors, fit_calibration
from latentode.training.fit import fit_model

NORMAL = stats.norm.ppf(QUANTILES)


def errors(below, above, *, stretches=400, size=50, channels=1, lead=None, seed=0):
    """Normal errors whose scale differs from that of the bands by a factor on each side."""
    generator = np.random.default_rng(seed)
    count = stretches * size
    drawn = generator.normal(size=count)
    return Errors(
        channel=np.arange(count) % channels,
        between=np.zeros(count, dtype=bool),
        log_lead=generator.normal(size=count) if lead is None else lead,
        stretch=np.repeat(np.arange(stretches), size).astype(str),
        error=np.where(drawn < 0, below, above) * drawn,
        mass=np.zeros(count, dtype=bool),
        quantiles=np.tile(NORMAL, (count, 1)),
    )


@pytest.fixture
def no_drift(monkeypatch):
    """Every share is believed: what is asked is whether the right factor is found."""
    monkeypatch.setattr(rules, "_DRIFT", 0.0)


@pytest.mark.usefixtures("no_drift")
@pytest.mark.parametrize(("below", "above"), [(1.0, 1.0), (0.5, 0.5), (2.0, 2.0), (0.6, 1.8)])
def test_a_scale_that_is_wrong_by_a_factor_on_each_side_is_set_right(below, above):
    """Within 4 %: three standard errors of a 5 % quantile of 10,000 readings, and the shrinkage."""
    slopes = fit_calibration(errors(below, above), 1).slopes[0, :, :, :, 0]
    for piece in (0, 1):
        np.testing.assert_allclose(slopes[:, 0, piece], below, rtol=0.04 + 0.06 * piece)
        np.testing.assert_allclose(slopes[:, 1, piece], above, rtol=0.04 + 0.06 * piece)


@pytest.mark.usefixtures("no_drift")
def test_bands_cover_what_they_claim_after_calibration():
    calibration = fit_calibration(errors(0.7, 1.6), 1)
    before, after = calibration.covered[0].tolist()
    # P(-1.645 < error < 1.645) with scale 0.7 below and 1.6 above
    claimed = stats.norm.cdf(1.645 / 1.6) - stats.norm.cdf(-1.645 / 0.7)
    assert before == pytest.approx(claimed, abs=0.01)
    assert after == pytest.approx(0.9, abs=0.005)
    assert calibration.stretches.tolist() == [400, 0]


@pytest.mark.usefixtures("no_drift")
def test_errors_with_a_peak_narrow_50_percent_bands_more_than_90_percent_bands():
    """Student-t errors of 3 degrees against normal bands of the same standard deviation."""
    found = errors(1.0, 1.0)
    heavy = stats.t(3, scale=3**-0.5)
    found = replace(found, error=heavy.ppf(stats.norm.cdf(found.error)))
    inner, outer = fit_calibration(found, 1).slopes[0, 0, 1, :, 0].tolist()
    knee, end = NORMAL[2], NORMAL[3]
    assert inner == pytest.approx(heavy.ppf(0.75) / knee, rel=0.05)
    at_end = inner * knee + outer * (end - knee)
    assert at_end == pytest.approx(heavy.ppf(0.95), rel=0.05)
    assert inner < outer


@pytest.mark.usefixtures("no_drift")
def test_lead_times_have_factors_of_their_own():
    lead = np.tile([0.0, 1.0, 2.0], 8_000)[:20_000]
    found = errors(1.0, 1.0, lead=lead)
    found = replace(found, error=found.error * np.exp(0.5 * (lead - 1.0)))
    short, typical, long = fit_calibration(found, 1).slopes[0, :, 1, 0, 0].tolist()
    assert (short, typical, long) == pytest.approx((np.exp(-0.5), 1.0, np.exp(0.5)), rel=0.1)


def test_few_stretches_move_bands_little_and_fewer_than_the_fewest_not_at_all():
    """Readings of a stretch err alike here: it is stretches that count, not readings."""

    def factor(stretches):
        generator = np.random.default_rng(3)
        found = errors(1.0, 1.0, stretches=stretches, size=20)
        level = np.repeat(2.0 * generator.normal(size=stretches), 20)
        return fit_calibration(replace(found, error=level), 1)

    few, many = factor(FEWEST), factor(500)
    assert factor(FEWEST - 1).slopes.eq(1.0).all()
    assert factor(FEWEST - 1).stretches.tolist() == [FEWEST - 1, 0]
    outward = [float(found.slopes[0, :, :, 1].log().mean()) for found in (few, many)]
    assert 0.0 <= outward[0] < 0.5 * outward[1]
    assert outward[1] > 0.5 * np.log(2.0)


def test_the_finite_sample_level_is_that_of_independent_readings():
    """Independent readings of a share p: the level is p (n + 1) / n on average."""
    generator = np.random.default_rng(0)
    levels = []
    for _ in range(300):
        needed = generator.random(60)
        found = rules._estimate(needed, np.ones(60), np.arange(60).astype(str), 0.9)
        levels.append(np.exp(found.log_factor))
    # the conformal quantile of n uniform numbers is the ceil(0.9 (n + 1))-th of them; the variance
    # is estimated here, so the level is right on average alone, to 0.01
    assert np.mean(levels) == pytest.approx(np.ceil(0.9 * 61) / 61, abs=0.015)


def test_states_and_counts_stay_as_they_are():
    found = errors(3.0, 3.0, channels=2)
    calibration = fit_calibration(replace(found, mass=found.channel == 1), 2)
    assert calibration.slopes[..., 1].eq(1.0).all()
    assert (calibration.slopes[0, ..., 0] > 1.5).all()


def test_a_reading_with_a_probability_stands_for_any_of_the_draws_that_are_read_as_it():
    """Draws of -3 to 3 cut at 0: a reading of 0 becomes one of those below, each equally often."""

    class Cut:
        def observed(self, latent):
            return latent.clamp(min=0.0)

    drawn = torch.linspace(-3.0, 3.0, 7, dtype=torch.float64).view(7, 1, 1, 1)
    drawn = drawn.expand(7, 4_000, 1, 1)
    chance = torch.rand(drawn.shape, generator=torch.Generator().manual_seed(0))
    found = rules._latent(Cut(), drawn, torch.zeros(4_000, 1, 1, dtype=torch.float64), chance)
    values, counts = found.unique(return_counts=True)
    assert values.tolist() == [-3.0, -2.0, -1.0, 0.0]
    assert counts.tolist() == pytest.approx([1_000] * 4, abs=4 * np.sqrt(4_000 * 0.25 * 0.75))
    above = rules._latent(Cut(), drawn, torch.full((4_000, 1, 1), 1.5).double(), chance)
    assert above.eq(1.5).all()


@pytest.fixture(scope="module")
def fitted():
    """A small model, fitted for a moment."""
    log = TrainingLog(irregular_log((80, 80, 80), extras=False, hours=400))
    return log.dataset, fit_model(log, training_settings(train__max_epochs=1))


@pytest.mark.parametrize(("part", "title"), [("calibration", "Calibration"), ("copula", "Paths")])
def test_what_was_learned_of_errors_is_stored_and_stated(fitted, tmp_path, part, title):
    _, model = fitted
    learned = getattr(model, part)
    assert (learned.stretches if part == "calibration" else learned.windows).sum() > 0
    model.save(tmp_path / "model")
    again = FittedModel.load(tmp_path / "model")
    for name, tensor in learned.state_dict().items():
        assert torch.equal(getattr(again, part).state_dict()[name], tensor), name
    assert f"- {title}: {learned.line()}" in again.card()
    assert again.describe()[part] == learned.line()
    assert any(kind in learned.line() for kind in KINDS)


def test_answers_move_as_the_calibration_says_and_medians_hardly():
    dataset = irregular_log(extras=False)
    predictor = predictor_of(dataset, num_draws=200)
    calibration = rules.Calibration(2)
    calibration.slopes.fill_(2.0)
    visible = dataset
    last = dataset.readings.first_and_last()[1]
    targets = Targets(np.arange(3), last + 3_600_000_000_000, np.zeros(3, np.int64), np.zeros(3))
    before, _ = predictor(visible, targets)
    after, _ = replace(predictor, calibration=calibration)(visible, targets)
    spread = np.quantile(before, 0.9, axis=0) - np.quantile(before, 0.1, axis=0)
    moved = np.quantile(after, 0.9, axis=0) - np.quantile(after, 0.1, axis=0)
    np.testing.assert_allclose(moved, 2.0 * spread, rtol=1e-5)
    shift = np.abs(np.median(after, axis=0) - np.median(before, axis=0))
    assert (shift < 0.1 * spread).all()


def test_log_densities_of_calibrated_answers_integrate_to_one():
    """Over a grid of readings of one channel at one time, in original units."""
    dataset = irregular_log(extras=False)
    predictor = predictor_of(dataset, num_draws=20)
    calibration = rules.Calibration(2)
    calibration.slopes.copy_(torch.tensor([[0.6, 1.5], [1.4, 0.7]])[None, None, :, :, None])
    predictor = replace(predictor, calibration=calibration)
    last = int(dataset.readings.first_and_last()[1][0])
    grid = np.sinh(np.linspace(-8.0, 8.0, 1601))  # the density jumps at knees
    one = dataset.select_series([0])
    # the layout of windows depends on the series alone: each value is asked for in a copy of it
    copies = one.select_series(np.zeros(len(grid), dtype=np.int64))
    every = np.arange(len(grid))
    targets = Targets(every, np.full(len(grid), last + 3_600_000_000_000), 0 * every, grid)
    _, log_density = predictor(copies, targets)
    assert np.trapezoid(np.exp(log_density), grid) == pytest.approx(1.0, abs=5e-3)


def test_a_bound_keeps_its_probability_and_the_rest_its_density():
    """Mass at the bound and density above it are one together, and draws agree with both."""
    dataset = irregular_log(extras=False)
    predictor = predictor_of(dataset, num_draws=100)
    families = Families(
        kinds=("continuous", "continuous"),
        lower=np.array([0.2, -np.inf]),
        upper=np.full(2, np.inf),
        step=np.ones(2),
        least=np.full(2, -np.inf),
        greatest=np.full(2, np.inf),
        reasons=("", ""),
    )
    torch.manual_seed(0)
    likelihood = likelihood_of(StudentTLikelihood, families.scaled(predictor.schema.scaler))
    predictor.model.likelihood = likelihood
    calibration = rules.Calibration(2)
    calibration.slopes.copy_(torch.tensor([[1.3, 1.3], [1.4, 1.4]])[None, None, :, :, None])
    schema = replace(predictor.schema, families=families)
    predictor = replace(predictor, schema=schema, calibration=calibration)
    last = int(dataset.readings.first_and_last()[1][0])
    grid = np.concatenate([[0.2], 0.2 + np.geomspace(1e-6, 3_000.0, 400)])
    copies = dataset.select_series(np.zeros(len(grid), dtype=np.int64))
    every = np.arange(len(grid))
    targets = Targets(every, np.full(len(grid), last + 3_600_000_000_000), 0 * every, grid)
    draws, log_density = predictor(copies, targets)
    mass = float(np.exp(log_density[0]))
    rest = np.trapezoid(np.exp(log_density[1:]), grid[1:])
    assert 0.02 < mass < 0.98
    assert mass + rest == pytest.approx(1.0, abs=5e-3)
    share = float((draws[:, 0] == 0.2).mean())
    assert share == pytest.approx(mass, abs=4 * np.sqrt(mass * (1 - mass) / 100))
