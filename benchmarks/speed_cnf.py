"""Task speed-cnf: time and error of one likelihood step of a flow, beside competitors.

Part "step": log-density of a batch and its gradient by all weights, exact trace, the same trained
weights everywhere, in interleaved rounds of one process. Each competitor runs at several
tolerances; the fastest whose error is within the target counts. Part "trace": one divergence and
its gradient in many dimensions, closed form against one Hutchinson VJP. Competitors that are not
installed are left out.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from benchmarks.frame import Options, Report, Run, below_floors, markdown_table
from benchmarks.timing import interleave

PROTOCOL: dict[str, Any] = {
    "batch": 512,
    "shapes": [[64, 64, 64], [64, 64]],
    "warm_up_steps": 3000,
    "steps": 60,
    "ours": [["rk4", 8], ["rk4", 10], ["ab4", 24], ["ab4", 28]],
    "torchdiffeq": [1e-5, 1e-4],
    "zuko": [1e-5, 1e-4],
    "diffrax": [1e-4, 3e-4],
    "target": 5e-4,
    "trace_dims": [2, 8, 32, 64],
    "rounds": 15,
    "budget_s": 30.0,
    "seed": 0,
}
SMOKE: dict[str, Any] = {
    "batch": 16,
    "shapes": [[8, 8]],
    "warm_up_steps": 5,
    "steps": 1,
    "ours": [["rk4", 8]],
    "torchdiffeq": [1e-4],
    "zuko": [1e-4],
    "diffrax": [1e-4],
    "trace_dims": [4],
    "rounds": 1,
}
PARTS = ("step", "trace")
FLOORS = {
    "3 x 64: torchdiffeq 1e-05 / ours": 4.0,
    "3 x 64: zuko 1e-05 / ours": 4.0,
    "3 x 64: diffrax / ours, both within the target": 1.0,
    "D = 64: Hutchinson / closed form": 1 / 1.3,
}


def run(options: Options) -> Report:
    """Measure the wanted parts."""
    from benchmarks.flows import trace

    runs: list[Run] = []
    parts = options.chosen(PARTS)
    if "step" in parts:
        for shape in options.protocol["shapes"]:
            runs += _step(tuple(shape), options.protocol)
    if "trace" in parts:
        runs += trace.measure(options.protocol)
    return {"runs": runs}


def names(_protocol: Mapping[str, Any]) -> list[str]:
    """Parts."""
    return list(PARTS)


def _step(shape: tuple[int, ...], protocol: Any) -> list[Run]:
    from benchmarks.flows import subject

    flow, x = subject.trained(shape, protocol)
    truth = subject.reference(flow, x)
    cases: dict[tuple[str, str], tuple[Callable[[], Tensor], Callable[[], object]]] = {}
    for method, steps in protocol["ours"]:
        cases["ours", f"{method} {steps}"] = subject.ours(flow, x, method, steps)
    for peer, make in subject.PEERS.items():
        if importlib.util.find_spec(peer) is None:
            continue
        for tolerance in protocol[peer]:
            cases[peer, f"{tolerance:g}"] = make(flow, x, tolerance)
    timings = interleave(
        {f"{peer} {setting}": call for (peer, setting), (_, call) in cases.items()},
        protocol["rounds"],
        protocol["budget_s"],
    )
    return [
        {
            "part": "step",
            "shape": " x ".join([str(len(shape)), str(shape[0])]),
            "peer": peer,
            "setting": setting,
            "error": float((density().double() - truth).abs().mean()),
            **timings[f"{peer} {setting}"].columns(),
        }
        for (peer, setting), (density, _) in cases.items()
    ]


def ratios(report: Report) -> dict[str, float]:
    """Time of others over ours; ours is the fastest setting within the target."""
    clock = "cpu_ms" if report["threads"] == 1 else "wall_ms"
    target, found = report["protocol"]["target"], {}
    steps = [run for run in report["runs"] if run["part"] == "step"]
    for shape in dict.fromkeys(run["shape"] for run in steps):
        runs = [run for run in steps if run["shape"] == shape]
        good = [r for r in runs if r["error"] < target]
        ours = min((r[clock] for r in good if r["peer"] == "ours"), default=None)
        if ours is None:
            continue
        for r in runs:
            if r["peer"] != "ours":
                found[f"{shape}: {r['peer']} {r['setting']} / ours"] = r[clock] / ours
        for peer in dict.fromkeys(r["peer"] for r in good if r["peer"] != "ours"):
            fastest = min(r[clock] for r in good if r["peer"] == peer)
            found[f"{shape}: {peer} / ours, both within the target"] = fastest / ours
    for r in report["runs"]:
        if r["part"] == "trace":
            found[f"D = {r['dim']}: Hutchinson / closed form"] = r["hutchinson_ms"] / r["closed_ms"]
            found[f"D = {r['dim']}: loop of VJPs / closed form"] = r["loop_ms"] / r["closed_ms"]
    return found


def check(report: Report) -> list[str]:
    """Floors that are missed, and those that were not measured."""
    return below_floors(ratios(report), FLOORS)


def tables(report: Report) -> str:
    """Both parts, and the ratios with their floors."""
    clock = "cpu_ms" if report["threads"] == 1 else "wall_ms"
    parts = [
        "## Speed of flows\n",
        f"{report['threads']} thread(s), {clock[:-3]} time. A likelihood step: log-density of "
        f"{report['protocol']['batch']} points of 8 gaussians and its gradient, exact trace, "
        "float32; error: mean |log p - reference|, the reference at 1e-9 in float64. The same "
        "trained weights and batch for all; diffrax is jitted and its compilation in no median.\n",
    ]
    steps = [run for run in report["runs"] if run["part"] == "step"]
    if steps:
        parts.append(_step_table(steps, clock))
    traces = [run for run in report["runs"] if run["part"] == "trace"]
    if traces:
        header = ("D", "closed form ms", "one Hutchinson VJP ms", "loop of VJPs ms")
        keys = ("dim", "closed_ms", "hutchinson_ms", "loop_ms")
        parts.append(
            "A divergence and its gradient, 2 x 64 hidden:\n\n"
            + markdown_table(header, [[run[key] for key in keys] for run in traces])
        )
    rows = [(name, value, FLOORS.get(name)) for name, value in ratios(report).items()]
    parts.append(markdown_table(("ratio", "measured", "floor"), rows))
    return "\n".join(parts)


def _step_table(runs: Sequence[Run], clock: str) -> str:
    rows = [
        (r["shape"], r["peer"], r["setting"], r[clock], r["error"])
        for r in sorted(runs, key=lambda r: (r["shape"], r[clock]))
    ]
    return markdown_table(("hidden", "method", "setting", "ms", "error"), rows)
