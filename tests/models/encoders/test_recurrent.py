"""What only the recurrent encoders promise."""

from dataclasses import replace

import pytest
import torch
from model_cases import case, double

from latentode.data.batches.known_inputs import KnownInputs
from latentode.models.encoders import ODERNNEncoder, RNNEncoder
from latentode.models.encoders.base import row_features
from latentode.models.nn import schedule as schedules


def no_inputs(size):
    none = torch.zeros(size, 1, 0, dtype=torch.float64)
    return KnownInputs(none[:, 0], none[0, 0], torch.zeros(size, 1, dtype=torch.float64), none)


def encoder_for(kind, batch, **sizes):
    torch.manual_seed(1)
    return kind(batch.values.shape[-1], batch.inputs.dim, 7, **sizes)


@pytest.mark.parametrize("kind", [RNNEncoder, ODERNNEncoder])
@pytest.mark.parametrize("reverse", [False, True])
def test_what_is_read_last_weighs_most(kind, reverse):
    rows = 60
    times = torch.linspace(-2.0, 0.0, rows, dtype=torch.float64).expand(8, -1)
    template = case(size=8)[1]
    batch = replace(
        template,
        times=times,
        values=torch.randn(8, rows, 2, generator=torch.Generator().manual_seed(2)).requires_grad_(),
        mask=torch.ones(8, rows, 2, dtype=torch.bool),
        lengths=torch.full((8,), rows),
        inputs=no_inputs(8),
    )
    encoder = encoder_for(kind, batch)
    (slopes,) = torch.autograd.grad(encoder(batch, reverse=reverse).square().sum(), batch.values)
    # neither the first nor the last row, with which the others may be compared
    old, new = slopes[:, 1:6].abs().sum(), slopes[:, -6:-1].abs().sum()
    assert (old > 10 * new) if reverse else (new > 10 * old)


def oracle(encoder, batch, *, reverse):
    """The ODE-RNN window by window, row by row, by autograd."""
    features, gaps = row_features(batch, reverse=reverse)
    summaries = []
    for w, length in enumerate(batch.lengths.tolist()):
        state = features.new_zeros(encoder.hidden_dim)
        for row in range(length):
            gap = gaps[w, row]
            count = min(max(int(torch.ceil(gap / encoder.max_step)), 1), encoder.max_substeps)
            for _ in range(count):
                state = state + gap / count * encoder.field(state)
            state = encoder.cell(features[w, row], state)
        summaries.append(state)
    return torch.stack(summaries)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("max_step", [0.01, 0.1, 10.0])
def test_the_ode_rnn_is_euler_steps_and_updates_one_after_the_other(max_step, reverse):
    batch = double(case(size=6)[1])
    encoder = encoder_for(ODERNNEncoder, batch, max_step=max_step).double()
    found, expected = encoder(batch, reverse=reverse), oracle(encoder, batch, reverse=reverse)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
    grad = torch.randn_like(found)
    for one, other in zip(
        torch.autograd.grad(found, [*encoder.parameters()], grad),
        torch.autograd.grad(expected, [*encoder.parameters()], grad),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)


def test_the_gradient_by_times_is_that_of_finite_differences():
    batch = double(case(size=10)[1])
    encoder = encoder_for(ODERNNEncoder, batch, max_step=0.1).double()
    times = batch.times.clone().requires_grad_()
    encoder(replace(batch, times=times), reverse=False).square().sum().backward()
    direction, step = batch.times.abs().sqrt(), 1e-6  # changes every gap
    sides = [replace(batch, times=batch.times + sign * step * direction) for sign in (1, -1)]
    steps = [(row_features(side, reverse=False)[1] / 0.1).ceil().clamp(1, 8) for side in sides]
    assert torch.equal(*steps)
    assert len(steps[0].unique()) > 3
    with torch.no_grad():
        above, below = (encoder(side, reverse=False).square().sum() for side in sides)
    expected = float((above - below) / (2 * step))
    # truncation of the order of step^2, rounding 1e-14 / step
    assert float((times.grad * direction).sum()) == pytest.approx(expected, rel=1e-6)


def test_the_depth_is_the_most_steps_of_one_window_wherever_its_long_gaps_are(monkeypatch):
    size = rows = 12
    gaps = torch.full((size, rows), 0.05, dtype=torch.float64)
    gaps[torch.arange(size), torch.arange(rows)] = 0.75  # each window waits before another row
    batch = replace(
        case(size=size)[1],
        times=gaps.cumsum(dim=1),
        values=torch.randn(size, rows, 2),
        mask=torch.ones(size, rows, 2, dtype=torch.bool),
        lengths=torch.full((size,), rows),
    )
    plans, of = [], schedules.Schedule.of
    monkeypatch.setattr(
        schedules.Schedule, "of", lambda counts: plans.append(of(counts)) or plans[-1]
    )
    encoder_for(ODERNNEncoder, batch, max_step=0.1)(batch, reverse=False)
    # one step a row, and 8 of the one long gap (none before the first row)
    assert plans[0].sizes == [size] * rows + [size - 1] * 7
