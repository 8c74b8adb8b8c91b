"""Competitors of the benchmarks compute the same thing as we do."""

import copy
from dataclasses import replace

import pytest
import torch

from benchmarks.engine import ours
from benchmarks.engine.model import build_model, draw_noise
from benchmarks.engine.peers_torch import PerGap, TorchODE, UnionGrid, UnionODERNN, union_rows
from benchmarks.engine.subject import differentiate
from benchmarks.engine.workloads import build, distinct_stamps, valid_queries

WORKLOADS = ("W1", "W2")


def small(name):
    sizes, batch = build(name, 0, series=4)
    model = build_model(sizes, "ode_rnn", 0)
    return sizes, batch, model, draw_noise(sizes, batch, 0)


@pytest.mark.parametrize("name", WORKLOADS)
def test_workloads_are_as_described(name):
    sizes, batch = build(name, 0)
    assert batch.size == sizes.series
    assert (batch.times.diff(dim=1) >= 0).all()
    assert batch.mask.any(-1).sum(1).equal(batch.lengths)
    assert not batch.values[~batch.mask].any()
    assert distinct_stamps(batch) == (100 if name == "W1" else pytest.approx(2100, rel=0.05))
    present = batch.mask.sum() / (batch.lengths.sum() * sizes.channels)
    assert present == pytest.approx(sizes.present, abs=0.02)


def test_stamps_change_and_readings_stay():
    lengths = [build("W2", 0, stamps=stamps)[1].lengths for stamps in (80, 800, 0)]
    assert lengths[0].equal(lengths[1])
    assert lengths[0].equal(lengths[2])


@pytest.mark.parametrize("peer", [UnionGrid, PerGap, TorchODE])
@pytest.mark.parametrize("name", WORKLOADS)
def test_decoders_in_torch_agree_in_states_and_gradients(peer, name):
    if peer is TorchODE:
        pytest.importorskip("torchode")
    sizes, batch, model, noise = small(name)
    dynamics = model.dynamics.double()
    cotangent = valid_queries(batch)[..., None] * torch.ones(sizes.latent, dtype=torch.float64)
    cotangent = cotangent.expand(sizes.draws, -1, -1, -1)
    exact = differentiate(ours.Engine("rk4", 400), dynamics, noise.double(), batch, cotangent)
    found = differentiate(peer(1e-8), dynamics, noise.double(), batch, cotangent)
    valid = valid_queries(batch)
    # tolerance of the peer, summed over up to 70 gaps; our dense output has 1e-8 at this step
    torch.testing.assert_close(found[0][:, valid], exact[0][:, valid], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found[1], exact[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_union_grid_is_the_same_ode_rnn_at_small_steps(name):
    _, batch, model, _ = small(name)
    gaps = []
    for refine in (1, 8):
        encoder = copy.deepcopy(model.encoder).double()
        encoder.max_step, encoder.max_substeps = 0.05 / refine, 10_000
        exact = replace(batch, values=batch.values.double())
        with torch.no_grad():
            packed = encoder(exact, reverse=True)
            union = UnionODERNN(encoder, union_rows(exact))(exact, reverse=True)
        gaps.append(float((packed - union).norm() / packed.norm()))
    # Euler: an eighth of the step, about an eighth of the difference
    assert gaps[1] < gaps[0] / 4
    assert gaps[1] < 5e-3


@pytest.mark.slow
@pytest.mark.parametrize("vmapped", [True, False])
@pytest.mark.parametrize("name", WORKLOADS)
def test_jax_computes_our_loss_and_gradient(name, vmapped):
    pytest.importorskip("optax")
    peers_jax = pytest.importorskip("benchmarks.engine.peers_jax")
    import jax

    _, batch, model, noise = small(name)
    value = model.loss(batch, noise, ours.Engine("rk4", 400))
    value.backward()
    decode = peers_jax.Diffrax(vmapped, None if name == "W1" else 97)
    params, data = peers_jax.parameters(model), peers_jax.to_jax(model, batch, noise)
    other, gradient = jax.jit(
        jax.value_and_grad(lambda p: peers_jax.loss(p, data, 1e-6, model.noise, decode))
    )(params)
    # float32 on both sides
    assert float(other) == pytest.approx(value.item(), rel=1e-4)
    for path, expected in (
        (gradient["dynamics"][0][0], model.dynamics.net.layers[0].weight.grad.t()),
        (gradient["cell"]["weight_hh"], model.encoder.cell.weight_hh.grad.t()),
        (gradient["encoder_field"][0][0], model.encoder.field.layers[0].weight.grad.t()),
    ):
        found = torch.tensor(path.tolist())
        assert float((found - expected).norm() / expected.norm()) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("vmapped", [True, False])
def test_the_jax_decoder_returns_states_and_gradients_in_our_layout(vmapped):
    pytest.importorskip("optax")
    peers_jax = pytest.importorskip("benchmarks.engine.peers_jax")
    _, batch, model, noise = small("W1")
    cotangent = torch.ones(3, 4, batch.query_times.shape[1], noise.shape[-1])
    exact = differentiate(ours.Engine("rk4", 400), model.dynamics, noise, batch, cotangent)
    alone = peers_jax.Decoding(
        model.dynamics, noise, batch.query_times, cotangent, peers_jax.Diffrax(vmapped)
    )
    for found, expected in zip(alone.solution(1e-6), exact, strict=True):
        # float32 on both sides
        assert float((found - expected).norm() / expected.norm()) < 1e-4
