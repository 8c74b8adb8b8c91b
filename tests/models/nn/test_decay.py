"""Decays are exponentials, and nothing where an exponential is nearly subnormal."""

import torch

from latentode.models.nn.decay import decay_


def test_decays_are_exponentials_as_far_as_they_count():
    exponents = torch.linspace(0, 27, 500, dtype=torch.float64)
    torch.testing.assert_close(decay_(exponents.clone()), torch.exp(-exponents))


def test_far_decays_are_zero_and_products_of_three_never_subnormal():
    exponents = torch.cat([torch.linspace(20, 200, 2000), torch.tensor([torch.inf])])
    decays = decay_(exponents)
    assert float(decays[-1]) == 0.0
    cubes = decays**3
    assert ((cubes == 0) | (cubes >= torch.finfo(torch.float32).tiny)).all()
