"""Direct forecasts beside a trained model: what they gain, and what they leave as it is."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from model_cases import case, irregular_log, noise_for

from latentode.training.direct_fit import fit_direct


def windows(count=48, **values):
    """An untrained model, and windows of whose last channel a forecast is its mean so far."""
    log = irregular_log((60,) * 8, hours=200)
    model, batch = case(log, count, model__memory=True, **values)
    mean = torch.where(batch.mask, batch.values, 0.0).sum(1) / batch.mask.sum(1).clamp(min=1)
    targets = batch.targets.clone()
    targets[..., -1] = torch.where(batch.target_mask[..., -1], mean[:, None, -1], 0.0)
    return model, replace(batch, targets=targets)


def halves(batch):
    size = batch.size
    parts = torch.arange(size).split(size // 2)
    return [batch.select(part) for part in parts]


@torch.no_grad()
def decoded(model, batch):
    return model.eval().solve(batch, noise_for(batch, draws=1)).decoded


def test_what_held_out_windows_gain_is_what_it_says():
    model, batch = windows()
    train, held_out = halves(batch)
    before = decoded(model, held_out)
    gain = fit_direct(model, [train], [held_out], seed=0)
    assert gain[-1] > 0.1
    after = decoded(model, held_out)
    ahead = held_out.target_mask & (held_out.query_times > held_out.times[:, -1:])[..., None]
    log_prob = [
        model.likelihood.log_prob(held_out.targets, d.location[0], d.scale[0])[..., -1]
        for d in (before, after)
    ]
    gained = (log_prob[1] - log_prob[0])[ahead[..., -1]].mean()
    # another draw of the posterior
    assert gained.item() == pytest.approx(gain[-1].item(), rel=0.3)


def test_all_else_is_left_as_it_is():
    model, batch = windows()
    train, held_out = halves(batch)
    state = {k: v.clone() for k, v in model.state_dict().items() if not k.startswith("direct.")}
    before = decoded(model, held_out)
    fit_direct(model, [train], [held_out], seed=0)
    for name, value in state.items():
        assert torch.equal(model.state_dict()[name], value), name
    assert not any(b.requires_grad for b in model.direct.buffers())
    after = decoded(model, held_out)
    inside = held_out.query_times <= held_out.times[:, -1:]
    assert torch.equal(before.location[:, inside], after.location[:, inside])
    assert torch.equal(before.scale[:, inside], after.scale[:, inside])


def test_without_held_out_windows_and_where_nothing_is_gained_it_says_nothing():
    model, batch = windows()
    train, held_out = halves(batch)
    before = decoded(model, held_out)
    assert (fit_direct(model, [train], [], seed=0) == 0).all()
    # held-out targets that are drawn anew have nothing to do with what training windows show
    noise = torch.Generator().manual_seed(1)
    fit_direct(model, [train], [held_out], seed=0)
    wild = 50.0 * torch.randn(held_out.targets.shape, generator=noise)
    fresh, _ = windows()
    strange = replace(held_out, targets=torch.where(held_out.target_mask, wild, 0.0))
    gain = fit_direct(fresh, [train], [strange], seed=0)
    off = np.flatnonzero(gain == 0)
    after = decoded(fresh, held_out)
    assert torch.equal(before.location[..., off], after.location[..., off])


def test_a_seed_gives_the_same_bits_whatever_was_drawn_before():
    found = []
    for draws in (0, 7):
        model, batch = windows()
        train, held_out = halves(batch)
        torch.manual_seed(3)
        torch.randn(draws)
        fit_direct(model, [train], [held_out], seed=0)
        found.append(model.direct.state_dict())
        assert torch.equal(torch.randn(2), _next(draws))
    for name, value in found[0].items():
        assert torch.equal(value, found[1][name]), name


def _next(draws):
    torch.manual_seed(3)
    torch.randn(draws)
    return torch.randn(2)


def test_training_steps_and_events_do_not_see_it():
    model, batch = windows()
    train, held_out = halves(batch)
    fit_direct(model, [train], [held_out], seed=0)
    assert model.eval()._readout(batch).direct is not None
    assert model.train()._readout(batch).direct is None
    assert model._readout(batch, memory=False).direct is None
