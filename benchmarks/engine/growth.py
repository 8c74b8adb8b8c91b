"""How the time of our iteration grows, one size at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.engine import iteration, ours
from benchmarks.engine.model import build_model, draw_noise
from benchmarks.engine.workloads import W2, build, distinct_stamps
from benchmarks.frame import Run
from benchmarks.timing import Case, interleave


def measure(protocol: Mapping[str, Any]) -> list[Run]:
    """Runs of whole iterations with the ODE-RNN on W2, for each axis and value of the protocol.

    The steps are fixed, so weights do not matter and are the initial ones. Steps grow with the
    horizon.
    """
    runs = []
    for axis, values in protocol["growth"].items():
        cases, stamps = {}, {}
        for value in values:
            cases[str(value)], stamps[str(value)] = _case(axis, value, protocol)
        timings = interleave(cases, protocol["rounds"], protocol["budget_s"])
        runs += [
            {"part": "growth", "workload": "W2", "method": f"ours ode_rnn, {ours.METHOD}"}
            | {"axis": axis, "value": value, "stamps": stamps[str(value)]}
            | timings[str(value)].columns()
            for value in values
        ]
    return runs


def _case(axis: str, value: float, protocol: Mapping[str, Any]) -> tuple[Case, int]:
    seed = protocol["seed"]
    sizes, batch = build("W2", seed, **{axis: value})
    steps = round(protocol["growth_steps"] * sizes.horizon / W2.horizon)
    model = build_model(sizes, "ode_rnn", seed)
    engine = ours.Engine(ours.METHOD, steps)
    case = iteration.step(model, batch, draw_noise(sizes, batch, seed), engine)
    return case, distinct_stamps(batch)
