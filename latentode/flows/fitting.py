"""Fitting a flow to data: a warm start by flow matching, then maximum likelihood."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from latentode.errors import TrainingError
from latentode.flows.adam import AdamW
from latentode.flows.cnf import CNF
from latentode.flows.flow_matching import Pairing, flow_matching_loss
from latentode.flows.regularizers import Regularizer
from latentode.flows.solvers import LARGEST_GAP

_LOG = logging.getLogger(__name__)
_CLIP_NORM = 5.0  # of a gradient: one odd batch does not throw the flow off
_CHECKED_ROWS = 1_000  # of the training rows: by these the result is reported
_AVERAGED = 0.02  # weight of the newest loss in the mean that is reported: about 50 steps
# how often the solver is watched in training, on how many rows, how often refined at once: above
# half the gap that is refused in the end; below a sixteenth of that, a longer step is tried
_WATCHED_STEPS, _WATCHED_ROWS, _REFINEMENTS = 50, 512, 6
_WATCHED_GAP, _EASY_GAP = LARGEST_GAP / 2, LARGEST_GAP / 16


@dataclass(frozen=True)
class FlowFitConfig:
    """How a flow is fitted.

    Attributes:
        warm_up_steps: Steps of flow matching; 0 for maximum likelihood from the start.
        steps: Steps of maximum likelihood, with the trace of the flow.
        batch_size: Rows a step.
        warm_up_lr: First step size of flow matching, decayed to 0 by a cosine.
        lr: First step size of maximum likelihood, likewise.
        pairing: Pairs of flow matching.
        regularizers: Weights of regularisers in maximum likelihood.
    """

    warm_up_steps: int = 4_000
    steps: int = 500
    batch_size: int = 512
    warm_up_lr: float = 2e-3
    lr: float = 1e-3
    pairing: Pairing = "independent"
    regularizers: Mapping[Regularizer, float] = field(default_factory=dict)


@dataclass(frozen=True)
class FlowFitReport:
    """What came of it.

    Attributes:
        warm_up_loss: Flow-matching loss of the last steps, nan without a warm start.
        nll: Negative log-density in nats a row of the first rows, exact trace and fine solver.
        solver_gap: What the solver of training would have said instead, less `nll`, in nats.
        trace: How the divergence was found for `nll`.
    """

    warm_up_loss: float
    nll: float
    solver_gap: float
    trace: str


def fit_flow(
    flow: CNF,
    x: Tensor,
    context: Tensor | None = None,
    *,
    config: FlowFitConfig = FlowFitConfig(),
    generator: torch.Generator | None = None,
) -> FlowFitReport:
    """Fit a flow in place, and leave it in evaluation mode.

    Args:
        flow: The flow; its standardisation is taken as it is.
        x: Rows, shape (row, dim).
        context: Their contexts, shape (row, context).
        config: Steps and their sizes.
        generator: Source of batches, draws and probes.

    Returns:
        Losses, and the gap between the solver of training and a finer one.

    Raises:
        TrainingError: If the loss or its gradient is not finite.
        SolverError: If a solve fails, or the gap stays above 0.05 nat.
    """
    batches = _batches(x, context, min(config.batch_size, len(x)), generator)
    flow.train()

    def match() -> Tensor:
        return flow_matching_loss(flow, *next(batches), pairing=config.pairing, generator=generator)

    def likelihood() -> Tensor:
        names = tuple(config.regularizers)
        result = flow.evaluate(*next(batches), regularizers=names, generator=generator)
        loss = -result.log_prob.mean()
        for name, weight in config.regularizers.items():
            loss = loss + weight * result.regularizers[name].mean()
        return loss

    warm_up_loss = descend(flow, match, config.warm_up_steps, config.warm_up_lr)
    descend(flow, likelihood, config.steps, config.lr, lambda: keep_accurate(flow, *next(batches)))
    flow.eval()
    rows = slice(0, _CHECKED_ROWS)
    with torch.no_grad():
        result = flow.evaluate(x[rows], None if context is None else context[rows])
    gap = math.nan if result.solver_gap is None else -result.solver_gap
    report = FlowFitReport(warm_up_loss, -float(result.log_prob.mean()), gap, result.trace)
    _LOG.info(
        "flow: NLL %.4f nats a row (%s trace), %+.4f by the solver of training",
        report.nll,
        report.trace,
        report.solver_gap,
    )
    return report


def keep_accurate(flow: CNF, x: Tensor, context: Tensor | None = None) -> None:
    """Refine the solver of training where likelihood feeds on its error, and ease it later.

    The maximum of a discrete solver's likelihood lies where the solver is wrong: left alone, the
    error grows until it is all that is learned.

    Args:
        flow: A flow in training.
        x: Rows, of which the first 512 are looked at.
        context: Their contexts.
    """
    rows = slice(0, _WATCHED_ROWS)
    x, context = x[rows], None if context is None else context[rows]
    before, gap = int(flow.refinements), abs(flow.solver_gap(x, context))
    if gap < _EASY_GAP:
        flow.refine(-1)  # what a step of training spoiled, the next ones may have mended
    for _ in range(_REFINEMENTS):
        if gap <= _WATCHED_GAP:
            break
        flow.refine()
        gap = abs(flow.solver_gap(x, context))
    if int(flow.refinements) != before:
        _LOG.info("flow: step of training %.4g", flow.solver.step_size)


def descend(
    flow: CNF,
    loss_of: Callable[[], Tensor],
    steps: int,
    lr: float,
    watch: Callable[[], None] | None = None,
) -> float:
    """Minimise a loss by Adam with a cosine decay.

    Args:
        flow: What is fitted.
        loss_of: Draws a batch and gives its loss.
        steps: Number of steps; 0 does nothing.
        lr: First step size.
        watch: Called after every 50 steps.

    Returns:
        Running mean of the loss over the last steps; nan without steps.

    Raises:
        TrainingError: If a loss or its gradient is not finite; the flow is left as it was before.
    """
    parameters = [p for p in flow.parameters() if p.requires_grad]
    optimizer = AdamW([{"params": parameters}], lr)
    seen = math.nan
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.5 * lr * (1 + math.cos(math.pi * step / steps))
        loss = loss_of()
        value = _checked("loss", loss, step)
        optimizer.zero_grad()
        loss.backward()
        _checked("gradient", torch.nn.utils.clip_grad_norm_(parameters, _CLIP_NORM), step)
        optimizer.step()
        if watch is not None and (step + 1) % _WATCHED_STEPS == 0:
            watch()
        seen = value if step == 0 else seen + max(_AVERAGED, 1 / (step + 1)) * (value - seen)
    return seen


def _checked(name: str, number: Tensor, step: int) -> float:
    value = number.item()
    if not math.isfinite(value):
        raise TrainingError(
            f"flow: expected a finite {name}, got {value} at step {step}. Lower the step size."
        )
    return value


def _batches(
    x: Tensor, context: Tensor | None, size: int, generator: torch.Generator | None
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Rows in a new random order each time all have been seen, but for a rest below `size`."""
    while True:
        order = torch.randperm(len(x), generator=generator, device=x.device)
        for first in range(0, len(x) - size + 1, max(size, 1)):
            rows = order[first : first + size]
            yield x[rows], None if context is None else context[rows]
