"""A whole training iteration: encoder, posterior, solve, likelihood, KL, backward, Adam."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from benchmarks.engine import ours, peers
from benchmarks.engine.model import Decode, LatentODE, build_model
from benchmarks.engine.peers_torch import UnionGrid, UnionODERNN, union_rows
from benchmarks.engine.subject import Subject
from benchmarks.frame import Run
from benchmarks.timing import interleave
from latentode.data.batches.batch import SeriesBatch

# Adam moves a weight by about this much a call: its work is done, and the weights stay
RATE = 1e-7


def measure(subject: Subject, protocol: Mapping[str, Any]) -> list[Run]:
    """Runs of whole iterations, ours and the competitors' at the same solution errors."""
    cases: dict[str, Callable[[], float]] = {}
    labels: dict[str, Run] = {}

    def add(method: str, setting: str, case: Callable[[], float], target: float | None) -> None:
        name = f"{method}, {setting}, {target}"
        cases[name] = case
        labels[name] = {"method": method, "setting": setting, "target": target}

    for target in protocol["targets"]:
        steps = subject.steps(ours.METHOD, target)
        for name in ours.ENCODERS:
            model = with_encoder(subject, name)
            engine = ours.Engine(ours.METHOD, steps)
            case = step(model, subject.batch, subject.noise, engine)
            add(f"ours {name}", f"{ours.METHOD}, {steps} steps", case, target)
        if peers.wanted("diffrax", protocol):
            _add_diffrax(subject, target, add)
    union = with_encoder(subject, "ode_rnn")
    union.encoder = UnionODERNN(union.encoder, union_rows(subject.batch))
    case = step(union, subject.batch, subject.noise, UnionGrid(1e-3))
    add("ODE-RNN and dopri5 on the union grid, torch", "rtol 1e-3", case, None)

    timings = interleave(cases, protocol["rounds"], protocol["budget_s"])
    return [
        {"part": "iteration", "workload": subject.name}
        | labels[name]
        | timing.columns()
        | {"loss": cases[name]()}
        for name, timing in timings.items()
    ]


def _add_diffrax(subject: Subject, target: float, add: Callable[..., None]) -> None:
    from benchmarks.engine import peers_jax

    for method, decode in peers_jax.variants(subject.shared_times, target).items():
        _, rtol = peers_jax.calibrated(subject, method, decode, target)
        call = peers_jax.iteration(subject.model, subject.batch, subject.noise, decode, RATE)
        add(method, f"rtol {rtol:g}", lambda call=call, rtol=rtol: call(rtol), target)


def with_encoder(subject: Subject, name: str) -> LatentODE:
    """A copy of the trained model; an encoder other than the ODE-RNN keeps its initial weights."""
    model = copy.deepcopy(subject.model)
    if name != "ode_rnn":
        model.encoder = build_model(subject.sizes, name, 0).encoder
    return model


def step(
    model: LatentODE, batch: SeriesBatch, noise: Tensor, decode: Decode
) -> Callable[[], float]:
    """A training iteration in torch; each call returns the loss."""
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)

    def call() -> float:
        optimizer.zero_grad()
        loss = model.loss(batch, noise, decode)
        loss.backward()
        optimizer.step()
        return loss.item()

    return call
