"""Models of event streams, and what a good one is held against.

Use `JumpProcess` where events change what comes after them (aftershocks, follow-up alarms, queues);
`HistoryFreeProcess` where only the clock of the window counts, and as the yardstick of how much the
history is worth.

Classical point processes, yardsticks of every model of events and simulated truths:

- `HomogeneousProcess`: a constant rate of each mark; what gains are counted from.
- `PiecewiseConstantProcess`, `LogLinearProcess`: rates that follow the clock of the window.
- `HawkesProcess`: events excite events, with exponential kernels; exact, in linear time.
- `SelfCorrectingProcess`: events calm, silence presses.
- `OwnRateProcess`: the recent rate of the stream itself; `RateShare` mixes it with a model of many
  streams, for those that are unlike them.
- `RenewalProcess`: only the gap since the last event counts; a mixture of log-normals.

All are torch modules with `score`; the classical ones are exact in closed form.
`goodness_of_fit` asks whether a process explains the events that it scored.
"""

from latentode.models.point_processes.clock_rates import (
    HomogeneousProcess,
    LogLinearProcess,
    PiecewiseConstantProcess,
)
from latentode.models.point_processes.hawkes import HawkesProcess
from latentode.models.point_processes.history_free import HistoryFreeProcess
from latentode.models.point_processes.jump import JumpProcess, Past
from latentode.models.point_processes.own_rate import OwnRateProcess
from latentode.models.point_processes.rate_share import RateShare
from latentode.models.point_processes.renewal import RenewalProcess
from latentode.models.point_processes.self_correcting import SelfCorrectingProcess

__all__ = [
    "HawkesProcess",
    "HistoryFreeProcess",
    "HomogeneousProcess",
    "JumpProcess",
    "LogLinearProcess",
    "OwnRateProcess",
    "Past",
    "PiecewiseConstantProcess",
    "RateShare",
    "RenewalProcess",
    "SelfCorrectingProcess",
]
