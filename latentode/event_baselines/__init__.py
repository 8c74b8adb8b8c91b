"""Classical point processes: yardsticks of every model of events, and simulated truths.

- `HomogeneousProcess`: a constant rate of each kind; what gains are counted from.
- `PiecewiseConstantProcess`, `LogLinearProcess`: rates that follow the clock of the window.
- `HawkesProcess`: events excite events, with exponential kernels; exact, in linear time.
- `SelfCorrectingProcess`: events calm, silence presses.
- `RenewalProcess`: only the gap since the last event counts; a mixture of log-normals.

All are torch modules with `score`, are fitted like the neural models, and are exact in closed form.
"""

from latentode.event_baselines.clock_rates import (
    HomogeneousProcess,
    LogLinearProcess,
    PiecewiseConstantProcess,
)
from latentode.event_baselines.hawkes import HawkesProcess
from latentode.event_baselines.renewal import RenewalProcess
from latentode.event_baselines.self_correcting import SelfCorrectingProcess

__all__ = [
    "HawkesProcess",
    "HomogeneousProcess",
    "LogLinearProcess",
    "PiecewiseConstantProcess",
    "RenewalProcess",
    "SelfCorrectingProcess",
]
