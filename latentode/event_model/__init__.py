r"""Models of event streams: a history that jumps, and none.

Use `JumpProcess` where events change what comes after them (aftershocks, follow-up alarms, queues);
`HistoryFreeProcess` where only the clock of the window counts, and as the yardstick of how much the
history is worth.
"""

from latentode.event_model.history_free import HistoryFreeProcess
from latentode.event_model.jump import JumpProcess, Past

__all__ = ["HistoryFreeProcess", "JumpProcess", "Past"]
