"""Long windows in fewer rows: the mean of what was read of a channel, and of nothing else."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from model_cases import case

from latentode.models.encoders.condense import condense


def batch_of_gaps(rows, share, seed=0):
    """Windows of many rows, in which each channel was read in a share of them."""
    _, batch = case(size=3)
    generator = np.random.default_rng(seed)
    shape = (3, rows, batch.values.shape[-1])
    mask = generator.random(shape) < share
    mask[..., 0] |= ~mask.any(-1)  # a row has a reading
    values = np.where(mask, 5.0 + generator.normal(size=shape), 0.0)
    times = np.sort(generator.uniform(-4.0, 0.0, (3, rows)), axis=1)
    tensors = {"times": times, "values": values.astype(np.float32), "mask": mask}
    return replace(
        batch,
        lengths=torch.full((3,), rows),
        **{name: torch.from_numpy(array) for name, array in tensors.items()},
    )


@pytest.mark.parametrize("share", [0.2, 0.7, 1.0])
def test_a_stretch_is_the_mean_of_the_readings_of_each_channel(share):
    batch, most = batch_of_gaps(90, share), 11
    found = condense(batch, most)
    for window in range(batch.size):
        times, values, mask = (
            part[window].numpy() for part in (batch.times, batch.values, batch.mask)
        )
        stretch = np.floor((times - times[0]) / (times[-1] - times[0]) * most).clip(max=most - 1)
        for row, number in enumerate(np.unique(stretch)):
            here = stretch == number
            assert float(found.times[window, row]) == times[here].max()
            for channel in range(values.shape[1]):
                read = values[here & mask[:, channel], channel]
                assert bool(found.mask[window, row, channel]) == (len(read) > 0)
                expected = read.mean(dtype=np.float64) if len(read) else 0.0
                # float32 sums of a hundred numbers near 5
                assert float(found.values[window, row, channel]) == pytest.approx(
                    expected, rel=1e-5
                )
        assert int(found.lengths[window]) == len(np.unique(stretch))
