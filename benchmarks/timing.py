"""Times of competitors, measured in turn so that all of them see the same machine."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Case = Callable[[], object]


@dataclass
class Timing:
    """What one competitor took.

    Attributes:
        first_s: Wall time of the first call, in seconds: compilation and warm-up, in no median.
        cpu_ms: CPU time of each later call, all threads together.
        wall_ms: Wall time of each later call.
    """

    first_s: float
    cpu_ms: list[float] = field(default_factory=list)
    wall_ms: list[float] = field(default_factory=list)

    def columns(self) -> dict[str, float]:
        """Median, minimum and maximum of the CPU time and median wall time, milliseconds."""
        return {
            "cpu_ms": statistics.median(self.cpu_ms),
            "cpu_min": min(self.cpu_ms),
            "cpu_max": max(self.cpu_ms),
            "wall_ms": statistics.median(self.wall_ms),
            "rounds": len(self.cpu_ms),
            "first_s": self.first_s,
        }


def interleave(
    cases: Mapping[str, Case], rounds: int, budget_s: float, min_rounds: int = 3
) -> dict[str, Timing]:
    """Time competitors in rounds A B C, A B C, ...

    Args:
        cases: What is measured, by name. A call must have finished its work when it returns.
        rounds: Measured calls of each.
        budget_s: A competitor that has taken this long leaves, after `min_rounds` at the earliest.
        min_rounds: See `budget_s`.

    Returns:
        The times of each, in the order of `cases`.
    """
    timings = {}
    for name, case in cases.items():
        begin = time.perf_counter()
        case()
        timings[name] = Timing(time.perf_counter() - begin)
        case()
    # what stands by now, compilers and their caches, need not be looked through before every call
    gc.collect()
    gc.freeze()
    for index in range(rounds):
        for name, case in cases.items():
            spent = sum(timings[name].wall_ms) / 1e3
            if index < min_rounds or spent < budget_s:
                _measure(case, timings[name])
    gc.unfreeze()
    return timings


def _measure(case: Case, timing: Timing) -> None:
    gc.collect()
    gc.disable()
    try:
        wall, cpu = time.perf_counter(), time.process_time()
        case()
        timing.cpu_ms.append((time.process_time() - cpu) * 1e3)
        timing.wall_ms.append((time.perf_counter() - wall) * 1e3)
    finally:
        gc.enable()
