"""Signals that ask a process to stop."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], None]


def stopping_signals() -> tuple[signal.Signals, ...]:
    """SIGINT, SIGTERM, and SIGHUP unless it is ignored, as nohup has it."""
    hangup = getattr(signal, "SIGHUP", None)  # absent on Windows
    if hangup is None or signal.getsignal(hangup) == signal.SIG_IGN:
        return signal.SIGINT, signal.SIGTERM
    return signal.SIGINT, signal.SIGTERM, hangup


@contextmanager
def handling(handler: Handler, numbers: tuple[signal.Signals, ...] | None = None) -> Iterator[None]:
    """Handle signals inside the block; outside the main thread, where Python allows none, do not.

    Args:
        handler: What is called.
        numbers: The signals; None for those that ask to stop.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handled = stopping_signals() if numbers is None else numbers
    before = {}
    try:
        for number in handled:
            # noted first: a signal may come before the next line
            before[number] = signal.getsignal(number)
            signal.signal(number, handler)
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


class _Ended(BaseException):
    """A signal that will end the process, once what is around has been cleaned up."""


@contextmanager
def cleaned_up() -> Iterator[None]:
    """Let a signal that would end the process at once run the clean-up of the block first."""
    deadly = tuple(
        number for number in stopping_signals() if signal.getsignal(number) == signal.SIG_DFL
    )
    caught = []

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        caught.append(number)
        if len(caught) == 1:  # further ones leave the clean-up alone
            raise _Ended

    try:
        with handling(end, deadly):
            yield
    finally:
        if caught:
            signal.signal(caught[0], signal.SIG_DFL)
            os.kill(os.getpid(), caught[0])
