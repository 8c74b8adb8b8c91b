"""What the dynamics must do."""

import pytest
import torch
from model_cases import case

from latentode.models.dynamics.mlp import BoundDynamics, MLPDynamics

KINDS = ["autonomous", "time", "inputs"]


def field_of(kind, batch, latent=3):
    torch.manual_seed(0)
    return MLPDynamics(latent, 5, batch.inputs.dim, batch.static.shape[1], kind)


def states(batch, draws=4):
    return torch.randn(draws, batch.size, 3, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", KINDS)
def test_the_slope_has_the_shape_of_the_state(kind):
    _, batch = case()
    field, z = field_of(kind, batch), states(batch)
    for t in (torch.tensor(0.3), torch.linspace(-1, 1, batch.size)):
        slope = BoundDynamics(field, batch.inputs, batch.static)(t, z)
        assert slope.shape == z.shape
        assert slope.dtype == z.dtype


@pytest.mark.parametrize("kind", KINDS)
def test_a_series_does_not_depend_on_the_others(kind):
    _, batch = case()
    field, z = field_of(kind, batch), states(batch)
    t = torch.linspace(-1, 1, batch.size)
    together = BoundDynamics(field, batch.inputs, batch.static)(t, z)
    for w in range(batch.size):
        one = batch.select(torch.tensor([w]))
        alone = BoundDynamics(field, one.inputs, one.static)(t[w : w + 1], z[:, w : w + 1])
        torch.testing.assert_close(alone[:, 0], together[:, w], rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_field_sees_what_its_kind_says_and_no_more(kind):
    _, batch = case()
    field, z = field_of(kind, batch), states(batch)
    slope = BoundDynamics(field, batch.inputs, batch.static)(torch.tensor(0.1), z)
    # an hour of model time later, and with other known inputs at the same time
    later = BoundDynamics(field, batch.inputs, batch.static)(torch.tensor(0.4), z)
    order = torch.arange(batch.size).flip(0)
    swapped = BoundDynamics(field, batch.inputs.select(order), batch.static)(torch.tensor(0.1), z)
    other_static = BoundDynamics(field, batch.inputs, batch.static + 1)(torch.tensor(0.1), z)
    assert torch.equal(slope, later) is (kind == "autonomous")
    assert torch.equal(slope, swapped) is (kind != "inputs")
    assert not torch.equal(slope, other_static)


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_gets_a_gradient(kind):
    _, batch = case()
    field = field_of(kind, batch)
    slope = BoundDynamics(field, batch.inputs, batch.static)(torch.tensor(0.1), states(batch))
    slope.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in field.parameters())
