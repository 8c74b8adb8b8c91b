"""Points along the fields of a flow, with the log-determinant of the way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from latentode import ode
from latentode.config import SolverConfig
from latentode.flows.field import FlowField
from latentode.flows.regularizers import Regularizer, regularizers_on_nodes
from latentode.ode.divergence import TraceConfig, TraceUsed, choose_trace, divergence, draw_probes
from latentode.ode.fields import FieldFunction
from latentode.ode.quadrature import unit_rule


@dataclass(frozen=True)
class Route:
    """How points are carried.

    Attributes:
        fields: Field of each block, on a clock from 0 to 1.
        trace: How the divergence is found.
        solver: How each block is solved.
        nodes: Gauss-Legendre nodes of the integrals, on the whole clock: where the dense output is
            accurate, one rule for all of it beats one rule a step.
        regularizers: Integrals to take along the paths.
        generator: Source of probes.
    """

    fields: tuple[FlowField, ...]
    trace: TraceConfig
    solver: SolverConfig
    nodes: int
    regularizers: tuple[Regularizer, ...]
    generator: torch.Generator | None


@dataclass(frozen=True)
class FlowResult:
    """Where points went, and how.

    Attributes:
        value: The points at the other end.
        log_prob: Log-density in nats of the data-side points.
        log_det: Logarithm of the determinant of the way from base to data in standardised units.
        regularizers: Integrals along the paths by name, one a point, summed over blocks.
        trace: How the divergence was found.
        solver: What solved.
        nfe: Evaluations of the field: those of the solver and of the quadrature.
        solver_gap: Mean difference in nats between training's solver and this one, where measured.
    """

    value: Tensor
    log_det: Tensor
    regularizers: dict[str, Tensor]
    trace: TraceUsed
    solver: SolverConfig
    nfe: int
    log_prob: Tensor = field(default_factory=lambda: torch.empty(0))
    solver_gap: float | None = None
    _counts: tuple[_Counted, ...] = ()

    @property
    def nfe_backward(self) -> int:
        """Evaluations of the backward pass: a VJP for each evaluation, or the adjoint's so far."""
        if self.solver.gradient == "backprop":
            return self.nfe
        return sum(counted.calls for counted in self._counts) - self.nfe

    def finished(self, value: Tensor, log_prob: Tensor, gap: float | None) -> FlowResult:
        """The result with its density, its tensors in the caller's shape.

        Args:
            value: The points at the other end, in the caller's shape.
            log_prob: Their log-density in nats, whose shape the rest takes.
            gap: Mean difference in nats to training's solver; None where it was not measured.
        """
        shape = log_prob.shape
        return replace(
            self,
            value=value,
            log_prob=log_prob,
            log_det=self.log_det.reshape(shape),
            regularizers={k: v.reshape(shape) for k, v in self.regularizers.items()},
            solver_gap=gap,
        )


def transport(route: Route, points: Tensor, *, backward: bool, density: bool = True) -> FlowResult:
    """Carry points from base to data, or backward, through all blocks.

    Args:
        route: How.
        points: Shape (draw, batch, dim), standardised.
        backward: From data to base.
        density: Whether the log-determinant is needed; it is 0 otherwise.

    Returns:
        Points at the other end, and the log-determinant from base to data.

    Raises:
        SolverError: If a solve fails.
    """
    log_det = points.new_zeros(points.shape[:-1])
    used: TraceUsed = choose_trace(route.fields[0], points, route.trace)
    totals: dict[str, Tensor] = {}
    counts = []
    # before all else that draws, so that an estimate does not depend on the regularisers
    probes = [
        draw_probes(points, route.trace, route.generator) if used == "hutchinson" else None
        for _ in route.fields
    ]
    blocks = reversed(route.fields) if backward else route.fields
    for block, probe in zip(blocks, probes, strict=True):
        points, change, integrals, counted = _through(
            route, block, points, backward, used if density else None, probe
        )
        log_det = log_det + change
        for name, value in integrals.items():
            totals[name] = totals[name] + value if name in totals else value
        counts.append(counted)
    nfe = sum(counted.calls for counted in counts)
    return FlowResult(points, log_det, totals, used, route.solver, nfe, _counts=tuple(counts))


class _Counted:
    """A field that counts its calls, for the solves that go through torchdiffeq."""

    def __init__(self, fn: FieldFunction, calls: int = 0) -> None:
        self._fn = fn
        self.calls = calls

    def __call__(self, t: Tensor, state: Tensor) -> Tensor:
        self.calls += 1
        return self._fn(t, state)


def _through(
    route: Route,
    block: FlowField,
    points: Tensor,
    backward: bool,
    used: TraceUsed | None,
    probes: Tensor | None,
) -> tuple[Tensor, Tensor, dict[str, Tensor], _Counted]:
    """Points at the other end of a block, change of the log-determinant, integrals, evaluations."""
    begin, end = (1.0, 0.0) if backward else (0.0, 1.0)
    coupled = route.solver.method not in ("rk4", "ab4") or route.solver.gradient != "backprop"
    if coupled:
        used = used or "exact"
        counted = _Counted(_with_trace(block, used, probes))
        start = torch.cat([points, torch.zeros_like(points[..., :1])], -1)
        params = [*block.net.parameters(), block.context, block.end_time]
        path = ode.solve(counted, start, begin, end, route.solver, params=params)
    else:
        path = ode.solve(block, points, begin, end, route.solver)
        counted = _Counted(block, path.stats.nfe)
        if used is None:
            return path.at(end)[..., 0, :], points.new_zeros(()), {}, counted
    nodes, weights = (part.to(points.device) for part in unit_rule("gauss_legendre", route.nodes))
    read = path.at(torch.cat([nodes, nodes.new_tensor([end])]))
    carried = read[..., : points.shape[-1]]  # (draw, batch, node + 1, dim)
    states = carried[..., :-1, :].movedim(-2, 0)
    if coupled:
        change = -read[..., -1, -1] if backward else read[..., -1, -1]
    else:
        slopes = divergence(block, nodes, states, used, probes)[1]
        change = torch.tensordot(weights.to(slopes.dtype), slopes, 1)
        counted.calls += len(nodes)
    integrals = regularizers_on_nodes(
        block, nodes, states, weights, route.regularizers, route.generator
    )
    return carried[..., -1, :], change, integrals, counted


def _with_trace(block: FlowField, used: TraceUsed, probes: Tensor | None) -> FieldFunction:
    """The field of a point and its log-determinant as one state, (draw, batch, dim + 1)."""

    def augmented(t: Tensor, state: Tensor) -> Tensor:
        slope, trace = divergence(block, t.double()[None], state[None, ..., :-1], used, probes)
        return torch.cat([slope[0], trace[0, ..., None]], -1)

    return augmented
