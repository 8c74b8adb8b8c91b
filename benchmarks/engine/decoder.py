"""Decoder alone: one solve, read at all query times, forward and backward."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from benchmarks.engine import ours, peers
from benchmarks.engine.peers_torch import PerGap, TorchODE, UnionGrid
from benchmarks.engine.subject import TOLERANCES, Subject, check_reference
from benchmarks.frame import Run
from benchmarks.timing import Case, interleave

Result = tuple[Tensor, Tensor]


def measure(subject: Subject, protocol: Mapping[str, Any]) -> list[Run]:
    """Runs of all decoders on a workload, at equal errors where they have a tolerance."""
    cases: dict[str, Case] = {}
    solutions: dict[str, Callable[[], Result]] = {}
    labels: dict[str, Run] = {}

    def add(
        method: str,
        setting: str,
        target: float | None,
        solution: Callable[[], Result],
        case: Case | None = None,
    ) -> None:
        name = f"{method}, {setting}, {target}"
        cases[name], solutions[name] = case or solution, solution
        labels[name] = {"method": method, "setting": setting, "target": target}

    for target in protocol["targets"]:
        _add_ours(subject, target, add)
        _add_adaptive(subject, target, protocol, add)
    for method, decode in {
        "torchdiffeq dopri5, union grid": UnionGrid(1e-3),
        "torchdiffeq dopri5, once a gap": PerGap(1e-3),
    }.items():
        add(method, "rtol 1e-3", None, lambda decode=decode: subject.decode(decode))

    common = {"part": "decoder", "workload": subject.name}
    runs, reference_gap = [], check_reference(subject)
    timings = interleave(cases, protocol["rounds"], protocol["budget_s"])
    for name, timing in timings.items():
        error, gradient_error = subject.errors(solutions[name]())
        found = {"error": error, "gradient_error": gradient_error, "reference_gap": reference_gap}
        runs.append(common | labels[name] | timing.columns() | found)
    bounds = [_bound(subject, run) for run in runs if run["method"].startswith("ours")]
    return runs + bounds


def _add_ours(subject: Subject, target: float, add: Callable[..., None]) -> None:
    for method in ours.METHODS:
        steps = subject.steps(method, target)
        engine = ours.Engine(method, steps)
        add(f"ours {method}", f"{steps} steps", target, lambda e=engine: subject.decode(e))


def _add_adaptive(
    subject: Subject, target: float, protocol: Mapping[str, Any], add: Callable[..., None]
) -> None:
    if peers.wanted("torchode", protocol):
        method = "torchode dopri5"
        rtol = subject.cheapest(
            method, target, TOLERANCES, lambda rtol: subject.decode(TorchODE(rtol))
        )
        add(method, f"rtol {rtol:g}", target, lambda r=rtol: subject.decode(TorchODE(r)))
    if peers.wanted("diffrax", protocol):
        from benchmarks.engine import peers_jax

        for method, decode in peers_jax.variants(subject.shared_times, target).items():
            alone, rtol = peers_jax.calibrated(subject, method, decode, target)
            # conversion to torch is in no time
            add(
                method,
                f"rtol {rtol:g}",
                target,
                lambda alone=alone, r=rtol: alone.solution(r),
                lambda alone=alone, r=rtol: alone.run(r),
            )


def _bound(subject: Subject, run: Run) -> Run:
    """What the arithmetic of one of our runs alone would take at the measured rate of products."""
    engine = ours.Engine(run["method"].split()[1], int(run["setting"].split()[0]))
    calls = ours.evaluations(subject.model.dynamics, subject.z0, subject.batch, engine)
    weights = sum(p.numel() for p in subject.model.dynamics.parameters() if p.dim() == 2)
    rows = subject.z0.shape[0] * subject.z0.shape[1]
    # forward, gradient of the input, gradient of the weight: three products of two flops a weight
    flops = 6 * calls * rows * weights
    rate = product_rate()
    return {
        "part": "decoder",
        "workload": subject.name,
        "method": f"FLOP bound of {run['method']}",
        "setting": f"{calls} evaluations at {rate / 1e9:.0f} GFLOP/s",
        "target": run["target"],
        "cpu_ms": flops / rate * 1e3,
    }


def product_rate(size: int = 1024, repeats: int = 5) -> float:
    """Floating-point operations a CPU second in a float32 matrix product, the best of a few."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = float("inf")
    for _ in range(repeats):
        begin = time.process_time()
        torch.mm(a, b)
        best = min(best, time.process_time() - begin)
    return 2 * size**3 / best
