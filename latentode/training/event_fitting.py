"""Maximum likelihood for models of event streams."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from latentode.data.event_batch import EventBatch
from latentode.data.events import EventStreams
from latentode.errors import DataError, TrainingError
from latentode.event_model import JumpProcess, Past
from latentode.likelihoods.event_scores import EventProcess, EventScores
from latentode.likelihoods.poisson_process import Link
from latentode.training.event_windows import EventWindows

# in units of the mean rate: from the last few dozen events to a thirtieth of a gap
_DECAYS = (0.03, 0.3, 3.0, 30.0)
_DRAWN_NODES = 5  # a solver step


@dataclass(frozen=True)
class EventFitting:
    """How a model of event streams is fitted.

    Attributes:
        steps: Steps of the optimiser.
        lr: Peak learning rate; it warms up over a twentieth of the steps and decays to nothing.
        batch: Windows a step.
        length: Events that a window scores.
        weight_decay: Of AdamW.
        seed: Seed of the order of windows.
    """

    steps: int = 400
    lr: float = 5e-3
    batch: int = 48
    length: int = 64
    weight_decay: float = 1e-4
    seed: int = 0


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
) -> None:
    """Fit a model in place; the loss is nats per event, over all kinds and windows.

    Every step divides by the mean number of events a window of the whole set has, not by the number
    that happens to be in the batch: a batch of silences counts as one.

    Args:
        model: The model, its rates initialised from the same streams.
        streams: Streams to train on, ties spread.
        unit_ns: Nanoseconds in one unit of model time.
        fitting: Steps, rates and sizes.
        on_step: Told the number of each step and its loss.

    Raises:
        DataError: If there is no event.
        TrainingError: If the loss is not finite.
    """
    if streams.num_scored == 0:
        raise DataError("events: expected at least one event in the windows, got none.")
    optimizer = torch.optim.AdamW(_groups(model, fitting))
    losses = _losses(model, streams, unit_ns, fitting)
    for step, loss in zip(range(1, fitting.steps + 1), losses, strict=False):
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"training on events: expected a finite loss, got {value} at step {step}. "
                "Lower the learning rate, or check the windows."
            )
        for group in optimizer.param_groups:
            group["lr"] = fitting.lr * group["factor"] * _schedule(step, fitting.steps)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if on_step is not None:
            on_step(step, value)


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


def _losses(
    model: EventProcess, streams: EventStreams, unit_ns: float, fitting: EventFitting
) -> Iterator[Tensor]:
    rng = np.random.default_rng(fitting.seed)
    if isinstance(model, JumpProcess):
        return _by_windows(model, streams, unit_ns, fitting, rng)
    return _whole(model, streams, unit_ns, fitting, rng)


def _by_windows(
    model: JumpProcess,
    streams: EventStreams,
    unit_ns: float,
    fitting: EventFitting,
    rng: np.random.Generator,
) -> Iterator[Tensor]:
    """Truncated back-propagation: windows follow each other and hand their states on."""
    windows = EventWindows.cut(streams, unit_ns, fitting.length)
    per_window = streams.num_scored / len(windows.series)
    states = model.fresh(len(windows.series)).state.detach().clone()
    inner = torch.from_numpy(windows.first > 0)
    generator = torch.Generator().manual_seed(fitting.seed)
    while True:
        counts = windows.entry_counts(model)
        for index in windows.lanes(fitting.batch, rng):
            rows = torch.from_numpy(index)
            fresh = model.fresh(len(index)).state
            state = torch.where(inner[rows, None], states[rows], fresh)
            past = Past(counts[rows], state, windows.ages(index))
            scores, left = model.follow(
                windows.batch(index), past, nodes=_DRAWN_NODES, generator=generator
            )
            following = rows + 1
            kept = (following < len(states)) & inner[following.clamp(max=len(states) - 1)]
            states[following[kept]] = left.detach()[kept]
            yield -scores.log_prob().sum() / (len(index) * per_window)


def _whole(
    model: EventProcess,
    streams: EventStreams,
    unit_ns: float,
    fitting: EventFitting,
    rng: np.random.Generator,
) -> Iterator[Tensor]:
    per_series = streams.num_scored / streams.num_series
    while True:
        size = min(fitting.batch, streams.num_series)
        index = np.sort(rng.choice(streams.num_series, size, replace=False))
        scores = model.score(EventBatch.of(streams, unit_ns, index))
        yield -scores.log_prob().sum() / (size * per_series)


@torch.no_grad()
def score_streams(
    model: EventProcess, streams: EventStreams, unit_ns: float, *, at_once: int = 64
) -> tuple[EventScores, EventBatch]:
    """Score all streams, some of about one length at a time.

    Returns:
        Scores and events of all series, in the order of the streams.
    """
    lengths = np.diff(streams.starts)
    order = np.argsort(lengths, kind="stable")
    whole = EventBatch.of(streams, unit_ns)
    width, kinds = whole.times.shape[1], streams.num_marks
    log_intensity = torch.zeros(whole.times.shape, dtype=torch.float64)
    increments = torch.zeros(len(order), width + 1, kinds, dtype=torch.float64)
    for low in range(0, len(order), at_once):
        rows = order[low : low + at_once]
        part = model.score(EventBatch.of(streams, unit_ns, rows))
        size = part.log_intensity.shape[1]
        log_intensity[rows, :size] = part.log_intensity.double()
        increments[rows, :size] = part.increments[:, :-1].double()
        increments[rows, -1] = part.increments[:, -1].double()
    return EventScores(log_intensity, increments, whole.scored), whole
