"""Sums of piecewise-linear functions: encoding against numpy, and functions that they can be."""

import numpy as np
import torch

from latentode.models.nn.piecewise_linear import PiecewiseLinear


def learned(x, bins=4, outputs=1):
    module = PiecewiseLinear(x.shape[1], bins, outputs).double()
    module.learn_scale(x)
    return module


def test_pieces_are_shares_between_quantiles():
    x = torch.rand(500, 2, dtype=torch.float64)
    module = learned(x)
    found = module.encode(x) / module.factor + module.mean
    edges = np.quantile(x.numpy(), np.linspace(0, 1, 5), axis=0)
    for feature in range(2):
        low, high = edges[:-1, feature], edges[1:, feature]
        expected = np.clip((x.numpy()[:, [feature]] - low) / (high - low), 0.0, 1.0)
        np.testing.assert_allclose(found[:, 4 * feature : 4 * feature + 4], expected, atol=1e-12)


def test_pieces_of_training_have_mean_zero_and_deviation_one():
    x = torch.rand(500, 3, dtype=torch.float64)
    module = learned(x)
    found = module.encode(x)
    torch.testing.assert_close(
        found.mean(0), torch.zeros(12, dtype=torch.float64), atol=1e-12, rtol=0
    )
    torch.testing.assert_close(found.std(0, correction=0), torch.ones(12, dtype=torch.float64))


def test_a_constant_feature_says_nothing_and_rare_pieces_are_bounded():
    x = torch.zeros(400, 2, dtype=torch.float64)
    x[0, 1] = 1.0
    module = learned(x)
    assert (module.encode(x)[:, :4] == 0).all()
    assert module.encode(x).abs().max() <= 5.0
    assert (module.encode(torch.full((1, 2), 1e9).double())[:, :4] == 0).all()


def test_before_it_is_fitted_it_is_zero():
    assert (PiecewiseLinear(3, 4, 2)(torch.randn(5, 3)) == 0).all()


def test_beyond_what_was_seen_it_is_constant():
    x = torch.randn(300, 1, dtype=torch.float64)
    module = learned(x)
    module.weight.normal_()
    far = torch.tensor([[x.max().item()], [1e3], [1e6]], dtype=torch.float64)
    assert module(far).unique().numel() == 1
