"""The time of a run: what it took, what is left, and when to say so."""

from __future__ import annotations

from collections.abc import Callable

from latentode.config import TrainConfig
from latentode.config.durations import parse_duration

_REPORT_SECONDS = 0.25  # a faster line cannot be read, and drawing it costs time


class Pace:
    """Clock of one call of the trainer, from its making on.

    Args:
        config: Settings; ``max_time`` is the budget.
        first_step: Steps that were taken before this call, by the run that it resumes.
        clock: Seconds since any moment.
    """

    def __init__(self, config: TrainConfig, first_step: int, clock: Callable[[], float]) -> None:
        self.budget = (
            None if config.max_time is None else parse_duration(config.max_time, "s") / 1e9
        )
        self._first_step = first_step
        self._clock = clock
        self._started = self._reported = clock()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._started

    @property
    def is_over(self) -> bool:
        """True once the budget is spent."""
        return self.budget is not None and self.elapsed >= self.budget

    def seconds_left(self, step: int, total_steps: int) -> float | None:
        """Seconds to the end of the schedule or of the budget; None before the first step."""
        taken, elapsed = step - self._first_step, self.elapsed
        if taken < 1:
            return None
        left = max(0, total_steps - step) * elapsed / taken
        return left if self.budget is None else max(0.0, min(left, self.budget - elapsed))

    def is_report_due(self) -> bool:
        """True at most a few times a second."""
        now = self._clock()
        if now - self._reported < _REPORT_SECONDS:
            return False
        self._reported = now
        return True
