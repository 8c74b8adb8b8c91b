"""The time of a run: what it took, what is left, and when to say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from latentode.config import TrainConfig
from latentode.config.durations import parse_duration

_TIMED_STEPS = 3  # by which the steps that fit into a budget are told for the first time
_CLOSING = 1.15  # of the time of steps: validation and saving, before an epoch has shown them
_SHARE = 0.95  # of the budget: the last validation, and what is fitted after the steps
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
        self._config = config
        self._first_step = first_step
        self._clock = clock
        self._started = self._reported = self._warm = clock()
        self._next_plan, self._validated = 1 + _TIMED_STEPS, False

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

    def steps_that_fit(self, step: int, most: int, *, closed: bool = False) -> int | None:
        """Steps of a schedule that ends within the budget; None but for some moments.

        It is told after a few steps, again whenever twice as many were taken, and at the end of
        epochs: a machine that was busy at first is not held against all of the training.

        Args:
            step: Number of the step that was taken, first of all the first of this call.
            most: Steps of the whole schedule.
            closed: Whether an epoch has just been closed, validation and all.
        """
        taken, now = step - self._first_step, self.elapsed
        self._validated |= closed
        if taken == 1 and not closed:
            self._warm = self._started + now  # the first step pays for warming up
        if taken <= _TIMED_STEPS or not (closed or taken >= self._next_plan):
            return None
        self._next_plan = max(self._next_plan, 2 * taken)
        if self.budget is None:
            return most
        seconds, left = self.seconds_a_step(step), max(0.0, _SHARE * self.budget - now)
        return min(most, step + int(left / seconds)) if seconds else most

    def plan(self, step: int, steps: int, most: int) -> dict[str, Any]:
        """What to say of a plan: its "text", and the "epoch_seconds" it is made of.

        Args:
            step: Number of the step that was taken.
            steps: Steps that are planned.
            most: Steps of the whole schedule.
        """
        size = self._config.resolved().steps_per_epoch
        assert size is not None
        seconds = size * self.seconds_a_step(step)
        epochs = -(-steps // size)
        text = (
            f"about {seconds:.1f} s per epoch, at most {epochs} epoch{'' if epochs == 1 else 's'}"
        )
        if steps < most:
            budget = self._config.max_time
            text += f" ({steps:,} of {most:,} steps, to end within --max-time {budget})"
        return {"text": text, "epoch_seconds": seconds}

    def seconds_a_step(self, step: int) -> float:
        """Mean since the first step, with what validation takes.

        Args:
            step: Number of the step that was taken.
        """
        spent = self._started + self.elapsed - self._warm
        steps = max(1, step - self._first_step - 1)
        return spent * (1.0 if self._validated else _CLOSING) / steps

    def is_report_due(self) -> bool:
        """True at most a few times a second."""
        now = self._clock()
        if now - self._reported < _REPORT_SECONDS:
            return False
        self._reported = now
        return True
