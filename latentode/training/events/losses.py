"""What a step of training on event streams minimises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from latentode.data.batches.event_batch import EventBatch
from latentode.data.dataset import Int64
from latentode.data.events import EventStreams
from latentode.models.point_processes import JumpProcess, Past
from latentode.models.point_processes.event_scores import EventProcess
from latentode.training.events.windows import EventWindows
from latentode.training.repeatable import seed_of

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
        max_seconds: Wall-clock budget of a call; None takes all steps.
    """

    steps: int = 400
    lr: float = 5e-3
    batch: int = 48
    length: int = 64
    weight_decay: float = 1e-4
    seed: int = 0
    max_seconds: float | None = None


class LossSource(Protocol):
    """Loss of each step, a function of the seed, the step, the weights and what is carried.

    Attributes:
        carried: Tensors that go from step to step, changed in place.
    """

    carried: dict[str, Tensor]

    def __call__(self, step: int) -> Tensor:
        """Nats per event of step number `step`, from 1 on, with its graph, 0-dim."""
        ...


def loss_source(
    model: EventProcess, streams: EventStreams, unit_ns: float, fitting: EventFitting
) -> LossSource:
    """Windows of streams for a jump process, whole streams for any other.

    Args:
        model: The model, on the device to train on.
        streams: Streams to train on, ties spread.
        unit_ns: Nanoseconds in one unit of model time.
        fitting: Sizes and seed.
    """
    kind = _Windows if isinstance(model, JumpProcess) else _Whole
    return kind(model, streams, unit_ns, fitting)  # type: ignore[arg-type]


class _Windows:
    """Truncated back-propagation: windows follow each other and hand their states on."""

    def __init__(
        self, model: JumpProcess, streams: EventStreams, unit_ns: float, fitting: EventFitting
    ) -> None:
        self._model, self._fitting = model, fitting
        self._windows = EventWindows.cut(streams, unit_ns, fitting.length)
        count = len(self._windows.series)
        self._per_window = streams.num_scored / count
        fresh = model.fresh(count)
        self.carried = {"states": fresh.state.detach().clone(), "counts": fresh.counts.clone()}
        self._inner = torch.from_numpy(self._windows.first > 0).to(fresh.state.device)

    def __call__(self, step: int) -> Tensor:
        epoch, number = divmod(step - 1, -(-len(self._windows.series) // self._fitting.batch))
        if number == 0:
            self.carried["counts"].copy_(self._windows.entry_counts(self._model))
        rng = np.random.default_rng((self._fitting.seed, epoch))
        return self._of(self._windows.lanes(self._fitting.batch, rng)[number], step)

    def _of(self, index: Int64, step: int) -> Tensor:
        states, counts = self.carried["states"], self.carried["counts"]
        device = states.device
        generator = torch.Generator(device).manual_seed(seed_of(self._fitting.seed, 1, step))
        rows = torch.from_numpy(index).to(device)
        fresh = self._model.fresh(len(index)).state
        state = torch.where(self._inner[rows, None], states[rows], fresh)
        past = Past(counts[rows], state, self._windows.ages(index).to(device))
        batch = self._windows.batch(index).to(device)
        scores, left = self._model.follow(batch, past, nodes=_DRAWN_NODES, generator=generator)
        following = rows + 1
        kept = (following < len(states)) & self._inner[following.clamp(max=len(states) - 1)]
        states[following[kept]] = left.detach()[kept]
        return -scores.log_prob().sum() / (len(index) * self._per_window)


class _Whole:
    """Some whole streams a step."""

    def __init__(
        self, model: EventProcess, streams: EventStreams, unit_ns: float, fitting: EventFitting
    ) -> None:
        self._model, self._streams, self._unit_ns = model, streams, unit_ns
        self._fitting = fitting
        self._device = next(model.parameters()).device
        self.carried: dict[str, Tensor] = {}

    def __call__(self, step: int) -> Tensor:
        count = self._streams.num_series
        size = min(self._fitting.batch, count)
        rng = np.random.default_rng((self._fitting.seed, step))
        index = np.sort(rng.choice(count, size, replace=False))
        batch = EventBatch.of(self._streams, self._unit_ns, index).to(self._device)
        per_series = self._streams.num_scored / count
        return -self._model.score(batch).log_prob().sum() / (size * per_series)
