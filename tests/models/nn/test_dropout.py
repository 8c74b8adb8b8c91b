"""Dropout of a CPU keeps the share and the mean that it says."""

import pytest
import torch

from latentode.models.nn.dropout import dropout


@pytest.mark.parametrize("share", [0.1, 0.25, 0.9])
@pytest.mark.parametrize("shape", [(75,), (50, 40, 101)])
def test_entries_are_dropped_or_scaled_so_that_the_mean_stays(share, shape):
    torch.manual_seed(0)
    found = dropout(torch.ones(shape, dtype=torch.float64), share, True)
    levels = found.unique().tolist()
    assert set(levels) <= {0.0, levels[-1]}
    assert levels[-1] == pytest.approx(1.0 / (1.0 - share), rel=1e-4)
    # five standard errors of a share
    error = 5.0 * (share * (1.0 - share) / found.numel()) ** 0.5
    assert float((found == 0).double().mean()) == pytest.approx(share, abs=error)


def test_neighbouring_entries_are_dropped_independently():
    torch.manual_seed(1)
    kept = (dropout(torch.ones(400_000), 0.5, True) > 0).double()
    for lag in (1, 2, 3, 4, 8):
        together = float((kept[lag:] * kept[:-lag]).mean())
        assert together == pytest.approx(0.25, abs=5.0 * 0.0007)


def test_what_is_dropped_has_no_gradient_and_what_is_kept_its_scale():
    x = torch.randn(300, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(2)
    found = dropout(x, 0.3, True)
    found.sum().backward()
    torch.testing.assert_close(found.detach(), x.detach() * x.grad)


def test_a_seed_repeats_what_is_dropped():
    found = []
    for _ in range(2):
        torch.manual_seed(3)
        found.append(dropout(torch.ones(1000), 0.4, True))
    assert torch.equal(*found)


@pytest.mark.parametrize(("share", "training"), [(0.0, True), (0.5, False)])
def test_nothing_is_drawn_where_nothing_is_dropped(share, training):
    x, before = torch.ones(9), torch.get_rng_state()
    assert dropout(x, share, training) is x
    assert torch.equal(torch.get_rng_state(), before)
