"""Processes of this machine, by the standard library."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from typing import Any

from latentode.errors import ResourceError
from latentode.files.signals import stopping_signals
from latentode.scale.engines.results import Lost

_TRIES = 2  # a part whose process has died so often is the likely reason


@dataclass(frozen=True)
class Processes:
    """Maps with some processes, each of which does one item at a time.

    A process that dies (killed, or out of memory) costs its own item alone: another takes its
    place, and does the item again; after a second death it is given up.

    Attributes:
        workers: How many.
    """

    workers: int

    def __call__(self, function: Callable[[int], Any], items: Sequence[int]) -> Iterator[Any]:
        """Results as they are there, `Lost` for an item that was given up.

        Args:
            function: What is mapped.
            items: Over these.
        """
        waiting, deaths = deque(items), Counter[int]()
        # a pool each, as the death of one process ends all others of its pool
        idle = [_process() for _ in range(min(self.workers, len(items)))]
        running: dict[Future[Any], tuple[ProcessPoolExecutor, int]] = {}
        try:
            while waiting or running:
                while idle and waiting:
                    process, item = idle.pop(), waiting.popleft()
                    running[_begun(process, function, item)] = process, item
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    process, item = running.pop(future)
                    error = future.exception()
                    if not isinstance(error, BrokenProcessPool):
                        idle.append(process)
                        yield future.result() if error is None else Lost(item, error)
                        continue
                    process.shutdown()
                    idle.append(_process())
                    deaths[item] += 1
                    if deaths[item] < _TRIES:
                        waiting.append(item)
                    else:
                        yield Lost(item, ResourceError(_DIED))
        finally:
            for process in [*idle, *(process for process, _ in running.values())]:
                process.shutdown(cancel_futures=True)


_DIED = (
    f"its process died {_TRIES} times (killed, or out of memory). Take fewer --workers, or make "
    "more --parts."
)


def _process() -> ProcessPoolExecutor:
    # spawned, not forked: threads of torch and locks of the caller do not survive a fork
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_stay_with_parent)


def _begun(process: ProcessPoolExecutor, function: Callable[[int], Any], item: int) -> Future[Any]:
    """An item that a process works on; broken at once where it has died while it was idle."""
    try:
        return process.submit(function, item)
    except BrokenProcessPool as error:
        future: Future[Any] = Future()
        future.set_exception(error)
        return future


def _stay_with_parent() -> None:
    """Leave what a terminal sends to the parent, and end with it, even where it is killed."""
    for number in {*stopping_signals()} - {signal.SIGTERM}:
        signal.signal(number, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None, "it was spawned"

    def follow() -> None:
        parent.join()
        os._exit(1)  # results are written whole or not at all

    threading.Thread(target=follow, daemon=True).start()
