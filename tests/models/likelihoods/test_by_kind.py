"""Channels of several kinds keep their own likelihoods, in their places."""

import numpy as np
import pytest
import torch

from latentode.data.families import Families
from latentode.models.likelihoods.base import masked_sum
from latentode.models.likelihoods.by_kind import SideBySide, likelihood_of
from latentode.models.likelihoods.censored import CensoredLikelihood
from latentode.models.likelihoods.flow import FlowLikelihood
from latentode.models.likelihoods.gaussian import GaussianLikelihood
from latentode.models.likelihoods.student_t import StudentTLikelihood

FREE = np.inf
FAMILIES = Families(
    kinds=("count", "continuous", "binary", "continuous", "continuous"),
    lower=np.array([0.0, -FREE, 0.0, -1.0, -FREE]),
    upper=np.array([FREE, FREE, 1.0, FREE, FREE]),
    step=np.array([0.5, 1.0, 1.0, 1.0, 1.0]),
    least=np.full(5, -FREE),
    greatest=np.full(5, FREE),
    reasons=("",) * 5,
)
NO_SHIFT = torch.zeros(3, 1, 5).double()
VALUES = torch.tensor([1.5, 0.3, 1.0, -1.0, -2.0])


def batch(draws=2, size=3, steps=4):
    generator = torch.Generator().manual_seed(0)
    location = torch.randn(draws, size, steps, 5, generator=generator)
    scale = torch.rand(draws, size, steps, 5, generator=generator) + 0.2
    mask = torch.rand(size, steps, 5, generator=generator) < 0.7
    return VALUES.expand(size, steps, 5), location, scale, mask


def test_channels_without_bounds_have_the_plain_likelihood():
    assert isinstance(likelihood_of(StudentTLikelihood, Families.free(3)), StudentTLikelihood)


@pytest.mark.parametrize("base", [GaussianLikelihood, StudentTLikelihood])
def test_each_channel_has_the_density_of_its_own_likelihood(base):
    likelihood = likelihood_of(base, FAMILIES)
    values, location, scale, mask = batch()
    found = likelihood.log_prob(values, location, scale)
    plain = base(2).log_prob(values[..., [1, 4]], location[..., [1, 4]], scale[..., [1, 4]])
    torch.testing.assert_close(found[..., [1, 4]], plain)
    heavy = base is not GaussianLikelihood
    bounded = CensoredLikelihood(torch.tensor([-1.0]), torch.tensor([FREE]), heavy=heavy)
    expected = bounded.log_prob(values[..., [3]], location[..., [3]], scale[..., [3]])
    torch.testing.assert_close(found[..., [3]], expected)
    torch.testing.assert_close(
        likelihood.joint(values, location, scale, mask), masked_sum(found, mask)
    )
    assert likelihood.is_mass(VALUES).tolist() == [True, False, True, True, False]


def test_draws_are_of_the_support_of_their_channel():
    likelihood = likelihood_of(StudentTLikelihood, FAMILIES)
    _, location, scale, _ = batch(draws=50)
    noise = torch.randn(*location.shape, generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        draws = likelihood.transform(noise, location.double(), scale.double())
    assert torch.equal(2 * draws[..., 0], (2 * draws[..., 0]).round())
    assert draws[..., 2].unique().tolist() == [0.0, 1.0]
    assert float(draws[..., 3].min()) == -1.0
    assert float(draws[..., 4].min()) < -1.0
    assert likelihood.fits(draws).all()


def test_only_numbers_without_bounds_go_through_a_flow():
    torch.manual_seed(0)
    likelihood = likelihood_of(FlowLikelihood, FAMILIES)
    assert likelihood.waits_for_device
    values, location, scale, mask = batch()
    flow = next(part for part in likelihood.parts if isinstance(part, FlowLikelihood))
    assert flow.num_channels == 2
    free, others = [1, 4], [0, 2, 3]
    together = flow.joint(values[..., free], location[..., free], scale[..., free], mask[..., free])
    apart = likelihood.log_prob(values, location, scale)[..., others]
    found = likelihood.joint(values, location, scale, mask)
    torch.testing.assert_close(found, together + masked_sum(apart, mask[..., others]))


def test_a_reading_outside_lifts_the_support_in_its_window_alone():
    likelihood = likelihood_of(GaussianLikelihood, FAMILIES)
    values, location, scale, mask = batch()
    assert likelihood.given(values, mask, NO_SHIFT) is likelihood
    moved = values.clone()
    moved[1, 2] = torch.tensor([0.25, 0.3, 2.0, -1.5, -2.0])  # no count, no state, below the bound
    everywhere = torch.ones_like(mask)
    lifted = likelihood.given(moved, everywhere, NO_SHIFT)
    assert isinstance(lifted, SideBySide)
    found = lifted.log_prob(values, location, scale)
    plain = GaussianLikelihood(5).log_prob(values, location, scale)
    torch.testing.assert_close(found[:, 1], plain[:, 1])
    kept = likelihood.log_prob(values, location, scale)
    torch.testing.assert_close(found[:, [0, 2]], kept[:, [0, 2]])
    assert not lifted.is_mass(values)[1].any()
    unseen = everywhere.clone()
    unseen[1, 2] = False
    assert likelihood.given(moved, unseen, NO_SHIFT) is likelihood
    noise = torch.full(location.shape, -2.3263478740408408, dtype=torch.float64)
    with torch.no_grad():
        draws = lifted.transform(noise, location, scale)
    assert (draws[:, 1, :, 3] < -1.0).any()
    assert (draws[:, 0, :, 3] >= -1.0).all()


def test_bounds_move_with_what_was_taken_off_the_readings():
    likelihood = likelihood_of(StudentTLikelihood, FAMILIES)
    values, location, scale, mask = batch()
    shift = torch.zeros(3, 1, 5).double()
    shift[1, 0, 3] = 2.5
    moved = values - shift.float()
    given = likelihood.given(moved, mask, shift)
    found = given.log_prob(moved, location - shift.float(), scale)
    torch.testing.assert_close(found, likelihood.log_prob(values, location, scale))
    assert given.is_mass(moved)[..., 3].all()
    noise = torch.full(location.shape, -2.3263478740408408, dtype=torch.float64)
    with torch.no_grad():
        draws = given.transform(noise, location - shift.float(), scale)[..., 3].double()
    assert (draws.min(dim=-1).values.min(dim=0).values + shift[:, 0, 3] >= -1.0).all()
    assert set(given.state_dict()) == set(likelihood.state_dict())


@pytest.mark.parametrize("unfit", [False, True])
def test_draws_are_what_is_read_of_latent_draws(unfit):
    """With the support of the bounded channel, and without where a window goes beyond it."""
    likelihood = likelihood_of(StudentTLikelihood, FAMILIES)
    values, location, scale, mask = batch(draws=50)
    if unfit:
        values = values.index_fill(-1, torch.tensor([3]), -7.0)
    given = likelihood.given(values, mask | unfit, NO_SHIFT.to(values))
    noise = torch.randn(*location.shape, generator=torch.Generator().manual_seed(1)).double()
    arguments = noise, location.double(), scale.double()
    with torch.no_grad():
        latent = given.latent(*arguments)
        assert torch.equal(given.observed(latent), given.transform(*arguments))
    assert float(latent[..., 3].min()) < -1.0
    assert torch.equal(given.observed(latent)[..., 3], latent[..., 3]) == unfit
