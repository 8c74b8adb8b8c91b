"""The decoder and its memory, against direct loops and dense linear algebra."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import kriging, nearest_by_loop, recent_statistics

from latentode.models.decoders import cross, residual
from latentode.models.decoders.cross import CrossMemory
from latentode.models.decoders.mlp import MLPDecoder
from latentode.models.decoders.residual import RecentBehaviour, ResidualMemory
from latentode.models.nn.nearest import nearest_readings

INF = float("inf")


def randomised(module, size=0.1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(size * torch.randn(parameter.shape, generator=generator).double())
    return module


def windows(generator, counts, channels=2):
    """Padded times, mask and lengths of windows; a third of the readings is missing."""
    width = max(max(counts), 1)
    times, mask = np.zeros((len(counts), width)), np.zeros((len(counts), width, channels), bool)
    for w, count in enumerate(counts):
        own = np.sort(generator.choice(40, size=count, replace=False)) / 10 - 4.0
        times[w, :count] = own
        times[w, count:] = own[-1] if count else 0.0
        mask[w, :count] = generator.random((count, channels)) < 2 / 3
    return torch.from_numpy(times), torch.from_numpy(mask), torch.tensor(counts)


@given(seed=st.integers(0, 10_000), counts=st.lists(st.integers(0, 9), min_size=1, max_size=4))
def test_the_nearest_readings_are_those_of_a_loop(seed, counts):
    generator = np.random.default_rng(seed)
    times, mask, lengths = windows(generator, counts)
    # tenths again: queries often fall on a reading, and on the time of the padding
    queries = torch.from_numpy(generator.integers(-45, 5, size=(len(counts), 6)) / 10)
    index, gaps = nearest_readings(times, mask, lengths, queries)
    for w, count in enumerate(counts):
        for q in range(6):
            rows, distance = nearest_by_loop(
                times[w].numpy(), mask[w].numpy(), count, float(queries[w, q])
            )
            np.testing.assert_array_equal(gaps[:, w, q].numpy(), distance)
            np.testing.assert_array_equal(index[:, w, q].numpy(), rows)


def covariance_of(memory, channel):
    rates = torch.exp(memory.log_rates + residual._GAIN * memory.rate_shift)
    weights = torch.softmax(memory.base_logits + residual._GAIN * memory.logit_shift, dim=0)
    return rates[:, channel].detach().numpy(), weights[:-1, channel].detach().numpy()


@pytest.mark.parametrize("before", [0.0, 0.01, 0.7, 30.0, INF])
@pytest.mark.parametrize("after", [0.003, 0.7, INF])
def test_the_memory_is_kriging_with_two_neighbours(before, after):
    memory = randomised(ResidualMemory(3))
    gaps = torch.tensor([before, after], dtype=torch.float64)[:, None, None, None].expand(
        2, 1, 1, 3
    )
    values = torch.tensor([0.8, -1.7], dtype=torch.float64)
    values = torch.where(torch.isfinite(gaps[:, 0, 0, 0]), values, 0.0)
    residuals = values[:, None, None, None, None].expand(2, 4, 1, 1, 3)
    mean, variance = (part.detach() for part in memory(gaps, residuals))
    assert mean.shape == (4, 1, 1, 3)
    assert variance.shape == (1, 1, 3)
    for channel in range(3):
        truth = kriging(*covariance_of(memory, channel), (before, after), values.numpy())
        assert float(mean[2, 0, 0, channel]) == pytest.approx(truth[0], rel=1e-9, abs=1e-12)
        assert float(variance[0, 0, channel]) == pytest.approx(truth[1], rel=1e-9)


def slow_memory(rate=1e-3):
    """All rates the same slow one, and no white noise."""
    memory = ResidualMemory(1).double()
    with torch.no_grad():
        memory.rate_shift.copy_((np.log(rate) - memory.log_rates) / residual._GAIN)
        memory.logit_shift[-1] = -20.0
    return memory


def test_slow_decay_without_white_noise_is_linear_interpolation():
    memory = slow_memory()
    before = torch.linspace(0.0, 1.0, 11, dtype=torch.float64)
    gaps = torch.stack([before, 1.0 - before])[:, None, :, None]
    residuals = torch.tensor([2.0, -1.0], dtype=torch.float64)[:, None, None, None, None].expand(
        2, 1, 1, 11, 1
    )
    mean, variance = memory(gaps, residuals)
    # the bridge differs from a line by the square of rate times gap
    np.testing.assert_allclose(mean.detach().flatten(), 2.0 - 3.0 * before, atol=1e-5)
    bridge = 2e-3 * before * (1.0 - before)
    np.testing.assert_allclose(variance.detach().flatten(), bridge.clamp(min=1e-6), rtol=1e-2)


def test_a_forecast_decays_from_the_last_reading_to_the_trajectory():
    memory = slow_memory(rate=0.5)
    gaps = torch.full((2, 1, 3, 1), INF).double()
    gaps[0, 0, :, 0] = torch.tensor([0.0, 2.0, 1e6])
    residuals = torch.zeros(2, 1, 1, 3, 1).double()
    residuals[0] = 4.0
    mean, variance = memory(gaps, residuals)
    expected = torch.exp(-0.5 * gaps[0, 0, :, 0])
    np.testing.assert_allclose(mean.detach().flatten(), 4.0 * expected, atol=1e-9)
    np.testing.assert_allclose(
        variance.detach().flatten(), (1 - expected**2).clamp(min=1e-6), atol=1e-9
    )


def test_without_neighbours_nothing_is_remembered_and_gradients_are_finite():
    memory = randomised(ResidualMemory(2))
    gaps = torch.full((2, 1, 3, 2), INF).double()
    gaps[0, 0, 0, 0] = 0.5
    residuals = torch.zeros(2, 1, 1, 3, 2).double().requires_grad_()
    mean, variance = memory(gaps, residuals)
    assert (mean == 0).all()
    assert (variance[0, 1:] == 1).all()
    (mean.sum() + variance.log().sum()).backward()
    for parameter in [*memory.parameters(), residuals]:
        assert torch.isfinite(parameter.grad).all()


def test_recent_behaviour_is_that_of_a_loop():
    generator = np.random.default_rng(3)
    recent = randomised(RecentBehaviour(2))
    counts = [9, 1, 0, 6, 30]
    times, mask, _ = windows(generator, counts)
    residuals = torch.from_numpy(generator.normal(size=(3, *mask.shape))) * mask
    ages = torch.from_numpy(generator.random((len(counts), 4, 2)))
    ages[:, 0] = 0.0
    shift, log_scale = (part.detach() for part in recent(times, mask, residuals, ages))
    log_scale = log_scale.expand_as(shift)
    spans, gain = recent.spans.numpy(), residual._GAIN
    alpha, beta, raw, gamma, offset = (
        getattr(recent, name).detach().numpy()
        for name in ("smoothing", "drift", "log_damping", "restlessness", "offset")
    )
    for d, w, c in np.ndindex(3, len(counts), 2):
        last, means, variances = recent_statistics(
            times[w].numpy(), mask[w, :, c].numpy(), residuals[d, w, :, c].numpy(), spans
        )
        for q in range(4):
            age = float(ages[w, q, c])
            moved, widened = 0.0, gain * offset[int(age > 0), c]
            for j in range(len(spans)):
                kappa = np.exp(gain * raw[j, c])
                trend = alpha[j, c] * (age > 0) + beta[j, c] * (1 - np.exp(-kappa * age)) / kappa
                moved += (last - means[j]) * trend
                calm = 0.5 * (np.log(variances[j] + residual._CALM**2) - residual._TYPICAL)
                widened += gain * gamma[int(age > 0), j, c] * calm
            assert float(shift[d, w, q, c]) == pytest.approx(moved, rel=1e-9, abs=1e-12)
            assert float(log_scale[d, w, q, c]) == pytest.approx(widened, rel=1e-7, abs=1e-9)


def test_recent_behaviour_starts_without_any_effect():
    recent = RecentBehaviour(2)
    times, mask, _ = windows(np.random.default_rng(0), [5, 3])
    residuals = torch.randn(2, *mask.shape) * mask
    shift, log_scale = recent(times, mask, residuals, torch.rand(2, 3, 2))
    assert (shift == 0).all()
    assert (log_scale == 0).all()


def test_the_recent_spread_keeps_its_digits_in_float32():
    recent = randomised(RecentBehaviour(1))
    generator = torch.Generator().manual_seed(1)
    times = torch.linspace(-1, 0, 30, dtype=torch.float64)[None]
    mask = torch.ones(1, 30, 1, dtype=torch.bool)
    # a calm channel, some standard deviations off the decoded trajectory
    residuals = 3.0 + 0.003 * torch.randn(5, 1, 30, 1, generator=generator)
    ages = torch.full((1, 1, 1), 0.2)
    exact = recent(times, mask, residuals.double(), ages.double())[1]
    single = recent.float()(times, mask, residuals, ages)[1]
    torch.testing.assert_close(single.double(), exact, rtol=0, atol=1e-4)


@pytest.mark.parametrize("state_noise", [False, True])
def test_the_decoder_gives_location_and_scale_of_every_channel(state_noise):
    decoder = MLPDecoder(3, 6, 2, 4, state_noise=state_noise, dropout=0.0)
    z, context = torch.randn(5, 2, 7, 3), torch.randn(2, 7, 2)
    location, log_scale = decoder(z, context)
    assert location.shape == log_scale.shape == (5, 2, 7, 4)
    assert location.std() > 0
    spread = log_scale.reshape(-1, 4).std(dim=0)
    assert (spread > 0).all() if state_noise else (spread == 0).all()
    (location.square().sum() + log_scale.exp().sum()).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in decoder.parameters())


def test_other_channels_correct_by_their_nearest_residuals_as_the_formula_says():
    memory = randomised(CrossMemory(2, 4, 0.0), size=0.5)
    generator = torch.Generator().manual_seed(3)
    gaps = torch.rand(2, 1, 3, 2, generator=generator).double()
    gaps[0, 0, 1, 0] = INF
    residuals = torch.randn(2, 2, 1, 3, 2, generator=generator).double()
    residuals = torch.where(gaps[:, None] < INF, residuals, 0.0)
    shift, log_scale = memory(gaps, residuals)
    rates = (memory.log_rates + cross._GAIN * memory.rate_shift).exp()  # (rate, channel)
    for draw in range(2):
        for step in range(3):
            near = torch.exp(-rates[None] * gaps[:, 0, step][:, None])  # (side, rate, channel)
            decayed = near * residuals[:, draw, 0, step][:, None]
            expected = memory.net(*(p.transpose(0, 1).flatten() for p in (near, decayed)))
            found = torch.cat([shift[draw, 0, step], log_scale[draw, 0, step]])
            torch.testing.assert_close(found, expected)
    fresh = CrossMemory(2, 4, 0.0).double()
    assert all((part == 0).all() for part in fresh(gaps, residuals))


def test_what_was_never_read_has_a_gradient():
    memory = CrossMemory(2, 4, 0.0)
    gaps = torch.full((2, 1, 3, 2), INF)
    shift, _ = randomised(memory)(gaps.double(), torch.zeros(2, 1, 1, 3, 2).double())
    shift.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in memory.parameters() if p.grad is not None)
