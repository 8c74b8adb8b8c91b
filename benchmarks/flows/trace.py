"""One divergence and its gradient, by dimension: closed form, a Hutchinson VJP, a loop of VJPs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.flows.subject import plain_field
from benchmarks.frame import Run
from benchmarks.timing import interleave
from latentode.flows import CNF
from latentode.ode.divergence import divergence


def measure(protocol: Any) -> list[Run]:
    """One run a dimension."""
    return [_dimension(dim, protocol) for dim in protocol["trace_dims"]]


def _dimension(dim: int, protocol: Any) -> Run:
    torch.manual_seed(protocol["seed"])
    flow = CNF(dim, hidden_dims=(64, 64))
    x = torch.randn(protocol["batch"], dim).requires_grad_()
    probe = torch.randint(0, 2, x.shape) * 2.0 - 1
    time, field = torch.tensor(0.5), plain_field(flow)
    ours = flow.fields(x[:1, :0].detach())[0]

    def closed() -> Tensor:
        slope, trace = divergence(ours, time.double()[None], x[None], "analytic", None)
        return slope.sum() + trace.sum()

    def hutchinson() -> Tensor:
        slope = field(time, x)
        product = torch.autograd.grad(slope, x, probe, create_graph=True)[0]
        return slope.sum() + (product * probe).sum()

    def loop() -> Tensor:
        slope = field(time, x)
        parts = [
            torch.autograd.grad(slope[:, k].sum(), x, create_graph=True)[0][:, k].sum()
            for k in range(dim)
        ]
        return slope.sum() + torch.stack(parts).sum()

    def step(total: Callable[[], Tensor]) -> Callable[[], None]:
        def call() -> None:
            flow.zero_grad()
            x.grad = None
            total().backward()

        return call

    torch.testing.assert_close(closed(), loop(), rtol=1e-3, atol=1e-2)
    cases = {"closed": closed, "hutchinson": hutchinson, "loop": loop}
    # milliseconds each: more rounds than for a whole solve
    timings = interleave(
        {name: step(case) for name, case in cases.items()},
        10 * protocol["rounds"],
        protocol["budget_s"],
    )
    times = {f"{name}_ms": timing.columns()["cpu_ms"] for name, timing in timings.items()}
    return {"part": "trace", "dim": dim, **times}
