"""The fixed-step solve of a layered network and its exact gradient, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from latentode.errors import ConfigError
from latentode.ode.networks.layered import Layers
from latentode.ode.networks.second_derivatives import differentiable_gradients
from latentode.ode.networks.tape import Evaluator, Tape
from latentode.ode.solvers.fixed_step import AB4, Walk, walk

# Bytes of tables that are recorded together: on a CPU, what is written in one pass and read in the
# next should still lie in the cache; elsewhere, few large kernels are better than many small ones.
_CHUNK_BYTES = 1 << 22
_DEVICE_CHUNK_BYTES = 1 << 27


def walk_layers(
    layers: Layers, z0: Tensor, plan: Walk, *, once: bool = False
) -> tuple[Tensor, Tensor]:
    """Take all steps as `walk` does, with a backward pass that needs no graph.

    Kept from the forward pass are the states and slopes at the grid points alone, which are the
    result. The backward pass recomputes the activations of many nodes at once, runs the recurrence
    of the cotangents one node at a time, and forms the gradient of each weight as one matrix
    product. It is the gradient of the discrete solution, to rounding. A second derivative
    (``create_graph=True``) is taken through the graph of a plain `walk`.

    Args:
        layers: The network at the nodes of `plan`.
        z0: State at the start, shape (..., batch, latent).
        plan: The steps.
        once: Refuse second derivatives. Inside a checkpoint what was kept comes back without its
            graph, and they would be wrong.

    Returns:
        States and slopes at the grid points, both (step + 1, ..., batch, latent).

    Raises:
        ConfigError: From ``backward()``, if a second derivative is refused.
    """
    shape = z0.shape
    start = z0.reshape(-1, *shape[-2:])  # (draw, batch, latent)
    layers = layers.folded()
    states, slopes = _LayeredWalk.apply(layers, plan, once, start, *layers.tensors())
    return states.view(-1, *shape), slopes.view(-1, *shape)


class _LayeredWalk(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, layers: Layers, plan: Walk, once: bool, z0: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, Tensor]:
        states, slopes = _walk_in_place(layers.with_tensors(tensors), z0, plan)
        ctx.layers, ctx.plan, ctx.once = layers, plan, once
        ctx.save_for_backward(z0, states, slopes, *tensors)
        return states, slopes

    @staticmethod
    def backward(ctx: Any, by_states: Tensor, by_slopes: Tensor) -> tuple[Tensor | None, ...]:
        z0, states, slopes, *tensors = ctx.saved_tensors
        layers = ctx.layers.with_tensors(tensors)
        if torch.is_grad_enabled() and ctx.once:
            raise ConfigError(
                'gradient: expected "backprop" for second derivatives of a network, got '
                '"checkpoint". Solve with gradient="backprop", or leave out create_graph.'
            )
        if torch.is_grad_enabled():
            solution, inputs = walk(layers.evaluate, z0, ctx.plan), (z0, *layers.tensors())
            grads = differentiable_gradients(solution, inputs, (by_states, by_slopes))
            return None, None, None, *grads
        sweep = _Backward(layers, ctx.plan, (states, slopes), (by_states, by_slopes))
        return None, None, None, sweep.run(), *sweep.totals


def _walk_in_place(layers: Layers, z0: Tensor, plan: Walk) -> tuple[Tensor, Tensor]:
    """`walk`, written into tables: states and slopes, both (step + 1, draw, batch, latent)."""
    states = z0.new_empty(plan.steps + 1, *z0.shape)
    slopes = torch.empty_like(states)
    states[0] = z0
    evaluate = Evaluator(layers, z0)
    here, slope = (list(table.flatten(1, 2)) for table in (states, slopes))
    flat, past = list(states.flatten(1)), _windows(slopes.flatten(1))
    weights = _filled(states, AB4[::-1]) * plan.step
    for k in range(plan.steps):
        evaluate(plan.node(k), here[k], slope[k])
        if k < plan.starts:
            _rk4_step(evaluate, plan.node(k), plan.step, here[k], slope[k], here[k + 1])
        else:
            torch.addmv(flat[k], past[k - 3], weights, out=flat[k + 1])
        if plan.done is not None:
            torch.where(plan.done[k], states[k], states[k + 1], out=states[k + 1])
    evaluate(plan.node(plan.steps), here[-1], slope[-1])
    return states, slopes


def _rk4_step(
    evaluate: Evaluator, node: int, step: float, state: Tensor, slope: Tensor, moved: Tensor
) -> None:
    """Write the state behind a step to `moved`."""
    torch.add(state, slope, alpha=step / 6, out=moved)
    stages = ((node + 1, step / 2, step / 3), (node + 1, step / 2, step / 3))
    for stage, reach, weight in (*stages, (node + 2, step, step / 6)):
        start = torch.add(state, slope, alpha=reach)
        slope = torch.empty_like(start)
        evaluate(stage, start, slope)
        moved.add_(slope, alpha=weight)


class _Backward:
    r"""One backward pass: from the last grid point to the first, a chunk of them at a time.

    With :math:`a_k` the cotangent of state k, an AB4 step gives :math:`h\, w_j\, a_{k+1}` to the
    slope at grid point k - j, and an RK4 step the usual chain through its stages.
    """

    def __init__(
        self,
        layers: Layers,
        plan: Walk,
        solution: tuple[Tensor, Tensor],
        cotangents: tuple[Tensor, Tensor],
    ) -> None:
        self.layers = layers
        self.plan = plan
        self.shape = solution[0].shape[1:]
        self.states, self.slopes = (table.flatten(1, 2) for table in solution)
        self.totals = [torch.zeros_like(tensor) for tensor in layers.tensors()]
        by_states, by_slopes = cotangents
        self._by_states = list(by_states.flatten(1, 2))
        self._by_slopes = list(by_slopes.flatten(1))
        # cotangents of the states, nothing beyond the last; of use to slopes as far as the step to
        # the state was taken, by AB4
        self._cotangents = self.states.new_empty(plan.steps + 5, *self.states.shape[1:])
        self._cotangents[plan.steps + 1 :] = 0.0
        self._rows = list(self._cotangents)
        self._used = self._cotangents
        if plan.done is not None:
            self._used = torch.zeros_like(self._cotangents)
        self._users = _windows(self._used.flatten(1))
        self._weights = _filled(self.states, AB4) * plan.step
        widths = sum(weight.shape[-2] for weight in layers.weights)
        node_bytes = 2 * widths * len(self.states[0]) * self.states.element_size()
        on_cpu = self.states.device.type == "cpu"
        self._chunk = max(4, (_CHUNK_BYTES if on_cpu else _DEVICE_CHUNK_BYTES) // node_bytes)

    def run(self) -> Tensor:
        """Cotangent of the initial state, shape (draw, batch, latent)."""
        starts, points = self.plan.starts, self.plan.steps + 1
        like = self.states[0].view(self.shape)
        tape = Tape(self.layers, min(self._chunk, points - starts), like)
        for low, high in _chunks(starts, points, self._chunk):
            self._multistep(tape, low, high)
        size = min(max(1, self._chunk // 4), starts)
        tapes = [Tape(self.layers, size, like) for _ in range(4)] if starts else []
        for low, high in _chunks(0, starts, size):
            self._one_step(tapes, low, high)
        return self._cotangents[0].view(self.shape)

    def _multistep(self, tape: Tape, low: int, high: int) -> None:
        """Back through grid points from `high` - 1 to `low`."""
        nodes = slice(self.plan.node(low), self.plan.node(high - 1) + 1)
        tape.record(nodes, self.states[low:high], last=False)
        for k in range(high - 1, low - 1, -1):
            self._keep_taken(k)
            used = tape.cotangent(k - low)
            torch.addmv(self._by_slopes[k], self._users[k + 1], self._weights, out=used.view(-1))
            base = torch.add(self._rows[k + 1], self._by_states[k])
            tape.pull(k - low, base, self._rows[k])
        tape.add_gradients(self.totals)

    def _keep_taken(self, k: int) -> Tensor:
        """The cotangent of state k + 1, 0 where the step to it was not taken."""
        if self.plan.done is not None and k < self.plan.steps:
            by_series = self._rows[k + 1].view(self.shape)
            self._used[k + 1] = by_series.masked_fill(self.plan.done[k], 0.0).view_as(self._rows[0])
        return self._used[k + 1]

    def _one_step(self, tapes: list[Tape], low: int, high: int) -> None:
        """Back through RK4 steps from `high` - 1 to `low`."""
        step, z, slope = self.plan.step, self.states[low:high], self.slopes[low:high]
        one, two, three, four = tapes
        one.record(slice(2 * low, 2 * high, 2), z, last=False)
        middle = slice(2 * low + 1, 2 * high + 1, 2)
        slope = two.record(middle, torch.add(z, slope, alpha=step / 2))
        slope = three.record(middle, torch.add(z, slope, alpha=step / 2))
        four.record(
            slice(2 * low + 2, 2 * high + 2, 2), torch.add(z, slope, alpha=step), last=False
        )
        nothing, back = torch.zeros_like(z[0]), [torch.empty_like(z[0]) for _ in range(3)]
        for k in range(high - 1, low - 1, -1):
            moved, i = self._keep_taken(k), k - low
            torch.mul(moved, step / 6, out=four.cotangent(i))
            four.pull(i, nothing, back[0])
            torch.add(moved * (step / 3), back[0], alpha=step, out=three.cotangent(i))
            three.pull(i, nothing, back[1])
            torch.add(moved * (step / 3), back[1], alpha=step / 2, out=two.cotangent(i))
            two.pull(i, nothing, back[2])
            by_slope = one.cotangent(i)
            self._multistep_share(k, by_slope)
            by_slope.add_(moved, alpha=step / 6).add_(back[2], alpha=step / 2)
            base = self._rows[k + 1] + self._by_states[k]
            one.pull(i, base.add_(back[0]).add_(back[1]).add_(back[2]), self._rows[k])
        for tape in tapes:
            tape.add_gradients(self.totals)

    def _multistep_share(self, k: int, out: Tensor) -> None:
        """Cotangent of slope k, reached by RK4: as it was read, and as later AB4 steps used it."""
        starts = self.plan.starts
        users, weights = self._used[starts + 1 : k + 5], self._weights[starts - k :]
        if len(weights):
            torch.addmv(self._by_slopes[k], users.flatten(1).mT, weights, out=out.view(-1))
        else:
            out.copy_(self._by_slopes[k].view_as(out))


def _filled(like: Tensor, numbers: Sequence[float]) -> Tensor:
    """Numbers of the host on the device, without a copy, for which the host would wait."""
    return torch.stack([like.new_full((), number) for number in numbers])


def _windows(rows: Tensor) -> list[Tensor]:
    """Four consecutive rows each, as columns, (number, 4)."""
    return list(rows.unfold(0, 4, 1)) if len(rows) >= 4 else []


def _chunks(low: int, high: int, size: int) -> list[tuple[int, int]]:
    """Stretches of at most `size` from the end to the start."""
    return [(max(low, stop - size), stop) for stop in range(high, low, -size)]
