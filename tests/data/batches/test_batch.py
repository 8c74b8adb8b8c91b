import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model_cases import case, irregular_log, tensors

from latentode.data.batches.window_arrays import Rows


@given(counts=st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_padding_repeats_the_last_time_and_shows_nothing(counts):
    window = np.repeat(np.arange(len(counts)), counts)
    times = np.concatenate([np.arange(n) + 10.0 * w for w, n in enumerate(counts)])
    values = np.stack([times, np.where(times % 2 == 0, np.nan, times)], axis=1)
    padded, grid, lengths = Rows(window, times, values).pad(len(counts))
    assert lengths.tolist() == counts
    assert padded.shape == (len(counts), max(max(counts), 1))
    assert np.isfinite(padded).all()
    for w, n in enumerate(counts):
        np.testing.assert_array_equal(padded[w, :n], times[window == w])
        np.testing.assert_array_equal(grid[w, :n], values[window == w])
        assert np.isnan(grid[w, n:]).all()
        assert (padded[w, n:] == (padded[w, n - 1] if n else 0.0)).all()


@pytest.mark.parametrize("anchor", ["origin", "start"])
def test_no_tensor_of_a_batch_holds_a_nan(anchor):
    _, batch = case(irregular_log((30, 4, 1)), size=12, model__anchor=anchor)
    assert not batch.mask.all()
    for name, tensor in tensors(batch).items():
        assert not torch.isnan(tensor).any(), name
        if name != "inputs.knot_times":  # padded by +inf: never reached
            assert torch.isfinite(tensor.double()).all(), name


def test_what_is_not_observed_is_zero_under_a_false_mask():
    _, batch = case(size=12)
    for values, mask in ((batch.values, batch.mask), (batch.targets, batch.target_mask)):
        assert (values[~mask] == 0).all()
        assert (values[mask] != 0).any()
    beyond = torch.arange(batch.times.shape[1]) >= batch.lengths[:, None]
    assert not batch.mask[beyond].any()


def test_times_are_float64_and_values_float32():
    _, batch = case()
    kinds = {name: tensor.dtype for name, tensor in tensors(batch).items()}
    wide = {"times", "query_times", "shift", "inputs.phases", "inputs.rates", "inputs.knot_times"}
    assert {name for name, kind in kinds.items() if kind == torch.float64} == wide
    narrow = {"values", "targets", "static", "inputs.knot_values"}
    assert {name for name, kind in kinds.items() if kind == torch.float32} == narrow


def test_selecting_windows_takes_every_part_along():
    _, batch = case()
    index = torch.tensor([4, 1, 1])
    chosen = batch.select(index)
    assert chosen.size == 3
    for name, tensor in tensors(batch).items():
        expected = tensor if name == "inputs.rates" else tensor[index]
        assert torch.equal(tensors(chosen)[name], expected), name
    assert (chosen.lower, chosen.upper) == (batch.lower, batch.upper)


def test_moving_a_batch_moves_every_tensor(device):
    _, batch = case()
    moved = batch.to(device)
    assert {tensor.device.type for tensor in tensors(moved).values()} == {device.type}
    for name, tensor in tensors(moved).items():
        assert torch.equal(tensor.cpu(), tensors(batch)[name]), name


def test_static_covariates_are_scaled_by_the_training_statistics():
    log = irregular_log((30, 20, 10))
    _, batch = case(log, size=20)
    scaled = (log.static - log.static.mean(axis=0)) / log.static.std(axis=0)
    rows = np.unique(batch.static.numpy().round(5), axis=0)
    np.testing.assert_allclose(rows, np.unique(scaled.round(5), axis=0), atol=2e-5)


def test_an_unknown_static_covariate_is_zero():
    log = irregular_log((30, 20, 10))
    log.static[1, 0] = np.nan
    _, batch = case(log, size=20)
    assert torch.isfinite(batch.static).all()
    assert (batch.static[:, 0] == 0).any()
