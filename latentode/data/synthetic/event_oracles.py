r"""Event streams of six known processes by name: what models of events are judged by.

==================  =============================================================================
"poisson"           :math:`\lambda = 1`
"inhomogeneous"     :math:`\lambda(t) = 1 + 0.8 \sin(2 \pi t / 50)`
"hawkes1"           background 0.2, one kernel with 0.8 children and decay 1
"hawkes2"           background 0.2, two kernels with 0.4 children each and decays 1 and 20
"self_correcting"   :math:`\lambda(t) = e^{t - N(t^-)}`
"renewal"           log-normal gaps of mean 1 and standard deviation 6
==================  =============================================================================

All have one event a second on average. Those of `latentode.models.point_processes` with these
constants score them exactly.

Reference:
    Omi, Ueda, Aihara (2019), Fully neural network based model for general temporal point processes,
    https://arxiv.org/abs/1905.09690 (all but "inhomogeneous").
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from latentode.data.dataset import Float64
from latentode.data.events import EventStreams
from latentode.data.synthetic.events import (
    hawkes_events,
    poisson_events,
    renewal_events,
    self_correcting_events,
)
from latentode.errors import ConfigError

Simulator = Callable[[int, float, int | np.random.Generator], EventStreams]
_LOG_SD = math.sqrt(math.log(37.0))  # of gaps with mean 1 and standard deviation 6


def sinusoidal_rate(seconds: Float64) -> Float64:
    """Rate of "inhomogeneous" in events a second, shape of `seconds`."""
    return 1.0 + 0.8 * np.sin(2 * np.pi * seconds / 50.0)


def _hawkes(branching: list[float], decay: list[float]) -> Simulator:
    children = np.array(branching)[None, :, None]  # (mark, kernel, mark)

    def draw(num_series: int, span: float, seed: int | np.random.Generator) -> EventStreams:
        return hawkes_events(
            num_series, span, background=np.array([0.2]), branching=children,
            decay=np.array(decay), random_state=seed,
        )  # fmt: skip

    return draw


ORACLES: dict[str, Simulator] = {
    "poisson": lambda n, span, seed: poisson_events(n, span, random_state=seed),
    "inhomogeneous": lambda n, span, seed: poisson_events(
        n, span, rate=sinusoidal_rate, bound=1.8, random_state=seed
    ),
    "hawkes1": _hawkes([0.8], [1.0]),
    "hawkes2": _hawkes([0.4, 0.4], [1.0, 20.0]),
    "self_correcting": lambda n, span, seed: self_correcting_events(n, span, random_state=seed),
    "renewal": lambda n, span, seed: renewal_events(
        n, span, mean=-(_LOG_SD**2) / 2, sd=_LOG_SD, random_state=seed
    ),
}


def make_events(
    name: str,
    num_series: int = 64,
    span: float = 1000.0,
    *,
    random_state: int | np.random.Generator = 0,
) -> EventStreams:
    """Draw streams of a known process.

    Args:
        name: A key of `ORACLES`.
        num_series: Number of streams.
        span: Length of each in seconds, all of which is observed.
        random_state: Seed or generator.

    Raises:
        ConfigError: If there is no process of that name, or the design is out of range.
    """
    if name not in ORACLES:
        raise ConfigError(f"name: expected one of {', '.join(ORACLES)}, got {name!r}.")
    return ORACLES[name](num_series, span, random_state)
