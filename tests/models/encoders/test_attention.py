"""The attention encoder against its formula by loops, and what only it promises."""

from dataclasses import replace

import torch
from model_cases import case, double

from latentode.models.encoders import AttentionEncoder


def encoder_and_batch(scale=1.0, reverse=False):
    anchor = "start" if reverse else "origin"
    batch = double(case(size=6, model__anchor=anchor)[1])
    encoder = AttentionEncoder(batch.values.shape[-1], batch.inputs.dim, 7, num_heads=2).double()
    with torch.no_grad():
        encoder.keys.weight.mul_(scale)
    return encoder, batch


def read_by_the_head(encoder, batch, *, reverse):
    seen = []
    handle = encoder.head.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    encoder(batch, reverse=reverse)
    handle.remove()
    looks = encoder.num_heads * len(encoder.references)
    return seen[0].unflatten(1, (looks, -1))


def by_loops(encoder, batch, *, reverse):
    """Averages of channels and inputs, then shares of channels, for each head and reference."""

    def embedded(time):
        angle = encoder.rates * time + encoder.phases
        return torch.cat([angle[:1], torch.sin(angle[1:])])

    inputs = batch.inputs(batch.times).double()
    maps = encoder.keys.weight.chunk(encoder.num_heads)
    looks = [(a, r) for a in maps for r in encoder.references]
    channels, size = batch.values.shape[-1], len(encoder.rates)
    found = torch.zeros(batch.size, len(looks), 2 * channels + inputs.shape[-1]).double()
    for w, length in enumerate(batch.lengths.tolist()):
        times = -batch.times[w, :length] if reverse else batch.times[w, :length]
        for look, (map_, reference) in enumerate(looks):
            query = map_ @ embedded(reference)
            scores = torch.stack([query @ map_ @ embedded(t) for t in times]) / size**0.5
            whole = torch.softmax(scores, dim=0)
            for c in range(channels):
                rows = batch.mask[w, :length, c]
                if rows.any():
                    weights = torch.softmax(scores[rows], dim=0)
                    found[w, look, c] = weights @ torch.asinh(batch.values[w, :length, c][rows])
                    found[w, look, c - channels] = whole[rows].sum()
            found[w, look, channels:-channels] = whole @ inputs[w, :length]
    return found


def test_the_head_reads_a_softmax_over_the_readings_of_each_channel():
    for reverse in (False, True):
        encoder, batch = encoder_and_batch(reverse=reverse)
        assert not batch.mask.all()
        found = read_by_the_head(encoder, batch, reverse=reverse)
        with torch.no_grad():
            expected = by_loops(encoder, batch, reverse=reverse)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_a_kernel_looks_at_its_own_reference_point_at_first():
    encoder, _ = encoder_and_batch()
    offsets = torch.linspace(-4.0, 0.0, 401, dtype=torch.float64)[None]
    weights = encoder._weights(offsets, torch.ones(1, 401, 1, dtype=torch.bool))[0]
    peaks = offsets[0, weights.argmax(dim=0)].unflatten(0, (encoder.num_heads, -1))
    # half the shortest period of the embedding
    torch.testing.assert_close(peaks, encoder.references.expand_as(peaks), rtol=0, atol=0.05)


def test_the_order_of_rows_does_not_matter():
    encoder, batch = encoder_and_batch()
    order = torch.stack(
        [
            torch.cat([torch.randperm(length), torch.arange(length, batch.times.shape[1])])
            for length in batch.lengths.tolist()
        ]
    )
    rows = order[..., None].expand_as(batch.values)
    shuffled = replace(
        batch,
        times=batch.times.gather(1, order),
        values=batch.values.gather(1, rows),
        mask=batch.mask.gather(1, rows),
    )
    assert not torch.equal(shuffled.times, batch.times)
    torch.testing.assert_close(
        encoder(shuffled, reverse=False), encoder(batch, reverse=False), rtol=0, atol=1e-12
    )


def test_a_channel_without_readings_counts_as_zero_with_no_share():
    encoder, batch = encoder_and_batch()
    mask = batch.mask.clone()
    mask[2, :, 1] = False
    read = read_by_the_head(encoder, replace(batch, mask=mask), reverse=False)
    assert torch.equal(read[2, :, 1], torch.zeros_like(read[2, :, 1]))
    assert torch.equal(read[2, :, -1], torch.zeros_like(read[2, :, -1]))
    assert read[2, :, 0].abs().min() > 0


def test_a_channel_far_from_every_reference_still_has_its_average():
    # sharp kernels: readings away from a reference weigh exp(-30) of the nearest, or less
    encoder, batch = encoder_and_batch(scale=100.0)
    encoder, batch = encoder.float(), replace(batch, values=batch.values.float())
    w = int(batch.lengths.argmax())
    mask = batch.mask.clone()
    mask[w, :, 1] = False
    row = int(batch.mask[w, :, 1].nonzero()[0])
    mask[w, row, 1] = True
    read = read_by_the_head(encoder, replace(batch, mask=mask), reverse=False)[w]
    expected = torch.asinh(batch.values[w, row, 1]).expand_as(read[:, 1])
    assert float(expected[0]) != 0.0
    assert read[:, -1].min() < 1e-12
    torch.testing.assert_close(read[:, 1], expected, rtol=1e-6, atol=0)
