"""Direct forecasts: where they begin, what they depend on, and what they can learn."""

from dataclasses import replace

import pytest
import torch
from model_cases import case, double, irregular_log

from latentode.models.decoders.direct import WEIGHTS, DirectForecast


def direct(batch, *, season=None, rest=False, seed=0):
    torch.manual_seed(seed)
    known = batch.inputs.dim + batch.static.shape[-1]
    module = DirectForecast(batch.values.shape[-1], known, season).double().eval()
    module.strength.fill_(1.0)
    module.reach.fill_(3.0)
    if not rest:
        with torch.no_grad():
            for name in WEIGHTS:
                getattr(module, name).add_(0.3 * torch.randn_like(getattr(module, name)))
    return module


def asked_of(module, batch, times):
    static = batch.static[:, None].expand(-1, times.shape[1], -1)
    return module(batch, times, torch.cat([batch.inputs(times), static], dim=-1))


def windows(**values):
    _, batch = case(irregular_log((40, 25, 12)), **values)
    return double(batch)


@pytest.mark.parametrize("season", [None, 1.0])
def test_it_starts_at_zero_and_what_lies_between_readings_stays_as_it_is(season):
    batch = windows()
    times = torch.linspace(-3.0, 3.0, 40, dtype=torch.float64).expand(batch.size, -1)
    for part in asked_of(direct(batch, season=season, rest=True), batch, times):
        assert (part == 0).all()
    for part in asked_of(direct(batch, season=season), batch, times):
        inside = times <= batch.times[:, -1:]
        assert (part[inside] == 0).all()
        assert (part[~inside] != 0).all()


def test_it_departs_from_the_last_reading_of_each_channel():
    batch = windows()
    everything = torch.ones_like(batch.mask)
    batch = replace(batch, mask=everything)
    near = batch.times[:, -1:] + torch.tensor([1e-6, 1e-3], dtype=torch.float64)
    shift, log_scale = asked_of(direct(batch), batch, near)
    # slopes of the basis are at most 8, of the functions tens
    assert shift[:, 0].abs().max() < 1e-3
    assert log_scale[:, 0].abs().max() < 1e-3
    # linear at first: of three rates of opposite signs, a share of the largest moves
    torch.testing.assert_close(
        shift[:, 1], 1e3 * shift[:, 0], rtol=0, atol=0.05 * shift[:, 1].abs().max().item()
    )


def test_a_channel_that_it_is_no_good_for_stays_as_it_is():
    batch = windows()
    module = direct(batch)
    module.strength[0] = 0.0
    times = torch.linspace(0.1, 2.0, 5, dtype=torch.float64).expand(batch.size, -1)
    for part in asked_of(module, batch, times):
        assert (part[..., 0] == 0).all()
        assert (part[..., 1] != 0).all()


def test_a_channel_is_told_of_no_other():
    batch = windows()
    times = torch.linspace(0.1, 2.0, 5, dtype=torch.float64).expand(batch.size, -1)
    other = batch.values.clone()
    other[..., 1] = torch.where(batch.mask[..., 1], other[..., 1] * -3.0, 0.0)
    for season in (None, 1.0):
        module = direct(batch, season=season)
        before = asked_of(module, batch, times)
        after = asked_of(module, replace(batch, values=other), times)
        for old, new in zip(before, after, strict=True):
            assert torch.equal(old[..., 0], new[..., 0])
            assert not torch.equal(old[..., 1], new[..., 1])


@pytest.mark.parametrize("season", [None, 1.0])
def test_a_query_alone_is_the_same_among_others(season):
    batch = windows()
    module = direct(batch, season=season)
    times = torch.linspace(0.1, 2.0, 7, dtype=torch.float64).expand(batch.size, -1)
    together = asked_of(module, batch, times)
    for step in range(7):
        alone = asked_of(module, batch, times[:, step : step + 1])
        for one, all_of_them in zip(alone, together, strict=True):
            torch.testing.assert_close(one[:, 0], all_of_them[:, step], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("season", [None, 1.0])
def test_a_window_without_readings_is_left_as_it_is(season):
    batch = windows()
    blank = replace(
        batch,
        mask=torch.zeros_like(batch.mask),
        values=torch.zeros_like(batch.values),
        lengths=torch.zeros_like(batch.lengths),
    )
    times = torch.linspace(0.1, 9.0, 5, dtype=torch.float64).expand(batch.size, -1)
    for part in asked_of(direct(blank, season=season), blank, times):
        assert (part == 0).all()


def test_far_beyond_what_it_was_fitted_to_it_stays_bounded():
    batch = windows()
    module = direct(batch)
    steady = torch.zeros(batch.size, 2, module.shared.shape[1] - 4, dtype=torch.float64)
    far = torch.tensor([60.0, 6e5], dtype=torch.float64).expand(batch.size, -1)
    for part in module(batch, far, steady):
        torch.testing.assert_close(part[:, 0], part[:, 1], rtol=1e-9, atol=1e-9)


def test_it_learns_a_forecast_that_is_linear_in_what_was_read_a_season_ago():
    batch = windows()
    module = direct(batch, season=1.0, rest=True)
    times = torch.linspace(0.5, 1.0, 6, dtype=torch.float64).expand(batch.size, -1)
    rows = torch.linspace(-4.0, 0.0, 81, dtype=torch.float64).expand(batch.size, -1)
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(batch.size, 81, 2, generator=generator, dtype=torch.float64)
    full = replace(
        batch, times=rows, values=values, mask=torch.ones_like(values, dtype=torch.bool),
        lengths=torch.full((batch.size,), 81),
    )  # fmt: skip
    index = ((times - 1.0 + 4.0) * 20).round().long()
    target = 0.7 * (values.gather(1, index[..., None].expand(-1, -1, 2)) - values[:, -1:])
    weights = [getattr(module, name).requires_grad_() for name in WEIGHTS]
    optimizer = torch.optim.Adam(weights, lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss = (asked_of(module, full, times)[0] - target).square().mean()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.01 * target.square().mean().item()
