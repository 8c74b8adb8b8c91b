"""Small event streams, trajectories in closed form, and the true processes of the shipped sets."""

import math

import numpy as np
import torch

from latentode import ode
from latentode.config import SolverConfig
from latentode.data.batches.event_batch import EventBatch
from latentode.data.dataset import Clock
from latentode.data.events import EventStreams
from latentode.models.point_processes import (
    HawkesProcess,
    HomogeneousProcess,
    JumpProcess,
    OwnRateProcess,
    RateShare,
    RenewalProcess,
    SelfCorrectingProcess,
)

SECOND = 1_000_000_000
F64 = torch.float64


def streams(times, marks=None, *, window=(0.0, 10.0), kinds=1, windows=None, resolution=1):
    """Event streams from lists of times in seconds, one list a series."""
    marks = marks or [[0] * len(row) for row in times]
    series = np.repeat(np.arange(len(times)), [len(row) for row in times])
    flat = np.array([t for row in times for t in row], dtype=float)
    if windows is None:
        windows = np.broadcast_to(np.array(window), (len(times), kinds, 2))
    return EventStreams.build(
        series,
        np.rint(flat * SECOND).astype(np.int64),
        np.array([k for row in marks for k in row], dtype=np.int64),
        series_ids=[f"s{i}" for i in range(len(times))],
        mark_names=[f"k{k}" for k in range(kinds)],
        windows=np.rint(np.asarray(windows) * SECOND).astype(np.int64),
        clock=Clock("elapsed", None, "s"),
        resolution=resolution,
    )


def batch_of(times, marks=None, **options):
    return EventBatch.of(streams(times, marks, **options), SECOND)


def line(batch, slope=1.0, end=10.0, step=0.05):
    """A latent state that is z(t) = slope * t for every series, shape (batch, 1)."""
    z0 = torch.zeros(batch, 1, dtype=F64)

    def field(t, z):
        return torch.full_like(z, slope) + 0 * t

    return ode.solve(field, z0, 0.0, end, SolverConfig(step_size=step))


def shared_truths():
    """The processes that the sets of `data/point_processes` were drawn from (MATHS.md)."""
    sd = math.sqrt(math.log(37.0))
    return {
        "poisson": HomogeneousProcess(torch.ones(1, dtype=F64)),
        "hawkes1": hawkes([0.2], [[[0.8]]], [1.0]),
        "hawkes2": hawkes([0.2], [[[0.4], [0.4]]], [1.0, 20.0]),
        "self_correcting": SelfCorrectingProcess.of(0.0, 1.0, 1.0),
        "renewal": RenewalProcess.of(-(sd**2) / 2, sd),
    }


def hawkes(background, branching, decay):
    """A Hawkes process from lists."""
    parts = (torch.tensor(part, dtype=F64) for part in (background, branching, decay))
    return HawkesProcess.of(*parts)


def rate_share(kinds=2, *, start=0.2, switch=0.05):
    """A share of the own rate that matters after a few events."""
    own = OwnRateProcess(torch.linspace(0.3, 0.5, kinds, dtype=F64), 1.5, 0.2)
    return RateShare(own, start, switch)


def jump_process(*, kinds=2, link="softplus", step=0.5, seed=0, share=False):
    """A process whose every part is active, float64; the share of the own rate if it is to be."""
    torch.manual_seed(seed)
    process = JumpProcess(
        4, 6, torch.full((kinds,), 0.4), torch.tensor([0.3, 3.0]), 0.7, link=link, step=step
    ).double()
    with torch.no_grad():
        for parameter in (process.excite.weight, process.dynamics.initial):
            parameter.copy_(0.3 * torch.randn_like(parameter))
        process.process.head.layers[-1].weight.mul_(10)
    process.share = rate_share(kinds) if share else None
    return process
