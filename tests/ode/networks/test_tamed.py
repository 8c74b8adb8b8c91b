"""Outliers that networks see: bounded, in order, and ordinary readings as they are."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from latentode.models.decoders.cross import CrossMemory
from latentode.ode.networks.activations import tamed

FINITE = st.floats(-1e6, 1e6, allow_nan=False, width=64)


@given(FINITE)
def test_ordinary_readings_stay_and_outliers_grow_like_a_logarithm(value):
    x = torch.tensor(value, dtype=torch.float64, requires_grad=True)
    found = tamed(x)
    assert found == -tamed(-x)
    assert abs(found) <= min(abs(x), 10 + torch.log1p(x.abs()))
    (slope,) = torch.autograd.grad(found, x)
    if abs(value) <= 10:
        assert found == x
        assert slope == 1
    else:
        torch.testing.assert_close(slope, 1 / (x.detach().abs() - 9))


def test_an_error_of_a_unit_in_one_channel_moves_others_little():
    torch.manual_seed(0)
    memory = CrossMemory(2, 8, 0.0).double().eval()
    with torch.no_grad():
        for parameter in memory.net.parameters():
            parameter.normal_(0, 0.3)
    gaps = torch.full((2, 1, 1, 2), 0.1, dtype=torch.float64)
    shifts = []
    for outlier in (10.0, 1e4):
        residuals = torch.zeros(2, 1, 1, 1, 2, dtype=torch.float64)
        residuals[..., 0] = outlier
        shifts.append(memory(gaps, residuals)[0][..., 1].abs())
    assert shifts[1] < 5 * shifts[0] + 1
