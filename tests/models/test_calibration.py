"""The map of calibration against closed forms, and its densities against its draws."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from model_cases import case

from latentode.models.calibration import Bands, Calibration, centre_and_width, leads
from latentode.models.likelihoods.gaussian import GaussianLikelihood
from latentode.models.likelihoods.student_t import StudentTLikelihood

SLOPES = [[0.5, 1.7], [2.0, 0.6]]  # (side, piece): below inside, below outside, above, above
DRAWS = 3


def bands_of(location, scale, slopes=SLOPES, knees=((0.7,), (1.1,))):
    """Bands of one channel at the queries of some draws, shape (draw, batch, step, 1)."""
    centre, width = centre_and_width(location, scale)
    slopes = torch.tensor(slopes, dtype=torch.float64)[..., None, None, None]
    return Bands(
        centre, width, slopes.expand(2, 2, *centre.shape), torch.tensor(knees, dtype=torch.float64)
    )


def mixture(seed=0):
    """Locations and scales of a few draws, one query, one channel."""
    generator = torch.Generator().manual_seed(seed)
    location = torch.randn(DRAWS, 1, 1, 1, generator=generator, dtype=torch.float64)
    return location, 0.5 + torch.rand(DRAWS, 1, 1, 1, generator=generator, dtype=torch.float64)


def at_noise(location, scale, noise):
    """Draws of all numbers of some noise about all locations."""
    return (location[:, None] + scale[:, None] * noise[:, None, None, None]).flatten(0, 1)


def by_hand(values, centre, width, slopes=SLOPES, knees=(0.7, 1.1)):
    """The formula of the docstring, a number at a time."""
    moved = []
    for value in values:
        side = int(value > centre)
        distance, knee = abs(value - centre) / width, knees[side]
        inner, outer = slopes[side]
        reached = inner * min(distance, knee) + outer * max(distance - knee, 0.0)
        moved.append(centre + (1 if side else -1) * width * reached)
    return np.array(moved)


def test_draws_are_moved_as_the_formula_says():
    location, scale = mixture()
    bands = bands_of(location, scale)
    values = torch.linspace(-6.0, 6.0, 101, dtype=torch.float64)
    moved = bands.moved(values[:, None, None, None]).flatten()
    expected = by_hand(values.tolist(), bands.centre.item(), bands.width.item())
    np.testing.assert_allclose(moved, expected, rtol=1e-12, atol=1e-12)
    assert (moved.diff() > 0).all()


def test_slopes_of_one_leave_draws_and_densities_as_they_are_to_the_bit():
    location, scale = mixture()
    bands = bands_of(location, scale, [[1.0, 1.0], [1.0, 1.0]])
    values = torch.randn(50, 1, 1, 1, dtype=torch.float64)
    assert torch.equal(bands.moved(values), values)
    for value in values:
        same = bands.parameters(value, location, scale)
        assert torch.equal(same[0], location)
        assert torch.equal(same[1], scale)


@pytest.mark.parametrize("family", [GaussianLikelihood, StudentTLikelihood])
def test_the_density_of_moved_draws_integrates_to_one(family):
    """By the trapezoidal rule over a grid that has the kinks of the density among its points."""
    location, scale = mixture(1)
    bands = bands_of(location, scale)
    likelihood = family(1).double()
    centre, width = bands.centre.item(), bands.width.item()
    kinks = by_hand([centre - 0.7 * width, centre, centre + 1.1 * width], centre, width)
    edges = [centre - 4_000.0, *kinks, centre + 4_000.0]
    total = 0.0
    for low, high in itertools.pairwise(edges):
        # sinh packs the points where the density is large; kinks are approached, not touched
        middle = min(max(centre, low), high)
        ends = np.arcsinh([low - middle, high - middle])
        grid = torch.from_numpy(middle + np.sinh(np.linspace(*ends, 20_001)))
        grid = grid.clamp(low + 1e-9, high - 1e-9)
        values = grid[:, None, None]  # (batch, step, channel) with a window a value
        shape = (DRAWS, len(grid), 1, 1)
        wide = Bands(
            bands.centre.expand(len(grid), 1, 1),
            bands.width.expand(len(grid), 1, 1),
            bands.slopes.expand(2, 2, len(grid), 1, 1),
            bands.knees,
        )
        parameters = wide.parameters(values, location.expand(shape), scale.expand(shape))
        density = likelihood.log_prob(values, *parameters).exp().mean(0).flatten().detach()
        total += float(torch.trapezoid(density, grid))
    assert total == pytest.approx(1.0, abs=1e-4)


def test_densities_are_those_of_the_draws():
    """Shares of many draws below some values against the closed distribution of the mixture."""
    location, scale = mixture(2)
    bands = bands_of(location, scale)
    noise = torch.special.ndtri((torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000)
    drawn = bands.moved(at_noise(location, scale, noise))
    for value in (-3.0, -0.4, 0.0, 0.8, 2.5):
        at = torch.full((1, 1, 1), value, dtype=torch.float64)
        moved_location, moved_scale = bands.parameters(at, location, scale)
        # affine in a piece: P(T(x) < value) = P(x < T^-1(value)) = Phi((value - m') / s')
        claimed = torch.special.ndtr((at - moved_location) / moved_scale).mean().item()
        assert (drawn < value).double().mean().item() == pytest.approx(claimed, abs=1e-5)


def test_a_reading_at_a_bound_keeps_the_probability_of_all_draws_beyond_it():
    """Draws that are cut at a bound after they were moved, against the mass at moved parameters."""
    location, scale = mixture(3)
    bands = bands_of(location, scale)
    bound = bands.centre.item() + 0.6
    noise = torch.special.ndtri((torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000)
    drawn = bands.moved(at_noise(location, scale, noise))
    cut = drawn.clamp(min=bound)
    at = torch.full((1, 1, 1), bound, dtype=torch.float64)
    moved_location, moved_scale = bands.parameters(at, location, scale)
    mass = torch.special.ndtr((at - moved_location) / moved_scale).mean().item()
    assert (cut == bound).double().mean().item() == pytest.approx(mass, abs=1e-5)


def test_medians_of_symmetric_mixtures_do_not_move():
    location = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64).view(3, 1, 1, 1)
    bands = bands_of(location, torch.ones_like(location))
    noise = torch.special.ndtri((torch.arange(9_999, dtype=torch.float64) + 0.5) / 9_999)
    drawn = (location[:, None] + noise[:, None, None, None]).flatten(0, 1)
    assert bands.moved(drawn).median().item() == pytest.approx(0.0, abs=1e-3)


def test_leads_are_those_of_a_brownian_bridge():
    batch = case()[1]
    between, log_lead = leads(batch)
    times, asked = batch.times.numpy(), batch.query_times.numpy()
    for window, step, channel in np.ndindex(*between.shape):
        read = times[window][: batch.lengths[window]][
            batch.mask[window, : batch.lengths[window], channel].numpy()
        ]
        before = asked[window, step] - read[read <= asked[window, step]]
        after = read[read > asked[window, step]] - asked[window, step]
        gaps = [side.min() for side in (before, after) if len(side)]
        expected = 1.0 / sum(1.0 / max(gap, 1e-6) for gap in gaps) if gaps else math.inf
        assert bool(between[window, step, channel]) == (len(gaps) == 2)
        assert log_lead[window, step, channel].exp().item() == pytest.approx(expected, rel=1e-5)


def test_slopes_between_lead_times_are_between_theirs():
    calibration = Calibration(1)
    calibration.log_leads.copy_(torch.tensor([[0.0, 1.0, 3.0]] * 2))
    shares = calibration.shares(torch.tensor([-5.0, 0.0, 0.25, 2.0, 9.0, math.inf]))[:, 0]
    expected = [[1, 0, 0], [1, 0, 0], [0.75, 0.25, 0], [0, 0.5, 0.5], [0, 0, 1], [0, 0, 1]]
    assert shares.tolist() == expected


def test_a_calibration_that_is_no_monotone_map_is_not_sound():
    calibration = Calibration(2)
    assert calibration.is_sound
    calibration.slopes[0, 0, 0, 0, 0] = 0.0
    assert not calibration.is_sound


def test_what_was_not_calibrated_is_said():
    calibration = Calibration(1)
    assert calibration.line() == "none, as too little was held out; bands are as they were trained"
    calibration.stretches.copy_(torch.tensor([5.0, 40.0]))
    calibration.covered[1] = torch.tensor([0.8, 0.9])
    line = calibration.line()
    assert "validation part is too short" in line
    assert "5 horizons with readings, 8 are needed" in line
    assert "cover 90.0% of the validation part, 80.0% before (40 horizons)" in line


def test_bands_of_a_window_without_a_reading_are_left_as_they_were_trained():
    _, batch = case()
    mask = batch.mask.clone()
    mask[0] = False
    batch = replace(batch, mask=mask)
    calibration = Calibration(batch.mask.shape[-1])
    calibration.slopes.fill_(2.0)
    slopes = calibration.slopes_at(batch)
    assert (slopes[:, :, 0] == 1.0).all()
    np.testing.assert_allclose(slopes[:, :, 1:], 2.0, rtol=1e-6)
