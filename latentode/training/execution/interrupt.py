"""SIGINT, SIGTERM and SIGHUP during training: finish the step, save, then stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from latentode.files.signals import handling


class Interrupted(BaseException):
    """Training was stopped by a signal after a checkpoint was saved.

    A `BaseException`, as `KeyboardInterrupt` is, so that no ``except Exception`` swallows it.

    Attributes:
        signal: Number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name} after a checkpoint")
        self.signal = number


class StopRequest:
    """Remembers the first signal; a second one ends the process at once.

    Attributes:
        number: The signal that asked to stop, or 0.
    """

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Signal handler."""
        del frame
        if self.number:
            os._exit(128 + number)  # every file is written atomically: nothing is left half-written
        self.number = number

    def raise_if_asked(self) -> None:
        """Raise `Interrupted` if a signal came."""
        if self.number:
            raise Interrupted(self.number)


@contextmanager
def stop_on_signal() -> Iterator[StopRequest]:
    """Collect signals to stop while the block runs; outside the main thread, do nothing."""
    request = StopRequest()
    with handling(request):
        yield request
