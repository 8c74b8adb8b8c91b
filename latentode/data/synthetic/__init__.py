r"""Simulated data sets whose truth is known: for examples, recovery tests and benchmarks.

Use `spiral` to look at two-dimensional dynamics; `oscillator` to ask whether noise and coverage are
recovered (one linear field for all series, Gaussian noise of known size); `toy_periodic` to compare
with published numbers; `sensor` for a log with a calendar clock whose channels are read at times of
their own. `make` builds any of them by name.

Event streams of known point processes: `make_events` draws the six processes of
`latentode.data.synthetic.event_oracles` by name; `poisson_events` (constant rate or any function),
`hawkes_events`, `self_correcting_events` and `renewal_events` take parameters of their own.

Every generator takes `random_state`: the same value gives the same data set, bit for bit.
"""

from latentode.data.synthetic.catalogue import (
    GENERATORS,
    make,
    oscillator,
    spiral,
    toy_periodic,
)
from latentode.data.synthetic.event_oracles import ORACLES, make_events
from latentode.data.synthetic.events import (
    hawkes_events,
    poisson_events,
    renewal_events,
    self_correcting_events,
)
from latentode.data.synthetic.sensor import sensor
from latentode.data.synthetic.simulated import SimulatedLog

__all__ = [
    "GENERATORS",
    "ORACLES",
    "SimulatedLog",
    "hawkes_events",
    "make",
    "make_events",
    "oscillator",
    "poisson_events",
    "renewal_events",
    "self_correcting_events",
    "sensor",
    "spiral",
    "toy_periodic",
]
