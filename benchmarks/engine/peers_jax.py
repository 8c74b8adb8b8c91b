"""The competitor in JAX: diffrax for the decoder, a packed scan for the ODE-RNN, all jitted.

The features of the encoder's rows are computed beforehand and cost the competitor nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from torch import Tensor, nn

from benchmarks.engine import ours
from benchmarks.engine.model import STD_FLOOR, LatentODE
from benchmarks.engine.subject import TOLERANCES, Subject
from latentode.data.batches.batch import SeriesBatch
from latentode.models.encoders.base import row_features

Tree = Any
# more than any tolerance here takes; every state is kept, so that nothing is computed twice
MAX_STEPS = 128


def array(tensor: Tensor) -> jax.Array:
    """A torch tensor as a float32 (or int, bool) array."""
    values = tensor.detach().numpy()
    return jnp.asarray(values.astype(np.float32) if values.dtype == np.float64 else values)


def linear_layers(net: nn.Module) -> list[tuple[jax.Array, jax.Array]]:
    """Weights, transposed for ``x @ w + b``, of a multilayer perceptron."""
    return [(array(layer.weight.t()), array(layer.bias)) for layer in net.layers]


def parameters(model: LatentODE) -> Tree:
    """The weights of a model with the ODE-RNN encoder as a tree."""
    cell, field = ours.ode_rnn_parts(model.encoder)
    gru = {
        name: array(value.t() if value.dim() == 2 else value)
        for name, value in cell.named_parameters()
    }
    return {
        "cell": gru,
        "encoder_field": linear_layers(field),
        "posterior": linear_layers(model.posterior),
        "dynamics": linear_layers(model.dynamics.net),
        "head": (array(model.head.weight.t()), array(model.head.bias)),
    }


def mlp(layers: list[tuple[jax.Array, jax.Array]], x: jax.Array) -> jax.Array:
    """Tanh between layers."""
    for weight, bias in layers[:-1]:
        x = jnp.tanh(x @ weight + bias)
    weight, bias = layers[-1]
    return x @ weight + bias


@dataclass(frozen=True)
class Diffrax:
    """Tsit5 with a PID controller.

    Attributes:
        vmapped: True: every row has steps of its own and is read at its own times. False: the
            batch is one state with one sequence of steps.
        grid: Points of a uniform grid that a batch with times of its own is saved on, and read
            from by cubic Hermite interpolation; None saves at the shared times of the batch.
    """

    vmapped: bool
    grid: int | None = None

    def __call__(
        self, dynamics: Tree, z0: jax.Array, times: jax.Array, rtol: jax.Array
    ) -> jax.Array:
        """States (draw, batch, step, latent) at the times (batch, step)."""
        if self.vmapped:
            over_series = jax.vmap(lambda z, ts: self._solve(dynamics, z, ts, rtol))
            return jax.vmap(over_series, in_axes=(0, None))(z0, times)
        if self.grid is None:
            return jnp.moveaxis(self._solve(dynamics, z0, times[0], rtol), 0, 2)
        knots = jnp.linspace(0.0, times.max(), self.grid)
        states = self._solve(dynamics, z0, knots, rtol)  # (knot, draw, batch, latent)
        return hermite(states, mlp(dynamics, states), times / knots[1], knots[1])

    def _solve(self, dynamics: Tree, z0: jax.Array, ts: jax.Array, rtol: jax.Array) -> jax.Array:
        return diffrax.diffeqsolve(
            diffrax.ODETerm(lambda _t, z, layers: mlp(layers, z)),
            diffrax.Tsit5(),
            0.0,
            ts[-1],
            None,
            z0,
            args=dynamics,
            saveat=diffrax.SaveAt(ts=ts),
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=rtol / 10),
            adjoint=diffrax.RecursiveCheckpointAdjoint(checkpoints=MAX_STEPS),
            max_steps=MAX_STEPS,
        ).ys


def hermite(
    states: jax.Array, slopes: jax.Array, position: jax.Array, step: jax.Array
) -> jax.Array:
    """Read (knot, draw, batch, latent) at positions (batch, step) in units of the grid."""
    index = jnp.clip(jnp.floor(position).astype(int), 0, len(states) - 2)
    u = (position - index)[..., None]
    series = jnp.arange(states.shape[2])[:, None]

    def pick(values: jax.Array, where: jax.Array) -> jax.Array:
        # (knot, draw, batch, latent) -> (draw, batch, step, latent)
        return jnp.moveaxis(values, 0, 2)[:, series, where]

    left, right = pick(states, index), pick(states, index + 1)
    left_slope, right_slope = pick(slopes, index), pick(slopes, index + 1)
    return (
        left
        + u * u * (3 - 2 * u) * (right - left)
        + step * u * (1 - u) * ((1 - u) * left_slope - u * right_slope)
    )


@dataclass(frozen=True)
class Packed:
    """The rows of a batch as one sequence of Euler steps and updates, in reading order.

    Attributes:
        features: What is read, (row, batch, feature).
        present: True where a series has this row, (row, batch, 1).
        row: Row that each move belongs to, (move,).
        update: True where a move is the last before its row is read, (move,).
        step: Euler step of each series, 0 where it needs fewer, (move, batch, 1).
    """

    features: jax.Array
    present: jax.Array
    row: jax.Array
    update: jax.Array
    step: jax.Array


def pack(model: LatentODE, batch: SeriesBatch) -> Packed:
    """Lay out a batch for `encode`; the work of a loader, in no timing."""
    features, gaps = row_features(batch, reverse=True)
    counts = ours.euler_counts(model.encoder, gaps)
    rows, updates, steps = [], [], []
    for row, most in enumerate(counts.amax(0).long().tolist()):
        for index in range(most):
            rows.append(row)
            updates.append(index == most - 1)
            steps.append((gaps[:, row] / counts[:, row]) * (index < counts[:, row]))
    present = torch.arange(features.shape[1])[:, None] < batch.lengths
    return Packed(
        features=array(features.transpose(0, 1)),
        present=array(present[..., None]),
        row=jnp.asarray(rows),
        update=jnp.asarray(updates),
        step=array(torch.stack(steps)[..., None]),
    )


def encode(params: Tree, packed: Packed) -> jax.Array:
    """Summaries (batch, hidden): one scan over all moves, the update where a row is reached."""
    cell = params["cell"]
    # all input projections in one product before the scan
    projected = packed.features @ cell["weight_ih"] + cell["bias_ih"]

    def move(state: jax.Array, inputs: tuple[jax.Array, ...]) -> tuple[jax.Array, None]:
        row, update, step = inputs
        state = state + step * mlp(params["encoder_field"], state)
        read = lambda h: jnp.where(packed.present[row], gru(cell, projected[row], h), h)  # noqa: E731
        return jax.lax.cond(update, read, lambda h: h, state), None

    start = jnp.zeros((packed.features.shape[1], len(cell["weight_hh"])))
    return jax.lax.scan(move, start, (packed.row, packed.update, packed.step))[0]


def gru(cell: Tree, projected: jax.Array, state: jax.Array) -> jax.Array:
    """Torch's GRU cell on inputs that are projected already."""
    hidden = state @ cell["weight_hh"] + cell["bias_hh"]
    reset_in, update_in, new_in = jnp.split(projected, 3, axis=-1)
    reset_h, update_h, new_h = jnp.split(hidden, 3, axis=-1)
    reset, update = jax.nn.sigmoid(reset_in + reset_h), jax.nn.sigmoid(update_in + update_h)
    new = jnp.tanh(new_in + reset * new_h)
    return (1 - update) * new + update * state


@dataclass(frozen=True)
class JaxBatch:
    """What the loss needs of a batch beside the packed rows."""

    packed: Packed
    times: jax.Array
    targets: jax.Array
    mask: jax.Array
    noise: jax.Array


for _tree in (Packed, JaxBatch):
    jax.tree_util.register_dataclass(_tree)


def to_jax(model: LatentODE, batch: SeriesBatch, noise: Tensor) -> JaxBatch:
    """A batch as arrays."""
    return JaxBatch(
        pack(model, batch),
        array(batch.query_times),
        array(batch.targets),
        array(batch.target_mask),
        array(noise),
    )


def loss(
    params: Tree, batch: JaxBatch, rtol: jax.Array, sigma: float, decode: Diffrax
) -> jax.Array:
    """`LatentODE.loss` in JAX."""
    mean, raw = jnp.split(mlp(params["posterior"], encode(params, batch.packed)), 2, axis=-1)
    std = jax.nn.softplus(raw) + STD_FLOOR
    states = decode(params["dynamics"], mean + std * batch.noise, batch.times, rtol)
    weight, bias = params["head"]
    error = (batch.targets - (states @ weight + bias)) / sigma * batch.mask
    constant = 0.5 * math.log(2 * math.pi) + math.log(sigma)
    log_likelihood = -0.5 * (error**2).sum((-1, -2)) - constant * batch.mask.sum((-1, -2))
    kl = 0.5 * (mean**2 + std**2 - 1 - 2 * jnp.log(std)).sum(-1)
    return -(log_likelihood.mean(0) - kl).mean()


def iteration(
    model: LatentODE, batch: SeriesBatch, noise: Tensor, decode: Diffrax, rate: float
) -> Callable[[float], float]:
    """A whole training iteration, jitted, as a function of the tolerance; moves its weights."""
    optimizer = optax.adam(rate)
    params, data = parameters(model), to_jax(model, batch, noise)
    state = (params, optimizer.init(params))

    @jax.jit
    def step(state: Tree, data: JaxBatch, rtol: jax.Array) -> tuple[jax.Array, Tree]:
        params, moments = state
        value, gradient = jax.value_and_grad(loss)(params, data, rtol, model.noise, decode)
        updates, moments = optimizer.update(gradient, moments)
        return value, (optax.apply_updates(params, updates), moments)

    def call(rtol: float) -> float:
        nonlocal state
        value, state = jax.block_until_ready(step(state, data, rtol))
        return float(value)

    return call


class Decoding:
    """Decoder alone, jitted: states, and gradients of weights and z0 for a given cotangent.

    Args:
        dynamics: Whose weights are used.
        z0: States at the start, shape (draw, batch, latent).
        times: Query times, shape (batch, step).
        cotangent: Shape of the states.
        decode: The way of solving.
    """

    def __init__(
        self, dynamics: nn.Module, z0: Tensor, times: Tensor, cotangent: Tensor, decode: Diffrax
    ) -> None:
        params, start, at, weight = (
            linear_layers(dynamics.net), array(z0), array(times), array(cotangent)
        )  # fmt: skip

        @jax.jit
        def both(params: Tree, z0: jax.Array, at: jax.Array, rtol: jax.Array) -> Tree:
            states, pull = jax.vjp(lambda p, z: decode(p, z, at, rtol), params, z0)
            return states, pull(weight)

        self._both = lambda rtol: both(params, start, at, rtol)

    def run(self, rtol: float) -> Tree:
        """What is timed."""
        return jax.block_until_ready(self._both(rtol))

    def solution(self, rtol: float) -> tuple[Tensor, Tensor]:
        """States and flat weight gradients in the layout of torch."""
        states, (gradient, _) = self.run(rtol)
        layers = [(_tensor(weight).t().flatten(), _tensor(bias)) for weight, bias in gradient]
        return _tensor(states), torch.cat([part for layer in layers for part in layer])


def calibrated(
    subject: Subject, method: str, decode: Diffrax, target: float
) -> tuple[Decoding, float]:
    """The decoder alone, and the loosest tolerance at which its states have an error."""
    alone = Decoding(
        subject.model.dynamics, subject.z0, subject.batch.query_times, subject.cotangent, decode
    )
    return alone, subject.cheapest(method, target, TOLERANCES, alone.solution)


def encoding(model: LatentODE, batch: SeriesBatch, cotangent: Tensor) -> Callable[[], Tensor]:
    """Encoder alone, jitted: summaries, and gradients of its weights for a given cotangent."""
    params, packed = parameters(model), pack(model, batch)
    params = {name: params[name] for name in ("cell", "encoder_field")}
    weight = array(cotangent)

    @jax.jit
    def both(params: Tree, packed: Packed, weight: jax.Array) -> Tree:
        summary, pull = jax.vjp(lambda p: encode(p, packed), params)
        return summary, pull(weight)

    return lambda: _tensor(jax.block_until_ready(both(params, packed, weight))[0])


def _tensor(values: jax.Array) -> Tensor:
    # copied, as torch has no tensors that cannot be written
    return torch.from_numpy(np.array(values))


def variants(shared_times: bool, target: float) -> dict[str, Diffrax]:
    """The ways to use diffrax at an error; a grid must be fine enough for its interpolation."""
    grid = None if shared_times else (49 if target >= 1e-2 else 97)
    return {
        "diffrax Tsit5, vmapped": Diffrax(vmapped=True),
        "diffrax Tsit5, batched": Diffrax(vmapped=False, grid=grid),
    }
