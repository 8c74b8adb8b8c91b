"""What a run of mutants says: counts and scores of packages, and who survived."""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.mutants.mutations import PACKAGES

if TYPE_CHECKING:
    from cosmic_ray.work_item import WorkItem, WorkResult

Z = 1.959964  # of a 95 % interval
NOT_FOUND = "its tests were not found"  # of a mutant, which then says nothing of the tests


def lines(
    completed: Iterable[tuple[WorkItem, WorkResult]], counts: dict[str, int], tree: Path
) -> Iterator[str]:
    """Table of outcomes, then a place and a difference for every survivor."""
    outcomes: dict[str, Counter[str]] = {package: Counter() for package in PACKAGES}
    survivors, untold = [], []
    for item, result in completed:
        (mutation,) = item.mutations
        place = mutation.module_path.relative_to(tree / "latentode")
        package = next(name for name in PACKAGES if place.is_relative_to(name))
        if result.output == NOT_FOUND:
            untold.append(f"latentode/{place}:{mutation.start_pos[0]} ({NOT_FOUND})")
            continue
        killed = result.is_killed
        timed_out = killed and result.output == "timed out"
        outcomes[package]["timed out" if timed_out else "killed" if killed else "survived"] += 1
        if not killed:
            where = f"latentode/{place}:{mutation.start_pos[0]} ({result.output})"
            survivors.append(f"{where}\n{result.diff}")
    yield "\n| package | mutants | tried | killed | timed out | survived | score | 95 % interval |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for package in PACKAGES:
        yield row(package, counts[package], outcomes[package])
    yield row("all", sum(counts.values()), sum(outcomes.values(), Counter()))
    yield f"\n{len(untold)} are outside the score:"
    yield from sorted(untold)
    yield f"\n{len(survivors)} survived:"
    yield from sorted(survivors)


def row(name: str, of: int, outcomes: Counter[str]) -> str:
    """Row of the table: how many, and the share that was killed or timed out."""
    killed, timed_out, survived = (outcomes[key] for key in ("killed", "timed out", "survived"))
    tried = killed + timed_out + survived
    if tried == 0:
        return f"| {name} | {of} | 0 | 0 | 0 | 0 | | |"
    score = (killed + timed_out) / tried
    low, high = wilson(killed + timed_out, tried)
    shares = f"{100 * score:.1f} % | {100 * low:.1f} to {100 * high:.1f} %"
    return f"| {name} | {of} | {tried} | {killed} | {timed_out} | {survived} | {shares} |"


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Interval of a share by Wilson (1927), which stays within 0 and 1."""
    share, spread = successes / trials, Z * Z / trials
    middle = share + spread / 2
    half = Z * math.sqrt(share * (1 - share) / trials + spread / trials / 4)
    return (middle - half) / (1 + spread), (middle + half) / (1 + spread)


def difference(before: str, after: str) -> str:
    """Lines that a mutation takes and gives."""
    changed = difflib.ndiff(before.splitlines(), after.splitlines())
    return "\n".join(f"    {line.rstrip()}" for line in changed if line[:1] in "+-")
