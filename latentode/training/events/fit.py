"""Maximum likelihood for models of event streams."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from latentode.data.events import EventStreams
from latentode.errors import DataError, TrainingError
from latentode.flows.adam import AdamW
from latentode.models.heads.poisson_process import Link
from latentode.models.point_processes import JumpProcess
from latentode.models.point_processes.event_scores import EventProcess
from latentode.training.events.budget import StepBudget
from latentode.training.events.losses import EventFitting, loss_source
from latentode.training.events.own_share import fit_share
from latentode.training.events.state import EventCheckpoints, EventProgress
from latentode.training.execution.interrupt import stop_on_signal

# in units of the mean rate: from the last few dozen events to a thirtieth of a gap
_DECAYS = (0.03, 0.3, 3.0, 30.0)
_SAVED_EVERY = 50  # steps that a killed process loses at most


def new_jump_process(
    streams: EventStreams,
    unit_ns: float,
    *,
    latent_dim: int = 16,
    hidden_dim: int = 32,
    link: Link = "softplus",
) -> JumpProcess:
    """Make a process for streams: rates, decays and clock start from what was observed.

    Args:
        streams: Training part.
        unit_ns: Nanoseconds in one unit of model time.
        latent_dim: Size of the latent state.
        hidden_dim: Hidden units of field and head.
        link: Link of the rate.
    """
    rates = torch.from_numpy(streams.rates(unit_ns))
    decay = rates.sum() * torch.tensor(_DECAYS, dtype=torch.float64)
    clock = typical_gap(streams, unit_ns)
    return JumpProcess(latent_dim, hidden_dim, rates, decay, clock, link=link)


def typical_gap(streams: EventStreams, unit_ns: float) -> float:
    """Median positive gap between events in model time; the mean exposure where there is none."""
    gaps = np.diff(streams.times)[np.diff(streams.series) == 0]
    gaps = gaps[gaps > 0]
    if len(gaps):
        return float(np.median(gaps)) / unit_ns
    return float(streams.exposure(1).mean()) / unit_ns


def fit_events(
    model: EventProcess,
    streams: EventStreams,
    unit_ns: float,
    fitting: EventFitting,
    on_step: Callable[[int, float], None] | None = None,
    *,
    run_dir: Path | None = None,
    resume: bool = False,
    on_plan: Callable[[int], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> list[float]:
    """Fit a model in place; the loss is nats per event, over all marks and windows.

    Every step divides by the mean number of events a window of the whole set has, not by the number
    that happens to be in the batch: a batch of silences counts as one. With `run_dir`, the state is
    saved now and then and on SIGINT, SIGTERM or SIGHUP, and a resumed run gives the same bits on
    the same machine and thread count. Where the budget is too short for all steps, the schedule is
    shortened once the time of a step is known, so that it ends, learning rate and all, within the
    budget. A jump process gets its share of the streams' own rates at the end.

    Args:
        model: The model, its rates initialised from the same streams, on the device to train on.
        streams: Streams to train on, ties spread.
        unit_ns: Nanoseconds in one unit of model time.
        fitting: Steps, rates and sizes.
        on_step: Told the number of each step and its loss.
        run_dir: Where checkpoints go; None keeps everything in memory.
        resume: Go on from the last checkpoint of `run_dir`.
        on_plan: Told the steps of the schedule where the budget shortened it.
        clock: Seconds since any moment, against which the budget of `fitting` is held.

    Returns:
        Loss of each step; fewer than there were to be where the budget ended first, but one at
        least.

    Raises:
        DataError: If there is no event.
        Interrupted: After SIGINT, SIGTERM or SIGHUP, once the state is saved.
        TrainingError: If the loss or its gradient is not finite.
    """
    if streams.num_scored == 0:
        raise DataError("events: expected at least one event in the windows, got none.")
    optimizer = AdamW(_groups(model, fitting), fitting.lr)
    source = loss_source(model, streams, unit_ns, fitting)
    checkpoints = None if run_dir is None else EventCheckpoints(run_dir)
    progress = EventProgress([])
    if resume and checkpoints is not None:
        progress = checkpoints.restore(model, optimizer, source.carried)
        _tell_plan(progress, on_plan)
    losses = progress.losses
    budget = StepBudget(fitting.max_seconds, clock)
    with stop_on_signal() as stop:
        while len(losses) < (progress.total_steps or fitting.steps):
            step = len(losses) + 1
            _set_rates(optimizer, fitting, step, progress.total_steps or fitting.steps)
            losses.append(_take_step(model, optimizer, source(step), step))
            if on_step is not None:
                on_step(step, losses[-1])
            budget.note_step()
            if not progress.total_steps:
                progress.total_steps = budget.shortened(step, fitting.steps)
                _tell_plan(progress, on_plan)
            if checkpoints is not None and (stop.number or step % _SAVED_EVERY == 0):
                checkpoints.save(progress, model, optimizer, source.carried)
            stop.raise_if_asked()
            if budget.is_over:
                break
    if isinstance(model, JumpProcess):
        model.share = fit_share(model, streams, unit_ns)
    return losses


def _tell_plan(progress: EventProgress, on_plan: Callable[[int], None] | None) -> None:
    if progress.total_steps and on_plan is not None:
        on_plan(progress.total_steps)


def _set_rates(optimizer: AdamW, fitting: EventFitting, step: int, total_steps: int) -> None:
    for group in optimizer.param_groups:
        group["lr"] = fitting.lr * group["factor"] * _schedule(step, total_steps)


def _take_step(model: EventProcess, optimizer: AdamW, loss: Tensor, step: int) -> float:
    value = float(loss.detach())
    _refuse_nonfinite("loss", value, step)
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    _refuse_nonfinite("gradient", float(norm), step)
    optimizer.step()
    return value


def _refuse_nonfinite(what: str, value: float, step: int) -> None:
    if not math.isfinite(value):
        raise TrainingError(
            f"training on events: expected a finite {what}, got {value} at step {step}. "
            "Lower the learning rate, or check the windows."
        )


def _groups(model: EventProcess, fitting: EventFitting) -> list[dict[str, object]]:
    """Time constants and the weights of counts must travel far, and are not pulled to any place."""
    far = {"log_decay": 3.0, "excite.weight": 5.0}
    groups: list[dict[str, object]] = []
    rest = []
    for name, parameter in model.named_parameters():
        if name in far:
            groups.append({"params": [parameter], "factor": far[name], "weight_decay": 0.0})
        else:
            rest.append(parameter)
    return [*groups, {"params": rest, "factor": 1.0, "weight_decay": fitting.weight_decay}]


def _schedule(step: int, steps: int) -> float:
    warm = max(1, steps // 20)
    if step <= warm:
        return step / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) + 1e-3
