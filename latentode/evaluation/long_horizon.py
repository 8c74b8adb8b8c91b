r"""How well a process foretells many events ahead, beside naive forecasts of the same stream.

From moments just after events, spread over the streams, everything up to a horizon of ten mean gaps
is foretold, and scored by OTD (of the next ten events; an event is worth a mean gap) and T-mAP
(within two mean gaps): about what HoTPP takes for its sets.

A process is asked for sample paths. What is given of them is what each score is best for: the path
that is nearest to all others (OTD), and each moment at which events of many paths gather, with the
share of paths that have one (T-mAP).

Reference:
    Karpukhin, Shipilov, Savchenko (2024), HoTPP benchmark: are we good at the long horizon events
    forecasting?, https://arxiv.org/abs/2406.14341.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from latentode.data.batches.event_batch import EventBatch
from latentode.data.dataset import Float64
from latentode.data.events import EventStreams
from latentode.evaluation.event_baselines import NAIVE, Foretold, LongHorizon
from latentode.evaluation.event_sequences import (
    EventSequence,
    optimal_transport_distance,
    temporal_average_precision,
)
from latentode.models.point_processes import JumpProcess
from latentode.prediction.next_event import Continuations, present, simulate

_COUNT, _LENGTH, _TOLERANCE, _COST = 10, 10.0, 2.0, 1.0  # events, and mean gaps
_FAR = 10  # horizons in which the next events are looked for
_AT_ONCE = 64  # moments whose futures are drawn together


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments just after events, each with a whole horizon of observation ahead.

    Attributes:
        streams: What was seen until then, a series for each moment.
        ahead: Events after each until the end of its window, in time since the moment.
        elapsed: Time from the origin of the stream to each moment, shape (moment,).
        unit_ns: Nanoseconds in the unit of the times.
    """

    streams: EventStreams
    ahead: list[EventSequence]
    elapsed: Float64
    unit_ns: float

    @classmethod
    def of(cls, streams: EventStreams, unit_ns: float, length: float, most: int) -> Moments:
        """Moments spread evenly over the events of all streams.

        Args:
            streams: Streams, ties spread.
            unit_ns: Nanoseconds in one unit of time.
            length: What must have been observed after each, in that unit.
            most: Most moments.
        """
        series, times = streams.series, streams.times
        low, high = streams.windows[..., 0].max(1), streams.windows[..., 1].min(1)
        ends = times + round(length * unit_ns)
        rows = np.flatnonzero((times > low[series]) & (ends <= high[series]))
        spread = np.linspace(0, len(rows) - 1, min(most, len(rows)))
        rows = rows[np.unique(spread.round().astype(np.int64))]
        chosen, at = series[rows], times[rows]
        ahead = [
            EventSequence.certain(
                (times[row + 1 : stop] - times[row]) / unit_ns, streams.marks[row + 1 : stop]
            )
            for row, stop in zip(rows, streams.starts[chosen + 1], strict=True)
        ]
        seen = streams.select(chosen)
        seen = seen.between(seen.windows[..., 0].min(1), at)
        return cls(seen, ahead, (at - seen.origins) / unit_ns, unit_ns)

    def past(self, moment: int) -> EventSequence:
        """Events until a moment, in time since the origin."""
        s = self.streams
        events = slice(s.starts[moment], s.starts[moment + 1])
        times = (s.times[events] - s.origins[moment]) / self.unit_ns
        return EventSequence.certain(times, s.marks[events])


def long_horizon_scores(
    model: JumpProcess,
    streams: EventStreams,
    unit_ns: float,
    mean_gap: float,
    *,
    num_draws: int = 32,
    most: int = 200,
    seed: int = 0,
) -> dict[str, Any]:
    """OTD and T-mAP of a process, and of naive forecasts.

    Args:
        model: The process.
        streams: Streams to foretell, ties spread.
        unit_ns: Nanoseconds in one unit of model time.
        mean_gap: Mean gap between events in the training, in model time.
        num_draws: Sample paths of each future.
        most: Most moments that are foretold from.
        seed: Of the sample paths.

    Returns:
        "otd" in mean gaps (less is better; None where no stream has ten events ahead) and "t_map"
        (more is better) by forecast, and the number of "moments"; nothing at all where no event
        comes within a horizon that was observed.
    """
    asked = LongHorizon(_COUNT, _LENGTH * mean_gap, _TOLERANCE * mean_gap)
    moments = Moments.of(streams, unit_ns, asked.length, most)
    within = [part.until(asked.length) for part in moments.ahead]
    if not any(len(part.times) for part in within):
        return {}
    guesses = {"model": _from_paths(model, moments, asked, num_draws, seed)}
    for name, naive in NAIVE.items():
        guesses[name] = [
            naive(moments.past(i), elapsed, asked) for i, elapsed in enumerate(moments.elapsed)
        ]
    return {
        "otd": {name: _distance(foretold, moments, mean_gap) for name, foretold in guesses.items()},
        "t_map": {
            name: temporal_average_precision([f.within for f in foretold], within, asked.tolerance)
            for name, foretold in guesses.items()
        },
        "moments": len(within),
    }


def _distance(guesses: Sequence[Foretold], moments: Moments, mean_gap: float) -> float | None:
    """Mean OTD in mean gaps, of the moments that have enough events ahead."""
    parts = [
        optimal_transport_distance(guess.following, came.first(_COUNT), _COST * mean_gap)
        for guess, came in zip(guesses, moments.ahead, strict=True)
        if len(came.times) >= _COUNT
    ]
    return float(np.mean(parts)) / mean_gap if parts else None


def _from_paths(
    model: JumpProcess, moments: Moments, asked: LongHorizon, num_draws: int, seed: int
) -> list[Foretold]:
    device = model.log_decay.device
    generator = torch.Generator(device).manual_seed(seed)
    batch = EventBatch.of(moments.streams, moments.unit_ns).to(device)
    found = []
    for low in range(0, len(moments.ahead), _AT_ONCE):
        rows = torch.arange(low, min(low + _AT_ONCE, len(moments.ahead)), device=device)
        at = present(model, batch.select(rows))
        far = _FAR * asked.length
        following = simulate(model, at, far, num_draws, generator, most=asked.count)
        within = simulate(model, at, asked.length, num_draws, generator)
        found += [
            Foretold(
                _middle(_paths(following, i, asked.count), asked.tolerance / _TOLERANCE * _COST),
                _gathered(_paths(within, i, None), asked.tolerance),
            )
            for i in range(len(rows))
        ]
    return found


def _paths(futures: Continuations, row: int, count: int | None) -> list[EventSequence]:
    """Sample paths of one stream; with a count, events that do not come are at infinity."""
    times, marks = (part[:, row].cpu().numpy() for part in (futures.times, futures.marks))
    if count is None:
        return [
            EventSequence.certain(one[one < np.inf], mark[one < np.inf])
            for one, mark in zip(times, marks, strict=True)
        ]
    missing = ((0, 0), (0, count - times.shape[1]))
    times = np.pad(times, missing, constant_values=np.inf)
    marks = np.pad(marks, missing, constant_values=-1)
    return [EventSequence.certain(one, mark) for one, mark in zip(times, marks, strict=True)]


def _middle(paths: Sequence[EventSequence], cost: float) -> EventSequence:
    """The path whose mean OTD to all others is least."""
    apart = np.zeros((len(paths), len(paths)))
    for i, one in enumerate(paths):
        for j in range(i):
            apart[i, j] = apart[j, i] = optimal_transport_distance(one, paths[j], cost)
    return paths[int(apart.sum(1).argmin())]


def _gathered(paths: Sequence[EventSequence], tolerance: float) -> EventSequence:
    """Where events of two or more paths gather within the tolerance, densest first."""
    times = np.concatenate([path.times for path in paths])
    marks = np.concatenate([path.marks for path in paths])
    draw = np.repeat(np.arange(len(paths)), [len(path.times) for path in paths])
    found: list[tuple[float, int, float]] = []
    for mark in np.unique(marks):
        rows = marks == mark
        t, one_hot = times[rows], np.eye(len(paths))[draw[rows]]
        lag = np.abs(t[:, None] - t)
        left = np.ones(len(t), dtype=bool)
        while left.any():
            near = (lag <= tolerance) & left
            covers = ((near @ one_hot) > 0).sum(1) * left
            best = int(covers.argmax())
            if covers[best] < 2:
                break
            found.append((t[best], int(mark), covers[best] / len(paths)))
            own = np.where(near[best], lag[best], np.inf)
            for path in np.unique(draw[rows][near[best]]):
                left[np.where(draw[rows] == path, own, np.inf).argmin()] = False
    columns = list(zip(*found, strict=True)) or [(), (), ()]
    return EventSequence(
        np.array(columns[0], dtype=float), np.array(columns[1], dtype=np.int64),
        np.array(columns[2], dtype=float),
    )  # fmt: skip
