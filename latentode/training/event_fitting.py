"""Maximum likelihood for models of event streams."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from latentode.data.dataset import Int64
from latentode.data.event_batch import EventBatch
from latentode.data.events import EventStreams
from latentode.errors import DataError, TrainingError
from latentode.event_model import HistoryFreeProcess, JumpProcess
from latentode.training.event_windows import EventWindows

EventModel = HistoryFreeProcess | JumpProcess


@dataclass(frozen=True)
class EventFitting:
    """How a model of event streams is fitted.

    Attributes:
        steps: Steps of the optimiser.
        lr: Peak learning rate; it warms up over a twentieth of the steps and decays to nothing.
        batch: Windows a step.
        length: Events that a window scores.
        warm_up: Events that a window sees before.
        weight_decay: Of AdamW.
        seed: Seed of the order of windows.
    """

    steps: int = 400
    lr: float = 5e-3
    batch: int = 48
    length: int = 64
    warm_up: int = 16
    weight_decay: float = 1e-4
    seed: int = 0


def typical_gap(streams: EventStreams, unit_ns: float) -> float:
    """Median positive gap between events in model time; the mean exposure where there is none."""
    gaps = np.diff(streams.times)[np.diff(streams.series) == 0]
    gaps = gaps[gaps > 0]
    if len(gaps):
        return float(np.median(gaps)) / unit_ns
    return float(streams.exposure(1).mean()) / unit_ns


def fit_events(
    model: EventModel,
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
    for step, loss in enumerate(_losses(model, streams, unit_ns, fitting), start=1):
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


def _groups(model: EventModel, fitting: EventFitting) -> list[dict[str, object]]:
    """Time constants move on a log scale over decades, and are not pulled to any."""
    slow = [p for name, p in model.named_parameters() if name.endswith("log_decay")]
    rest = [p for name, p in model.named_parameters() if not name.endswith("log_decay")]
    return [
        {"params": rest, "factor": 1.0, "weight_decay": fitting.weight_decay},
        {"params": slow, "factor": 3.0, "weight_decay": 0.0},
    ]


def _schedule(step: int, steps: int) -> float:
    warm = max(1, steps // 20)
    if step <= warm:
        return step / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) + 1e-3


def _losses(
    model: EventModel, streams: EventStreams, unit_ns: float, fitting: EventFitting
) -> Iterator[Tensor]:
    rng = np.random.default_rng(fitting.seed)
    if isinstance(model, HistoryFreeProcess):
        yield from _whole(model, streams, unit_ns, fitting, rng)
        return
    done = 0
    while done < fitting.steps:
        offset = int(rng.integers(fitting.length))
        windows = EventWindows.cut(streams, unit_ns, fitting.length, fitting.warm_up, offset)
        counts = windows.entry_counts(model)
        per_window = streams.num_scored / len(windows.series)
        for index in _batches(windows, fitting.batch, rng):
            past = windows.past(index, counts, model)
            scores = model.score(windows.batch(index), past)
            yield -scores.log_prob().sum() / (len(index) * per_window)
            done += 1
            if done == fitting.steps:
                return


def _batches(windows: EventWindows, size: int, rng: np.random.Generator) -> list[Int64]:
    """Shuffled batches of windows of about one length, as the longest sets the cost."""
    lengths = windows.stop - windows.entry
    order = np.argsort(lengths + rng.random(len(lengths)), kind="stable")
    count = max(1, round(len(order) / size))
    batches = np.array_split(order, count)
    return [batches[i] for i in rng.permutation(count)]


def _whole(
    model: HistoryFreeProcess,
    streams: EventStreams,
    unit_ns: float,
    fitting: EventFitting,
    rng: np.random.Generator,
) -> Iterator[Tensor]:
    per_series = streams.num_scored / streams.num_series
    for _ in range(fitting.steps):
        size = min(fitting.batch, streams.num_series)
        index = np.sort(rng.choice(streams.num_series, size, replace=False))
        scores = model.score(EventBatch.of(streams, unit_ns, index))
        yield -scores.log_prob().sum() / (size * per_series)
