"""Summaries of windows, against numpy one channel at a time."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model_cases import case, double, irregular_log

from latentode.models.nn.summaries import SPANS, SUMMARIES, summaries


def by_hand(times, values, end):
    """Numbers of the readings (times, values) of one channel in a window that ends at `end`."""
    if not len(times):
        return np.concatenate([[0.0, np.log1p(100.0)], np.zeros(SUMMARIES - 2)])
    below, blocks = values - values[-1], []
    for span in SPANS:
        inside = times >= end - span
        t, v = times[inside], below[inside]
        slope = np.polyfit(t - end, v, 1)[0] * span if len(t) > 1 else 0.0
        slope = np.clip(slope, -10.0, 10.0)
        empty = [0.0] * 6
        found = (
            [v.mean(), v.std(), slope, np.log1p(len(v)) / 4, v.max(), v.min()] if len(v) else empty
        )
        blocks.append(found)
    mean, deviation, slope, count, greatest, least = np.array(blocks).T
    ends = np.stack([greatest, least], axis=1).ravel(order="F")
    head = [values[-1], np.log1p(end - times[-1])]
    return np.concatenate([head, mean, deviation, slope, count, ends])


@given(seed=st.integers(0, 10_000))
def test_the_numbers_are_those_of_numpy(seed):
    _, batch = case(irregular_log((40, 25, 3), seed=seed))
    batch = double(batch)
    found = summaries(batch)
    for w in range(batch.size):
        times = batch.times[w].numpy()
        for c in range(batch.values.shape[-1]):
            seen = batch.mask[w, :, c].numpy()
            own = by_hand(times[seen], batch.values[w, seen, c].numpy(), times[-1])
            np.testing.assert_allclose(found.numbers[w, c], own, rtol=1e-7, atol=1e-9)


def test_what_is_absolute_has_the_newest_reading_added_to_means_and_extremes():
    _, batch = case()
    found = summaries(double(batch))
    absolute = found.absolute()
    level = found.level[:, 0]
    relative = [*range(2, 5), *range(14, 20)]
    torch.testing.assert_close(
        absolute[..., relative], found.numbers[..., relative] + level[..., None]
    )
    rest = sorted(set(range(SUMMARIES)) - set(relative))
    assert torch.equal(absolute[..., rest], found.numbers[..., rest])


def test_a_channel_without_readings_is_old_and_otherwise_zero():
    _, batch = case()
    blank = replace(batch, mask=torch.zeros_like(batch.mask), values=torch.zeros_like(batch.values))
    found = summaries(blank)
    assert torch.isinf(found.last).all()
    assert found.numbers[..., 1] == pytest.approx(np.log1p(100.0))
    assert (found.numbers[..., [0, *range(2, SUMMARIES)]] == 0).all()


def test_an_outlier_of_a_million_scales_moves_no_number_by_more_than_tens():
    _, batch = case()
    values = torch.where(batch.mask, 1e6 * torch.randn_like(batch.values), 0.0)
    found = summaries(replace(batch, values=values))
    for numbers in (found.numbers, found.absolute()):
        assert torch.isfinite(numbers).all()
        assert numbers.abs().max() < 60.0


def test_a_shift_of_all_readings_moves_the_level_alone():
    _, batch = case()
    batch = double(batch)
    moved = replace(batch, values=torch.where(batch.mask, batch.values + 3.0, 0.0))
    before, after = summaries(batch), summaries(moved)
    seen = batch.mask.any(1)
    torch.testing.assert_close(after.level[:, 0][seen], before.level[:, 0][seen] + 3.0)
    torch.testing.assert_close(after.numbers[..., 1:], before.numbers[..., 1:])
