"""The wall-clock budget of a run on event streams, and the steps that fit into it."""

from __future__ import annotations

import math
from collections.abc import Callable

_TIMED_STEPS = 3  # by which the steps that fit are told
_SHARE = 0.9  # of the time that is left: saving takes some, and steps are not all alike


class StepBudget:
    """Clock of one call, from its making on.

    Args:
        seconds: The budget; None has no end.
        clock: Seconds since any moment.
    """

    def __init__(self, seconds: float | None, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._end = math.inf if seconds is None else clock() + seconds
        self._now = -math.inf
        self._began: float | None = None
        self._steps = 0

    def note_step(self) -> None:
        """Look at the clock, after each step of this call."""
        self._now = self._clock()
        if self._began is None:
            self._began = self._now  # the first step pays for warming up
        else:
            self._steps += 1

    @property
    def is_over(self) -> bool:
        """True once the budget is spent."""
        return self._now >= self._end

    def shortened(self, step: int, steps: int) -> int:
        """Steps of a schedule that ends in time, at the moment when a few steps have been timed.

        Args:
            step: Number of the last step.
            steps: Steps of the whole schedule.

        Returns:
            Their number, `step` at least; 0 at any other moment, and where all steps fit.
        """
        if self._began is None or self._steps != _TIMED_STEPS or self.is_over:
            return 0
        timed = self._now - self._began
        left = _SHARE * (self._end - self._now) * self._steps
        return step + int(left / timed) if left < timed * (steps - step) else 0
