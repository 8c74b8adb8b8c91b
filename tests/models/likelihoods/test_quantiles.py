"""Quantiles of Student's t beside those of scipy."""

import numpy as np
import pytest
import torch
from scipy import stats

from latentode.models.likelihoods.quantiles import StudentTQuantiles

SCORES = torch.linspace(-7.9, 7.9, 400, dtype=torch.float64)[:, None]


@pytest.mark.parametrize("df", [2.1, 3.0, 8.0, 200.0])
def test_quantiles_are_those_of_scipy(df):
    found = StudentTQuantiles.of(torch.tensor([df])).at(SCORES)
    # of the upper half by symmetry: 1 - 1e-16 has no digits left
    exact = stats.t(df).isf(stats.norm.sf(np.abs(SCORES.numpy()))) * np.sign(SCORES.numpy())
    np.testing.assert_allclose(found.numpy(), exact, rtol=2e-4, atol=1e-6)


def test_scores_are_the_inverse_of_quantiles_in_any_shape():
    quantiles = StudentTQuantiles.of(torch.tensor([2.5, 30.0]))
    scores = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(quantiles.scores(quantiles.at(scores)), scores)


def test_a_score_beyond_the_table_goes_on_rising():
    quantiles = StudentTQuantiles.of(torch.tensor([3.0]))
    far = quantiles.at(torch.tensor([[8.0], [9.0], [20.0]]).double())[:, 0]
    assert torch.isfinite(far).all()
    assert (far.diff() > 0).all()
