"""Continuous normalizing flow: a density by a solve and an integral along it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from latentode.config import SolverConfig
from latentode.errors import ConfigError, ShapeError
from latentode.flows.base import BaseName, base_of
from latentode.flows.field import ConcatSquash, FlowField
from latentode.flows.regularizers import Regularizer
from latentode.flows.solvers import TRAIN_NODES, TRAIN_SOLVER, check_gap, check_step, finer
from latentode.flows.transport import FlowResult, Route, transport
from latentode.ode.divergence import TraceConfig
from latentode.ode.networks.activations import Activation


class CNF(nn.Module):
    r"""Density of points that a learned field carries from a simple base at s = 0 to s = 1.

    .. math:: \frac{dx}{ds} = T f(sT, x; c), \quad x(0) \sim p_0, \qquad
              \log p(x \mid c) = \log p_0(x(0)) - \int_0^1 \mathrm{tr}\,\partial_x (T f)\,ds

    The points are solved alone and the divergence is integrated by Gauss-Legendre quadrature on
    the dense output, since it does not act back on them. With an adaptive method, or the adjoint,
    point and integral are one solve through torchdiffeq instead: the reference, and the way to
    constant memory.

    In training mode the trace is as `trace` says and the solver is `solver`. In evaluation mode the
    trace is exact and the steps are four times finer, and the difference to `solver` is measured:
    beyond 0.05 nat a density is refused, as the training has then been of another model. Training
    by `fit_flow` watches the difference and refines the solver in time; see `refine`.

    Args:
        dim: Size of a point.
        context_dim: Size of the context that the density is conditional on.
        hidden_dims: Hidden layers; up to two have a closed-form trace in any dimension.
        activation: Smooth activation.
        blocks: Flows one after the other.
        base: "normal", or "student_t" for heavy tails.
        trace: How the divergence is found in training.
        solver: Solver of training, on a clock from 0 to 1.
        learn_end_time: Whether T is learned, else 1.
        steer: STEER: in training T is multiplied by a uniform number within 1 +- steer.

    Reference:
        Chen, Rubanova, Bettencourt, Duvenaud (2018), https://arxiv.org/abs/1806.07366; Grathwohl et
        al. (2019), FFJORD, https://arxiv.org/abs/1810.01367.

    Example:
        >>> flow = CNF(2)
        >>> flow.log_prob(torch.zeros(5, 2)).shape
        torch.Size([5])
    """

    waits_for_device = True  # solves are checked: no training step with one is a CUDA graph
    shift: Tensor
    scale: Tensor
    refinements: Tensor

    def __init__(
        self,
        dim: int,
        *,
        context_dim: int = 0,
        hidden_dims: tuple[int, ...] = (64, 64),
        activation: Activation = "tanh",
        blocks: int = 1,
        base: BaseName = "normal",
        trace: TraceConfig = TraceConfig(),  # noqa: B008 -- frozen
        solver: SolverConfig = TRAIN_SOLVER,
        learn_end_time: bool = False,
        steer: float = 0.0,
    ) -> None:
        super().__init__()
        _check_sizes(dim, blocks, steer)
        check_step(solver)
        self.dim, self.context_dim = dim, context_dim
        self.trace, self.solver, self.steer = trace, solver, steer
        self.nodes, self._refined = TRAIN_NODES, 0
        self.base = base_of(base, dim)
        self.nets = nn.ModuleList(
            ConcatSquash(dim, context_dim, hidden_dims, activation) for _ in range(blocks)
        )
        roots = torch.ones(blocks)
        self.root_end_time = nn.Parameter(roots) if learn_end_time else None
        self.register_buffer("shift", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(dim))
        self.register_buffer("refinements", torch.zeros((), dtype=torch.int64))
        self.register_load_state_dict_post_hook(CNF._take_up_refinements)

    def refine(self, levels: int = 1) -> None:
        """Take a quarter more steps, and nodes of the quadrature, in training.

        How often that was done is part of the state, and taken up when it is loaded.

        Args:
            levels: How often; below 0 takes refinements back, as far as there are any.
        """
        self._refine_to(max(0, self._refined + levels))
        self.refinements.fill_(self._refined)

    def _refine_to(self, count: int) -> None:
        assert self.solver.step_size is not None
        step = self.solver.step_size / 1.25 ** (count - self._refined)
        self.solver = self.solver.model_copy(update={"step_size": step})
        self.nodes, self._refined = round(TRAIN_NODES * 1.25**count), count

    def _take_up_refinements(self, _keys: object) -> None:
        self._refine_to(int(self.refinements))

    @property
    def end_times(self) -> Tensor:
        """T of each block, shape (block,): a square, so that it stays positive."""
        if self.root_end_time is None:
            return self.shift.new_ones(len(self.nets))
        return self.root_end_time.square()

    def standardize(self, mean: Tensor, std: Tensor) -> None:
        """Let the flow act on (x - mean) / std; densities stay those of x.

        Args:
            mean: Shape (dim,).
            std: Positive, shape (dim,).

        Raises:
            ShapeError: If a standard deviation is not positive.
        """
        if not bool((std > 0).all()):
            raise ShapeError(
                f"std: expected positive numbers, got {std.tolist()}. Drop the column."
            )
        self.shift.copy_(mean)
        self.scale.copy_(std)

    def evaluate(
        self,
        x: Tensor,
        context: Tensor | None = None,
        *,
        observed: Tensor | None = None,
        regularizers: Sequence[Regularizer] = (),
        generator: torch.Generator | None = None,
        trace: TraceConfig | None = None,
        solver: SolverConfig | None = None,
    ) -> FlowResult:
        """Log-density of points, with all that is known about how it was found.

        Args:
            x: Points, shape (..., dim), or (..., batch, dim) with a context.
            context: Shape (batch, context).
            observed: True for the axes that are there, shape (batch, dim), the batch axis being
                that of `x` before `dim`; the density is over these, and the trace, too. What
                stands in the others does not matter. None for all.
            regularizers: Integrals to take along the same paths, summed over blocks.
            generator: Source of probes and of the end time of STEER.
            trace: In place of what the mode of the module asks for.
            solver: Likewise; no gap is measured then.

        Returns:
            Where the points come from in the base, log-densities in nats of x, and the rest.

        Raises:
            ShapeError: If points or context have another size.
            SolverError: If the solve fails, or in evaluation mode the gap is too large.
        """
        points, context = self._arrange(x, context)
        plan = self._route(context, regularizers, generator, trace, solver, observed)
        result, log_prob = self._density(points, plan)
        gap = None
        if not self.training and solver is None and result.trace != "hutchinson":
            gap = self._gap(points, log_prob, plan)
            check_gap(gap, log_prob.numel())
        return result.finished(result.value.reshape(x.shape), log_prob.reshape(x.shape[:-1]), gap)

    def log_prob(
        self, x: Tensor, context: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Log-density in nats, shape of `x` without its last axis; see `evaluate`.

        Args:
            x: Points, shape (..., dim), or (..., batch, dim) with a context.
            context: Shape (batch, context).
            generator: Source of probes and of the end time of STEER.
        """
        return self.evaluate(x, context, generator=generator).log_prob

    def rsample_and_log_prob(
        self,
        shape: tuple[int, ...] = (),
        context: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> FlowResult:
        """Draws and their log-density in one solve, both differentiable.

        Args:
            shape: Shape of the draws; a context adds its own batch.
            context: Shape (batch, context).
            generator: Source of draws and probes.

        Returns:
            Points of shape ``(*shape, dim)`` or ``(*shape, batch, dim)`` in ``value``, and
            log-densities.
        """
        return self.push(self._draw(shape, context, generator), context, generator=generator)

    def push(
        self, z: Tensor, context: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> FlowResult:
        """Carry points of the base to the data, with the log-density that they have there.

        Args:
            z: Points, shape (..., dim), or (..., batch, dim) with a context.
            context: Shape (batch, context).
            generator: Source of probes.
        """
        points, context = self._arrange(z, context)
        plan = self._route(context, (), generator, None, None)
        result = transport(plan, points, backward=False)
        log_prob = self.base.log_prob(points) - result.log_det - self.scale.log().sum()
        x = (self.shift + self.scale * result.value).reshape(z.shape)
        return result.finished(x, log_prob.reshape(z.shape[:-1]), None)

    def rsample(
        self,
        shape: tuple[int, ...] = (),
        context: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Differentiable draws; see `rsample_and_log_prob`, whose density is not computed here.

        Args:
            shape: Shape of the draws; a context adds its own batch.
            context: Shape (batch, context).
            generator: Source of draws.
        """
        return self.forward(self._draw(shape, context, generator), context)

    @torch.no_grad()
    def sample(
        self,
        shape: tuple[int, ...] = (),
        context: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draws without gradient; see `rsample`.

        Args:
            shape: Shape of the draws; a context adds its own batch.
            context: Shape (batch, context).
            generator: Source of draws.
        """
        return self.rsample(shape, context, generator=generator)

    def forward(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """Carry points of the base, shape as in `evaluate`, to points of the density."""
        points, context = self._arrange(z, context)
        plan = self._route(context, (), None, None, None)
        x = transport(plan, points, backward=False, density=False).value
        return (self.shift + self.scale * x).reshape(z.shape)

    def inverse(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Carry points of the density back to the base; inverts `forward` to the solver's error."""
        points, context = self._arrange(x, context)
        plan = self._route(context, (), None, None, None)
        standard = (points - self.shift) / self.scale
        return transport(plan, standard, backward=True, density=False).value.reshape(x.shape)

    def fields(
        self,
        context: Tensor,
        generator: torch.Generator | None = None,
        observed: Tensor | None = None,
    ) -> tuple[FlowField, ...]:
        """The field of each block for a context (batch or 1, context), on a clock from 0 to 1.

        Args:
            context: Shape (batch or 1, context).
            generator: Source of the end time of STEER, drawn in training mode.
            observed: True for the axes that move, shape (batch, dim); None for all.
        """
        end_times = self.end_times
        if self.training and self.steer > 0:
            uniform = torch.rand(
                len(end_times), generator=generator, dtype=end_times.dtype, device=end_times.device
            )
            end_times = end_times * (1 + self.steer * (2 * uniform - 1))
        return tuple(
            FlowField(net, context, end_time, observed)  # type: ignore[arg-type]
            for net, end_time in zip(self.nets, end_times, strict=True)
        )

    def _route(
        self,
        context: Tensor,
        regularizers: Sequence[Regularizer],
        generator: torch.Generator | None,
        trace: TraceConfig | None,
        solver: SolverConfig | None,
        observed: Tensor | None = None,
    ) -> Route:
        if solver is None:
            solver = self.solver if self.training else finer(self.solver)
        check_step(solver)
        nodes = self.nodes if solver is self.solver else 2 * self.nodes
        if trace is None:
            trace = self.trace if self.training else TraceConfig("exact")
        fields = self.fields(context, generator, observed)
        return Route(fields, trace, solver, nodes, tuple(regularizers), generator)

    def _density(self, points: Tensor, plan: Route) -> tuple[FlowResult, Tensor]:
        observed = plan.fields[0].observed
        standard, log_scale = (points - self.shift) / self.scale, self.scale.log()
        if observed is not None:
            standard = standard.masked_fill(~observed, 0.0)
            log_scale = log_scale.expand_as(observed).masked_fill(~observed, 0.0)
        result = transport(plan, standard, backward=True)
        at_base = self.base.log_prob(result.value, observed)
        return result, at_base - result.log_det - log_scale.sum(-1)

    @torch.no_grad()
    def solver_gap(self, x: Tensor, context: Tensor | None = None) -> float:
        """What solver and quadrature of training claim more than finer ones, in nats on average."""
        points, context = self._arrange(x, context)
        exact, source = TraceConfig("exact"), torch.Generator(points.device).manual_seed(0)
        fine = self._route(context, (), source, exact, finer(self.solver))
        return self._gap(points, self._density(points, fine)[1], fine)

    @torch.no_grad()
    def _gap(self, points: Tensor, fine: Tensor, plan: Route) -> float:
        coarse = replace(plan, solver=self.solver, nodes=self.nodes, regularizers=())
        return float((self._density(points, coarse)[1] - fine).mean())

    def _draw(
        self, shape: tuple[int, ...], context: Tensor | None, generator: torch.Generator | None
    ) -> Tensor:
        rows = () if context is None else (len(context),)
        return self.base.rsample((*shape, *rows), self.shift, generator)

    def _arrange(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Points as (draw, batch, dim), and the context as (batch or 1, context)."""
        if x.shape[-1:] != (self.dim,):
            raise ShapeError(
                f"points: expected a last axis of {self.dim}, got shape {tuple(x.shape)}. "
                "Give one row a point."
            )
        if not self.context_dim and context is None:
            return x.reshape(1, -1, self.dim), x.new_zeros(1, 0)
        rows = x.shape[-2] if x.dim() > 1 else None
        if context is None or context.shape != (rows, self.context_dim):
            got = "None" if context is None else str(tuple(context.shape))
            raise ShapeError(
                f"context: expected shape ({rows}, {self.context_dim}) for points of shape "
                f"{tuple(x.shape)}, got {got}. Give one row a point of the batch axis."
            )
        return x.reshape(-1, *x.shape[-2:]), context


def _check_sizes(dim: int, blocks: int, steer: float) -> None:
    if dim < 1 or blocks < 1:
        raise ConfigError(f"dim, blocks: expected 1 or more, got {dim} and {blocks}. Raise them.")
    if not 0 <= steer < 1:
        raise ConfigError(
            f"steer: expected a share of the end time in [0, 1), got {steer}. Choose about 0.25."
        )
