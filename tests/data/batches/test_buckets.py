"""Batches that are padded to few shapes say the same."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model_cases import case, double, noise_for, tensors

from latentode.data.batches.buckets import bucket, bucketed


@given(st.integers(1, 5000))
def test_a_bucket_is_the_least_that_holds_a_size(size):
    held = bucket(size)
    assert held >= size
    assert bucket(held) == held
    assert held == 16 or bucket(held - 15) == held
    # at most a fifth is padding, but for small sizes
    assert held - size < max(16, 0.25 * held)


def test_there_are_few_buckets_and_128_is_one():
    assert len({bucket(size) for size in range(1025)}) == 8 + 12 + 8
    assert bucket(128) == 128


@pytest.mark.parametrize("encoder", ["rnn", "ode_rnn", "attention"])
@pytest.mark.parametrize("anchor", ["origin", "start"])
def test_a_padded_batch_has_the_log_likelihoods_of_the_batch(encoder, anchor):
    model, batch = case(model__encoder=encoder, model__anchor=anchor)
    padded = bucketed(batch, model.solver.step_size)
    assert padded.times.shape[1] == 16 * -(-batch.times.shape[1] // 16)
    assert padded.inputs.knot_times.shape[1] == 16
    noise = noise_for(batch)
    with torch.no_grad():
        for one, other in zip(model(batch, noise), model(padded, noise), strict=True):
            assert torch.allclose(one, other, rtol=1e-6, atol=1e-6)


def test_a_padded_batch_has_the_gradients_of_the_batch():
    model, batch = case()
    model, batch = model.double(), double(batch)
    noise = noise_for(batch).double()

    def gradients(windows):
        loss = sum(term.sum() for term in model(windows, noise))
        return torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)

    padded = bucketed(batch, model.solver.step_size)
    assert padded.upper > batch.upper
    for one, other in zip(gradients(batch), gradients(padded), strict=True):
        assert (one is None and other is None) or torch.allclose(one, other, rtol=1e-9, atol=1e-9)


def test_spans_are_rounded_outward_to_buckets_of_steps():
    _, batch = case()
    padded = bucketed(batch, 0.05)
    for one, other in ((-batch.lower, -padded.lower), (batch.upper, padded.upper)):
        steps = other / 0.05
        assert other >= one
        assert steps == pytest.approx(bucket(round(steps)), abs=1e-9)
    # a side without a span stays without
    assert bucketed(replace(batch, lower=0.0), 0.05).lower == 0.0


def test_a_batch_of_bucket_sizes_stays_as_it_is():
    model, batch = case()
    once = bucketed(batch, model.solver.step_size)
    again = bucketed(once, model.solver.step_size)
    assert (again.lower, again.upper) == (once.lower, once.upper)
    assert all(torch.equal(tensors(again)[name], x) for name, x in tensors(once).items())
