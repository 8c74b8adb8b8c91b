"""SIGINT, SIGTERM and SIGHUP: the first stops in an orderly way, the second at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from latentode.files.signals import handling, stopping_signals


class Stopped(BaseException):
    """A signal asked the command to stop.

    A `BaseException`, as `KeyboardInterrupt` is, so that no ``except Exception`` swallows it.

    Attributes:
        signal: Number of the signal.
        saved: True if a checkpoint was written before the command stopped.
        hint: How to go on from there, where one can.
    """

    hint: str | None = None

    def __init__(self, number: int, *, saved: bool = False) -> None:
        name = signal.Signals(number).name
        super().__init__(f"stopped by {name}" + (", after a checkpoint" if saved else ""))
        self.signal = int(number)
        self.saved = saved

    @property
    def exit_code(self) -> int:
        """128 + signal: 130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP."""
        return 128 + self.signal


def _stop(number: int, frame: FrameType | None) -> None:
    del frame
    for each in stopping_signals():
        signal.signal(each, _leave_at_once)
    raise Stopped(number)


def _leave_at_once(number: int, frame: FrameType | None) -> None:
    del frame
    os._exit(128 + number)  # every file is written atomically, so nothing is left half-written


@contextmanager
def orderly_stop() -> Iterator[None]:
    """Turn a signal to stop into `Stopped` inside the block; a second one ends the process."""
    with handling(_stop):
        yield
