"""Bands that are set by the errors before them: what a drift costs, and what watching it gains."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentode.data.dataset import Float64, Int64
from latentode.evaluation.scores import COVERAGE, LEVEL
from latentode.evaluation.tasks import Task

STEP = 0.05  # by which a window without any covered reading widens the next band, in probability


@dataclass(frozen=True, eq=False)
class Covered:
    """Covered readings of each channel.

    Attributes:
        plain: By the bands as they are, shape (channel,).
        adaptive: By adaptive bands.
        counts: Readings; 0 of a channel of which no band is known.
    """

    plain: Float64
    adaptive: Float64
    counts: Int64

    def __add__(self, other: Covered) -> Covered:
        return Covered(
            self.plain + other.plain, self.adaptive + other.adaptive, self.counts + other.counts
        )

    def shares(self) -> dict[str, float]:
        """{"plain", "adaptive"}: shares of the readings, means over channels."""
        known = self.counts > 0
        if not known.any():
            return {"plain": float("nan"), "adaptive": float("nan")}
        return {
            "plain": float((self.plain[known] / self.counts[known]).mean()),
            "adaptive": float((self.adaptive[known] / self.counts[known]).mean()),
        }

    def to_dict(self) -> dict[str, list[Any]]:
        """JSON types."""
        return {name: array.tolist() for name, array in vars(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, list[Any]]) -> Covered:
        """Rebuild from `to_dict`."""
        return cls(
            np.array(values["plain"], np.float64),
            np.array(values["adaptive"], np.float64),
            np.array(values["counts"], np.int64),
        )


def coverages(task: Task, pit: Float64) -> Covered:
    r"""Coverage of forecasts from rolling origins, of bands as they are and of adaptive ones.

    The adaptive band of an origin is that between the quantiles :math:`\alpha_t / 2` and
    :math:`1 - \alpha_t / 2`, with

    .. math:: \alpha_{t+1} = \alpha_t + \gamma\,(\alpha - \mathrm{missed}_t), \qquad
        \alpha = 0.1, \quad \gamma = 0.05,

    where missed is the share of the readings of one channel and origin outside their band. It is
    learned when the last of them has been read, not before. Below 0 the band is the whole line.

    Origins of all series take turns on a calendar; on an elapsed clock one series follows another.

    Args:
        task: Forecasts, each window ending at its origin.
        pit: Probability integral transform of each target, see `metrics.pit`, shape (target,).

    Returns:
        Covered readings of each channel. Of readings that many draws equal (a state, no rain) only
        as many count as the band is to hold.

    Reference:
        Gibbs, Candes (2021), Adaptive conformal inference under distribution shift,
        https://arxiv.org/abs/2106.00660
    """
    times, origins = _moments(task)
    channel, size = task.targets.channel, len(task.visible.channels)
    plain, adaptive, counts = np.zeros(size), np.zeros(size), np.zeros(size, np.int64)
    for index in np.unique(channel[~np.isnan(pit)]).tolist():
        of = channel == index
        plain[index] = _inside(pit[of], 1.0 - LEVEL).sum()
        adaptive[index] = _in_turn(pit[of], times[of], origins[of]).sum()
        counts[index] = of.sum()
    return Covered(plain, adaptive, counts)


def sentence(shares: dict[str, Any]) -> str:
    """What `Covered.shares` says, in words."""
    plain, adaptive = (COVERAGE.text(shares[name]) for name in ("plain", "adaptive"))
    return (
        f"In order of time, bands set by the errors before them (adaptive conformal inference) "
        f"would cover {adaptive} of the readings, the model's own {plain}."
    )


def _moments(task: Task) -> tuple[Int64, Int64]:
    """Time and origin of each target, on a clock that all of them share."""
    targets = task.targets
    times, origins = targets.times, task.origins[targets.window]
    if task.visible.clock.kind == "calendar":
        return times, origins
    rank = np.unique(task.visible.series_ids, return_inverse=True)[1].reshape(-1)[targets.window]
    span = int(times.max() - origins.min()) + 1 if len(times) else 1
    return times + rank * span, origins + rank * span


def _inside(pit: Float64, missing: float) -> Float64:
    """Whether each reading is in the central band that a share misses; NaN is not."""
    return np.asarray(np.abs(pit - 0.5) <= 0.5 - 0.5 * missing, dtype=np.float64)


def _in_turn(pit: Float64, times: Int64, origins: Int64) -> Float64:
    """Whether each reading of a channel is in the adaptive band of its origin."""
    inside, missing = np.empty(len(pit)), 1.0 - LEVEL
    order = np.argsort(origins, kind="stable")
    moments, begins = np.unique(origins[order], return_index=True)
    waiting: list[tuple[int, float]] = []  # last time of a window, share that it missed
    for moment, of in zip(moments, np.split(order, begins[1:]), strict=True):
        while waiting and waiting[0][0] <= moment:
            missing += STEP * (1.0 - LEVEL - heapq.heappop(waiting)[1])
        inside[of] = _inside(pit[of], missing)
        heapq.heappush(waiting, (int(times[of].max()), 1.0 - float(inside[of].mean())))
    return inside
