"""What every encoder must do, at the tolerance of float32 sums."""

from dataclasses import replace

import pytest
import torch
from model_cases import case, double
from torch.utils._python_dispatch import TorchDispatchMode

from latentode.data.batches.known_inputs import KnownInputs
from latentode.models.encoders import (
    AttentionEncoder,
    ODERNNEncoder,
    RNNAttentionEncoder,
    RNNEncoder,
)
from latentode.models.encoders.condense import condense

ENCODERS = [RNNEncoder, ODERNNEncoder, AttentionEncoder, RNNAttentionEncoder]
pytestmark = [
    pytest.mark.parametrize("kind", ENCODERS),
    pytest.mark.parametrize("reverse", [False, True]),
]


class Counter(TorchDispatchMode):
    """How many operations torch is asked for."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def operations(encoder, batch, reverse):
    encoder.zero_grad(set_to_none=True)
    with Counter() as counter:
        encoder(batch, reverse=reverse).square().sum().backward()
    return counter.count


def batch_of(size=6, **values):
    _, batch = case(size=size, **values)
    return batch


def encoder_for(kind, batch, hidden=7):
    torch.manual_seed(1)
    return kind(batch.values.shape[-1], batch.inputs.dim, hidden)


def test_the_summary_is_finite_and_of_the_hidden_size(kind, reverse):
    batch = batch_of()
    encoder = encoder_for(kind, batch)
    summary = encoder(batch, reverse=reverse)
    assert summary.shape == (batch.size, encoder.hidden_dim) == (6, 7)
    assert torch.isfinite(summary).all()
    assert summary.std(dim=0).min() > 0


def test_padding_is_never_read(kind, reverse):
    batch = batch_of()
    assert int(batch.lengths.min()) < batch.times.shape[1]
    encoder = encoder_for(kind, batch)
    beyond = torch.arange(batch.times.shape[1]) >= batch.lengths[:, None]
    spoiled = replace(batch, values=batch.values.masked_fill(beyond[..., None], 1e6))
    wider = replace(
        batch,
        times=torch.cat([batch.times, batch.times[:, -1:].expand(-1, 5)], 1),
        values=torch.cat([spoiled.values, torch.full((6, 5, 2), -1e6)], 1),
        mask=torch.cat([batch.mask, torch.zeros(6, 5, 2, dtype=torch.bool)], 1),
    )
    expected = encoder(batch, reverse=reverse)
    torch.testing.assert_close(encoder(spoiled, reverse=reverse), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(encoder(wider, reverse=reverse), expected, rtol=0, atol=1e-5)


def test_reading_backward_is_reading_the_mirrored_window_forward(kind, reverse):
    batch = double(batch_of())
    batch = replace(batch, inputs=no_inputs(batch.size))
    ends_agree = batch.values.clone()
    for w in range(batch.size):
        for c in range(2):
            rows = batch.mask[w, :, c].nonzero().flatten()
            if len(rows):  # whichever of the two ends values are compared with
                ends_agree[w, rows[0], c] = ends_agree[w, rows[-1], c]
    batch = replace(batch, values=ends_agree)
    encoder = encoder_for(kind, batch).double()
    one = encoder(batch, reverse=reverse)
    other = encoder(mirrored(batch), reverse=not reverse)
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    assert not torch.allclose(one, encoder(batch, reverse=not reverse), atol=1e-4)


def no_inputs(size):
    none = torch.zeros(size, 1, 0, dtype=torch.float64)
    return KnownInputs(none[:, 0], none[0, 0], torch.zeros(size, 1, dtype=torch.float64), none)


def mirrored(batch):
    index = (batch.lengths[:, None] - 1 - torch.arange(batch.times.shape[1])).clamp(min=0)
    rows = index[..., None].expand_as(batch.values)
    inside = (torch.arange(batch.times.shape[1]) < batch.lengths[:, None])[..., None]
    return replace(
        batch,
        times=-batch.times.gather(1, index),
        values=batch.values.gather(1, rows) * inside,
        mask=batch.mask.gather(1, rows) & inside,
    )


def test_an_observed_zero_is_not_a_missing_value(kind, reverse):
    batch = batch_of()
    encoder = encoder_for(kind, batch)
    inside = torch.arange(batch.times.shape[1]) < batch.lengths[:, None]
    w, row, channel = (inside[..., None] & ~batch.mask).nonzero()[0]
    mask = batch.mask.clone()
    mask[w, row, channel] = True
    with_zero = encoder(replace(batch, mask=mask), reverse=reverse)
    changed = (with_zero - encoder(batch, reverse=reverse)).abs().amax(dim=1) > 1e-5
    assert changed.nonzero().flatten().tolist() == [int(w)]


def test_a_window_without_rows_has_the_same_summary_everywhere(kind, reverse):
    batch = batch_of()
    lengths = batch.lengths.clone()
    lengths[[1, 4]] = 0
    mask = batch.mask & (lengths > 0)[:, None, None]
    summary = encoder_for(kind, batch)(replace(batch, lengths=lengths, mask=mask), reverse=reverse)
    torch.testing.assert_close(summary[1], summary[4])  # rows of a product may round unlike
    assert torch.isfinite(summary).all()


def test_every_parameter_gets_a_gradient(kind, reverse):
    batch = batch_of()
    encoder = encoder_for(kind, batch)
    encoder(batch, reverse=reverse).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_a_condensed_window_does_not_depend_on_the_batch(kind, reverse):
    batch = batch_of(size=8)
    most = int(batch.lengths.float().median())
    condensed = condense(batch, most)
    assert int(condensed.lengths.max()) <= most < int(batch.lengths.max())
    encoder = encoder_for(kind, batch)
    together = encoder(condensed, reverse=reverse)
    for w in range(batch.size):
        alone = batch.select(torch.tensor([w]))
        length = max(int(alone.lengths), 1)
        alone = replace(
            alone,
            times=alone.times[:, :length],
            values=alone.values[:, :length],
            mask=alone.mask[:, :length],
        )
        summary = encoder(condense(alone, most), reverse=reverse)
        torch.testing.assert_close(summary[0], together[w], rtol=0, atol=1e-5)


def own_times(batch):
    """The same windows and gaps, no time stamp shared with another window."""
    shift = 1e-3 * torch.arange(batch.size, dtype=torch.float64)[:, None]
    return replace(batch, times=batch.times - shift)


def shared_times(size=8, rows=20):
    times = torch.linspace(-2.0, -0.1, rows, dtype=torch.float64).repeat(size, 1)
    mask = torch.rand(size, rows, 2) < 0.3
    return replace(
        batch_of(size=size),
        times=times,
        values=torch.randn(size, rows, 2) * mask,
        mask=mask,
        lengths=torch.full((size,), rows),
    )


def test_the_operations_do_not_grow_with_the_distinct_time_stamps(kind, reverse):
    shared = shared_times()
    own = own_times(shared)
    assert len(own.times.unique()) == 8 * len(shared.times.unique())
    encoder = encoder_for(kind, shared)
    counts = [operations(encoder, batch, reverse) for batch in (shared, own)]
    assert counts[0] == counts[1] > 0


def test_twice_the_windows_take_the_same_operations(kind, reverse):
    one, two = shared_times(8), shared_times(16)
    encoder = encoder_for(kind, one)
    assert operations(encoder, one, reverse) == operations(encoder, two, reverse)


@pytest.mark.gpu
def test_a_gpu_gives_the_summaries_and_gradients_of_the_cpu(kind, reverse, device):
    found = []
    for where in ("cpu", device):
        batch = double(batch_of()).to(where)
        encoder = encoder_for(kind, batch).double().to(where)
        summary = encoder(batch, reverse=reverse)
        summary.square().sum().backward()
        found.append([summary.cpu(), *(p.grad.cpu() for p in encoder.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one, rtol=0, atol=1e-10)
