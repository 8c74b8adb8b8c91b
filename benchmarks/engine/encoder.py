"""Encoder alone, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.engine import ours, peers
from benchmarks.engine.model import build_model
from benchmarks.engine.peers_torch import UnionODERNN, union_rows
from benchmarks.engine.subject import Subject, fine_summary, relative_error
from benchmarks.frame import Run
from benchmarks.timing import interleave


def measure(subject: Subject, protocol: Mapping[str, Any]) -> list[Run]:
    """Runs of all encoders on a workload; errors of the ODE-RNNs against tiny Euler steps."""
    generator = torch.Generator().manual_seed(protocol["seed"])
    cotangent = torch.randn(subject.batch.size, subject.sizes.hidden, generator=generator)
    own = subject.model.encoder
    modules: dict[str, nn.Module] = {
        f"ours {name}": own if name == "ode_rnn" else build_model(subject.sizes, name, 0).encoder
        for name in ours.ENCODERS
    }
    union = UnionODERNN(own, union_rows(subject.batch))
    modules["ODE-RNN on the union grid, torch"] = union
    cases: dict[str, Callable[[], Tensor]] = {
        name: lambda module=module: _both(module, subject, cotangent)
        for name, module in modules.items()
    }
    if peers.wanted("diffrax", protocol):
        from benchmarks.engine import peers_jax

        cases["ODE-RNN, packed scan, JAX"] = peers_jax.encoding(
            subject.model, subject.batch, cotangent
        )
    exact = fine_summary(subject.model, subject.batch)
    timings = interleave(cases, protocol["rounds"], protocol["budget_s"])
    return [
        {"part": "encoder", "workload": subject.name, "method": name}
        | timing.columns()
        | {"error": relative_error(cases[name](), exact) if _is_ode_rnn(name) else None}
        for name, timing in timings.items()
    ]


def _is_ode_rnn(name: str) -> bool:
    return "ODE-RNN" in name or "ode_rnn" in name


def _both(module: nn.Module, subject: Subject, cotangent: Tensor) -> Tensor:
    summary: Tensor = module(subject.batch, reverse=True)
    torch.autograd.grad(summary, list(module.parameters()), cotangent)
    return summary.detach()
