"""Flow matching, maximum likelihood, the estimator, and the toy densities they are tried on."""

import itertools
import logging
import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from flow_cases import bent, points

from latentode.config import SolverConfig
from latentode.errors import ConfigError, DataError, NotFittedError, SolverError, TrainingError
from latentode.flows import (
    CNF,
    DensityEstimator,
    FlowFitConfig,
    draw_toy,
    fit_flow,
    fitting,
    flow_matching_loss,
    toy_entropy,
)
from latentode.flows.fitting import descend, keep_accurate
from latentode.flows.flow_matching import optimal_pairs
from latentode.flows.toy_densities import _gaussians_log_density, _rings_log_density

BRIEF = FlowFitConfig(warm_up_steps=400, steps=20, batch_size=256, warm_up_lr=5e-3)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_optimal_pairs_have_the_least_total_distance_of_all_permutations():
    start, data = points(6, 2), points(6, 2, seed=2)
    chosen = optimal_pairs(start, data)
    total = lambda order: float((start[list(order)] - data).square().sum())  # noqa: E731
    least = min(total(order) for order in itertools.permutations(range(6)))
    assert total(chosen.tolist()) == pytest.approx(least)
    assert total(range(6)) > least


def test_optimal_pairs_are_a_permutation_of_each_group():
    chosen = optimal_pairs(points(300, 2), points(300, 2, seed=2))
    assert sorted(chosen[:64].tolist()) == list(range(64))
    assert sorted(chosen.tolist()) == list(range(300))


@pytest.mark.parametrize("pairing", ["independent", "optimal"])
def test_flow_matching_carries_the_base_to_a_shifted_and_scaled_normal(pairing):
    torch.manual_seed(0)
    flow = CNF(1, hidden_dims=(16, 16))
    x = 0.5 + 0.5 * torch.randn(4_000, 1, generator=seeded(1))
    config = FlowFitConfig(400, 0, 256, 1e-2, pairing=pairing)
    report = fit_flow(flow, x, config=config, generator=seeded())
    truth = math.log(0.5) + 0.5 * math.log(2 * math.pi * math.e)
    # the sample itself is within 0.03 of its entropy; the rest is what 400 steps leave
    assert report.nll == pytest.approx(truth, abs=0.08)
    drawn = flow.sample((4_000,), generator=seeded(3))
    assert float(drawn.mean()) == pytest.approx(0.5, abs=0.05)
    assert float(drawn.std()) == pytest.approx(0.5, abs=0.05)


def test_the_loss_of_the_optimal_field_is_that_of_the_closed_form():
    """Data at a single point m: the field (m - x) / (1 - t) leaves no residual."""

    class Perfect(CNF):
        def fields(self, _context, _generator=None, _observed=None):
            return (lambda t, z: (2.0 - z) / (1 - t[:, None]),)

    loss = flow_matching_loss(Perfect(1), torch.full((64, 1), 2.0), generator=seeded())
    # 1 / (1 - t) loses digits near t = 1
    assert float(loss) < 1e-6
    untrained = flow_matching_loss(CNF(1), torch.full((64, 1), 2.0), generator=seeded())
    assert untrained.item() > 3.0


def test_flow_matching_refuses_blocks_and_pairs_across_contexts():
    with pytest.raises(ConfigError, match=r"flow of one block, got 2"):
        flow_matching_loss(CNF(1, blocks=2), torch.zeros(4, 1))
    with pytest.raises(ConfigError, match=r'"independent" with a context, got "optimal"'):
        flow_matching_loss(
            CNF(1, context_dim=1), torch.zeros(4, 1), torch.zeros(4, 1), pairing="optimal"
        )


def test_a_conditional_density_is_learned():
    torch.manual_seed(0)
    flow = CNF(1, context_dim=1, hidden_dims=(16, 16))
    c = 2 * torch.rand(4_000, 1, generator=seeded(1)) - 1
    x = 2 * c + 0.3 * torch.randn(4_000, 1, generator=seeded(2))
    fit_flow(flow, x, c, config=FlowFitConfig(500, 30, 256, 1e-2), generator=seeded())
    ends = torch.tensor([[-0.8], [0.8]])
    drawn = flow.sample((2_000,), ends, generator=seeded(3))
    torch.testing.assert_close(drawn.mean(0), 2 * ends, rtol=0, atol=0.1)
    torch.testing.assert_close(drawn.std(0), torch.full((2, 1), 0.3), rtol=0, atol=0.07)


def test_maximum_likelihood_improves_on_the_start_and_regularisers_cost_likelihood():
    x = draw_toy("moons", 1_000, seeded()).float()
    results = {}
    for name, config in {
        "start": FlowFitConfig(0, 0),
        "plain": FlowFitConfig(0, 40, 128, lr=1e-2),
        "stiff": FlowFitConfig(0, 40, 128, lr=1e-2, regularizers={"kinetic": 10.0}),
    }.items():
        torch.manual_seed(0)
        flow = CNF(2, hidden_dims=(16, 16))
        results[name] = fit_flow(flow, x, config=config, generator=seeded()).nll
    assert results["plain"] < results["stiff"] < results["start"]
    assert results["start"] - results["plain"] > 0.3


def test_a_report_says_what_was_used_and_is_logged(caplog):
    with caplog.at_level(logging.INFO, "latentode.flows.fitting"):
        report = fit_flow(
            CNF(2, hidden_dims=(8, 8)), points(50, 2).float(), config=FlowFitConfig(5, 2)
        )
    assert report.trace == "analytic"
    assert abs(report.solver_gap) < 0.05
    assert "NLL" in caplog.text
    assert "by the solver of training" in caplog.text


@pytest.mark.parametrize("watched", [True, False])
def test_likelihood_would_learn_the_error_of_a_coarse_solver_if_nobody_watched(
    watched, monkeypatch
):
    if not watched:
        monkeypatch.setattr(fitting, "keep_accurate", lambda *_rows: None)
    torch.manual_seed(0)
    flow = CNF(2, hidden_dims=(16, 16), solver=SolverConfig(method="rk4", step_size=1.0))
    x = draw_toy("rings", 2_000, seeded()).float()
    config = FlowFitConfig(0, 200, 128, lr=5e-2)
    if not watched:
        with pytest.raises(SolverError, match=r"within 0\.05 nat"):
            fit_flow(flow, x, config=config, generator=seeded())
        return
    report = fit_flow(flow, x, config=config, generator=seeded())
    assert int(flow.refinements) > 0
    assert abs(report.solver_gap) < 0.05


def test_a_solver_that_has_become_finer_than_it_need_be_is_eased():
    flow, x = CNF(2, hidden_dims=(8, 8)), points(50, 2).float()
    flow.refine(2)
    keep_accurate(flow, x)
    assert int(flow.refinements) == 1


def test_a_field_too_steep_for_its_solver_fails_the_fit():
    flow = bent(size=4.0, solver=SolverConfig(method="rk4", step_size=0.5))
    with pytest.raises(SolverError, match=r"within 0\.05 nat"):
        fit_flow(flow, points(50, 2), config=FlowFitConfig(0, 0))


def test_a_loss_that_is_not_finite_stops_the_fit():
    flow = CNF(1)
    with pytest.raises(TrainingError, match=r"finite loss, got nan at step 0"):
        descend(flow, lambda: flow.shift.sum() * math.nan, 3, 1e-3)


@pytest.mark.parametrize("bad_step", [0, 2])
def test_a_gradient_that_is_not_finite_under_a_finite_loss_stops_the_fit_before_the_step(bad_step):
    flow = CNF(1, hidden_dims=(4,))
    parameter = next(flow.parameters())
    losses, before = [], []

    def root_at_zero():
        # the loss is 0 or 1; the slope of the root at zero is infinite, and 0 times it is NaN
        before[:] = [p.detach().clone() for p in flow.parameters()]
        losses.append(1.0)
        base = 0.0 if len(losses) == bad_step + 1 else 1.0
        return ((parameter * 0).sum() + base).sqrt()

    with pytest.raises(TrainingError, match=rf"finite gradient, got nan at step {bad_step}"):
        descend(flow, root_at_zero, 4, 1e-3)
    assert len(losses) == bad_step + 1
    assert all(torch.equal(p, was) for p, was in zip(flow.parameters(), before, strict=True))


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    first = 1e6 + 100 * rng.normal(size=2_000)
    return pd.DataFrame({"a": first, "b": 1e-3 * (rng.normal(size=2_000) + (first - 1e6) / 100)})


@pytest.fixture(scope="module")
def fitted(frame):
    return DensityEstimator(hidden_dims=(16, 16), fit_config=BRIEF).fit(frame)


def test_the_estimator_gives_densities_in_the_units_of_the_columns(frame, fitted):
    law = scipy.stats.multivariate_normal([0.0, 0.0], [[1.0, 1.0], [1.0, 2.0]])
    units = np.array([100.0, 1e-3])
    truth = law.logpdf((frame.to_numpy() - [1e6, 0.0]) / units) - np.log(units).sum()
    density = fitted.score_samples(frame)
    assert density.shape == (2_000,)
    assert density.dtype == np.float64
    assert fitted.score(frame) == pytest.approx(truth.mean(), abs=0.1)
    assert np.corrcoef(density, truth)[0, 1] > 0.95
    drawn = fitted.sample(3_000, random_state=1)
    offset = (drawn.mean(0) - frame.to_numpy().mean(0)) / units
    np.testing.assert_allclose(offset, 0.0, atol=0.15)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(frame.to_numpy().T), rtol=0.25)
    assert np.array_equal(drawn, fitted.sample(3_000, random_state=1))
    assert list(fitted.feature_names_in_) == ["a", "b"]


def test_arrays_and_frames_and_equal_seeds_give_equal_fits(frame):
    short = FlowFitConfig(10, 2, 64)
    one = DensityEstimator(hidden_dims=(8, 8), fit_config=short, random_state=3).fit(frame)
    two = DensityEstimator(hidden_dims=(8, 8), fit_config=short, random_state=3).fit(
        frame.to_numpy()
    )
    assert np.array_equal(one.score_samples(frame), two.score_samples(frame.to_numpy()))
    other = DensityEstimator(hidden_dims=(8, 8), fit_config=short, random_state=4).fit(frame)
    assert not np.array_equal(one.score_samples(frame), other.score_samples(frame))
    assert one.fit(frame) is one
    row = frame.iloc[:1]
    np.testing.assert_allclose(one.score_samples(row), one.score_samples(frame)[:1], rtol=1e-5)


def test_a_fit_to_an_array_forgets_the_column_names_of_an_earlier_frame(frame):
    estimator = DensityEstimator(hidden_dims=(4,), fit_config=FlowFitConfig(2, 1, 16))
    assert list(estimator.fit(frame).feature_names_in_) == ["a", "b"]
    estimator.fit(frame.to_numpy())
    assert not hasattr(estimator, "feature_names_in_")
    other = frame.rename(columns={"a": "x", "b": "y"})
    assert np.array_equal(estimator.score_samples(other), estimator.score_samples(frame.to_numpy()))
    assert list(estimator.fit(other).feature_names_in_) == ["x", "y"]


def test_parameters_are_read_and_set_by_name():
    estimator = DensityEstimator(random_state=7)
    clone = DensityEstimator(**estimator.get_params())
    assert clone.get_params() == estimator.get_params()
    assert clone.set_params(random_state=2).random_state == 2
    with pytest.raises(ConfigError, match=r"seed: expected one of hidden_dims, .* unknown name"):
        clone.set_params(seed=1)


def test_the_estimator_refuses_what_it_cannot_use(frame, fitted):
    new = DensityEstimator()
    with pytest.raises(NotFittedError, match=r"expected a fitted estimator"):
        new.score_samples(frame)
    with pytest.raises(NotFittedError, match=r"expected a fitted estimator"):
        new.sample(3)
    with pytest.raises(DataError, match=r"expected numbers, got could not convert"):
        new.fit([["a", "b"], ["c", "d"]])
    with pytest.raises(DataError, match=r"finite numbers, got nan in row 1, column 0"):
        new.fit([[1.0, 2.0], [np.nan, 3.0]])
    with pytest.raises(DataError, match=r"constant in column 1"):
        new.fit([[1.0, 2.0], [3.0, 2.0]])
    with pytest.raises(DataError, match=r"2 or more rows to fit, got 1"):
        new.fit([[1.0, 2.0]])
    with pytest.raises(DataError, match=r"rows and columns, got shape \(3,\)"):
        new.fit([1.0, 2.0, 3.0])
    with pytest.raises(DataError, match=r"the 2 columns of fit, got 1"):
        fitted.score_samples(frame[["a"]])
    with pytest.raises(DataError, match=r"columns \['a', 'b'\], got \['b', 'a'\]"):
        fitted.score_samples(frame[["b", "a"]])


@pytest.mark.parametrize(
    ("name", "log_density"),
    [
        ("8gaussians", _gaussians_log_density),
        ("rings", lambda x: _rings_log_density(x.norm(dim=-1))),
        ("checkerboard", lambda x: torch.full_like(x[:, 0], -math.log(32.0))),
    ],
)
def test_known_entropies_are_the_mean_of_the_log_density_over_draws(name, log_density):
    x = draw_toy(name, 20_000, seeded())
    surprise = -log_density(x)
    error = max(float(surprise.std()) / math.sqrt(20_000), 1e-12)
    assert abs(float(surprise.mean()) - toy_entropy(name)) < 4 * error
    axis = torch.linspace(-6, 6, 1201, dtype=torch.float64)
    if name != "checkerboard":
        mass = log_density(torch.cartesian_prod(axis, axis)).exp().sum() * 0.01**2
        assert float(mass) == pytest.approx(1.0, abs=1e-4)
    else:
        corner = ((x / 2).floor() % 2).sum(-1) % 2
        assert corner.unique().numel() == 1  # squares of one colour


@pytest.mark.parametrize(
    "name",
    [
        "8gaussians",
        "checkerboard",
        "2spirals",
        "rings",
        "moons",
        "pinwheel",
        "swissroll",
        "circles",
    ],
)
def test_toy_draws_are_repeated_by_their_generator(name):
    one, two = (draw_toy(name, 500, seeded(2)) for _ in range(2))
    assert torch.equal(one, two)
    assert one.shape == (500, 2)
    assert one.dtype == torch.float64
    assert 0.5 < one.std(0).min() < one.std(0).max() < 2.6


def test_the_loss_that_is_reported_is_the_mean_over_the_last_steps():
    flow = bent()

    def reported(losses):
        """Of losses that no weight moves."""
        told = iter(losses)
        return descend(flow, lambda: next(told) + 0 * next(flow.parameters()).sum(), len(losses), 0)

    assert reported([3.0, 1.0, 5.0]) == pytest.approx(3.0)
    assert reported([4.0] * 300 + [0.0] * 150) == pytest.approx(4 * 0.98**150)


def test_who_watches_is_asked_after_every_fifty_steps():
    flow, steps, asked = bent(), [], []

    def loss():
        steps.append(None)
        return 0 * next(flow.parameters()).sum()

    descend(flow, loss, 120, 0, watch=lambda: asked.append(len(steps)))
    assert asked == [50, 100]


def _rotated(points, angle):
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1)
    return torch.einsum("ti,tij->tj", points, turn.view(-1, 2, 2))


def _curve(name):
    """What the draws are spread about, by the formulas of scikit-learn and of FFJORD's toy data."""
    t = torch.linspace(0, 1, 2000, dtype=torch.float64)
    half, whole = math.pi * t, 2 * math.pi * t
    unit = torch.stack([whole.cos(), whole.sin()], -1)
    if name == "circles":  # make_circles, factor 0.5, times 3
        return torch.cat([3 * unit, 1.5 * unit])
    if name == "moons":  # make_moons, times 2, moved by (-1, -0.2)
        outer = torch.stack([half.cos(), half.sin()], -1)
        inner = torch.stack([1 - half.cos(), 0.5 - half.sin()], -1)
        return 2 * torch.cat([outer, inner]) - torch.tensor([1.0, 0.2])
    if name == "swissroll":  # make_swiss_roll over 5
        turn = 1.5 * math.pi * (1 + 2 * t)
        return torch.stack([turn * turn.cos(), turn * turn.sin()], -1) / 5
    if name == "2spirals":
        turn = 3 * math.pi * t
        spiral = torch.stack([-turn.cos() * turn, turn.sin() * turn], -1) + 0.25
        return torch.cat([spiral, -spiral]) / 3
    radius = 1 + 0.3 * (6 * t - 3)  # three deviations of a blade's length either way
    blade = torch.stack([radius, torch.zeros_like(radius)], -1)
    angles = [k * 2 * math.pi / 5 + 0.25 * radius.exp() for k in range(5)]
    return 2 * torch.cat([_rotated(blade, angle) for angle in angles])


@pytest.mark.parametrize(
    ("name", "deviation"),
    [
        ("circles", 3 * 0.08),
        ("moons", 0.2),
        ("swissroll", 0.2),
        ("2spirals", math.hypot(0.1, 0.5 / 3 / math.sqrt(12))),  # normal, and even over a square
        ("pinwheel", 0.2),
    ],
)
def test_toy_draws_lie_about_their_curve_and_all_along_it(name, deviation):
    apart = torch.cdist(draw_toy(name, 4000, seeded(3)), _curve(name))
    # half-normal across a line, less where the curve bends, leans (pinwheel) or another arm is near
    expected = math.sqrt(2 / math.pi) * deviation
    assert 0.75 * expected < float(apart.amin(1).mean()) < 1.1 * expected
    assert float(apart.amin(0).quantile(0.98)) < deviation


def test_eight_gaussians_stand_on_a_circle_as_in_ffjord():
    draws = draw_toy("8gaussians", 20_000, seeded(4))
    angle = torch.arange(8, dtype=torch.float64) * math.pi / 4
    centres = 4 * torch.stack([angle.cos(), angle.sin()], -1) / math.sqrt(2)
    nearest = torch.cdist(draws, centres).min(1)
    square = nearest.values.square()  # of two axes, of deviation 0.5 / sqrt(2) each: exponential
    assert float(square.mean()) == pytest.approx(0.25, abs=4 * 0.25 / math.sqrt(20_000))
    assert nearest.indices.bincount(minlength=8).min() > 2_500 - 4 * math.sqrt(2_500)


def test_an_unknown_toy_is_refused():
    with pytest.raises(ConfigError, match=r"name: expected one of 8gaussians.*got 'blob'"):
        draw_toy("blob", 3)
