"""The likelihood step of a flow in JAX: diffrax with batched Tsit5, exact trace, jitted."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch import Tensor

from latentode.flows import CNF

MAX_STEPS = 256


def _weights(flow: CNF) -> dict[str, Any]:
    net = flow.nets[0]
    as_jax = lambda tensor: jnp.asarray(tensor.detach().numpy())  # noqa: E731
    return {
        "linears": [as_jax(linear.weight.t()) for linear in net.linears],
        **{
            name: (as_jax(part.weight[:, 0]), as_jax(part.bias))
            for name, part in (
                ("biases", net.biases), ("gates", net.gates), ("last_gate", net.last_gate)
            )
        },
    }  # fmt: skip


def _field(weights: Any, widths: tuple[int, ...], t: Any, z: Any) -> Any:
    cuts = np.cumsum(widths)
    table = {
        name: weights[name][0] * t + weights[name][1] for name in ("biases", "gates", "last_gate")
    }
    biases = jnp.split(table["biases"], cuts[:-1])
    gates = jnp.split(jax.nn.sigmoid(table["gates"]), cuts[:-2])
    for matrix, bias, gate in zip(weights["linears"][:-1], biases, gates, strict=False):
        z = jnp.tanh((z @ matrix) * gate + bias)
    return (z @ weights["linears"][-1]) * jax.nn.sigmoid(table["last_gate"]) + biases[-1]


def by_diffrax(
    flow: CNF, x: Tensor, tolerance: float
) -> tuple[Callable[[], Tensor], Callable[[], object]]:
    """Batched Tsit5 with steps by the whole batch, trace by a tangent for each axis."""
    weights, widths = _weights(flow), tuple(flow.nets[0].widths)
    points = jnp.asarray(((x - flow.shift) / flow.scale).numpy())
    dim = points.shape[1]
    log_scale = float(flow.scale.log().sum())

    def augmented(t: Any, state: Any, weights: Any) -> Any:
        field = lambda z: _field(weights, widths, t, z)  # noqa: E731
        slope = field(state[0])
        axes = jnp.eye(dim, dtype=points.dtype)
        tangents = [
            jax.jvp(field, (state[0],), (jnp.broadcast_to(axes[k], points.shape),))[1]
            for k in range(dim)
        ]
        return slope, sum(tangents[k][:, k] for k in range(dim))

    def densities(weights: Any) -> Any:
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(augmented), diffrax.Tsit5(), 1.0, 0.0, None,
            (points, jnp.zeros(len(points))), args=weights,
            stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
            max_steps=MAX_STEPS,
        )  # fmt: skip
        z, ladj = (part[-1] for part in solution.ys)
        base = -0.5 * (z**2 + math.log(2 * math.pi)).sum(-1)
        return base + ladj - log_scale

    density = jax.jit(densities)
    gradient = jax.jit(jax.value_and_grad(lambda weights: -densities(weights).mean()))

    def values() -> Tensor:
        return torch.from_numpy(np.array(density(weights)))

    return values, lambda: jax.block_until_ready(gradient(weights))
