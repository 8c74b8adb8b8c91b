"""Task quality-engine: does the fast engine cost test error? Trained on W1, several seeds.

The same model, encoder, weights at the start and batches; one arm solves with our engine, whose
step is watched every epoch, the other with torchdiffeq's dopri5 (rtol 1e-3, atol 1e-4, the
original's) on the union grid.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.engine import ours
from benchmarks.engine.model import LatentODE, build_model, draw_noise
from benchmarks.engine.peers_torch import UnionGrid
from benchmarks.engine.subject import relative_error
from benchmarks.engine.workloads import W1, Sizes, observe_some, toy_values
from benchmarks.frame import Options, Report, Run, accuracy_rows, accuracy_table

if TYPE_CHECKING:
    from benchmarks.engine.model import Decode
    from latentode.data.batches.batch import SeriesBatch

PROTOCOL: dict[str, Any] = {
    "epochs": 500,
    "series": 200,
    "test_series": 200,
    "batch": 50,
    "tolerance": 1e-3,
    "learning_rate": 1e-2,
}
SMOKE: dict[str, Any] = {"epochs": 1, "series": 20, "test_series": 10, "batch": 10}
ARMS = ("engine", "torchdiffeq")
METRICS = ("test MSE", "test MSE, solved accurately", "solver error")
# three seeds scatter by more than a factor of two; beyond that the engine would be to blame
TOLERATED_STDS = 2.0


def run(options: Options) -> Report:
    """Train every arm on every seed; ``--only engine`` runs one arm."""
    runs = []
    for seed in options.seeds:
        for arm in options.chosen(ARMS):
            runs += train(arm, seed, options.protocol)
    return {"runs": runs}


def names(_protocol: Mapping[str, Any]) -> list[str]:
    """Arms."""
    return list(ARMS)


def solver_of(arm: str, protocol: Mapping[str, Any]) -> Decode:
    """How an arm solves in training and in its own test."""
    return ours.WatchedEngine(protocol["tolerance"]) if arm == "engine" else UnionGrid(1e-3)


def train(arm: str, seed: int, protocol: Mapping[str, Any]) -> list[Run]:
    """Train one model and score it on all points of held-out series.

    Adamax from `learning_rate`, times 0.999 an iteration down to a tenth; the KL term is off for
    ten epochs and then grows as 1 - 0.99^(epoch - 10), as in the original.
    """
    sizes = replace(W1, series=protocol["series"] + protocol["test_series"])
    times, values = toy_values(sizes, seed)
    count = protocol["series"]
    decode, model = solver_of(arm, protocol), build_model(sizes, "ode_rnn", seed)
    optimizer = torch.optim.Adamax(model.parameters(), lr=protocol["learning_rate"])
    rng, begin, draw = np.random.default_rng([seed, 3]), time.process_time(), 0
    for epoch in range(protocol["epochs"]):
        kl_weight = max(0.0, 1 - 0.99 ** (epoch - 10)) if epoch >= 10 else 0.0
        for number, batch in enumerate(
            batches(times[:count], values[:count], protocol["batch"], rng)
        ):
            draw += 1
            if number == 0 and isinstance(decode, ours.WatchedEngine):
                with torch.no_grad():
                    decode.settle(model.dynamics, model.infer(batch)[0][None], batch)
            optimizer.zero_grad()
            model.loss(batch, draw_noise(sizes, batch, draw), decode, kl_weight).backward()
            optimizer.step()
            for group in optimizer.param_groups:
                group["lr"] = max(protocol["learning_rate"] / 10, group["lr"] * 0.999)
    spent = time.process_time() - begin
    test = observe_some(
        times[count:], values[count:], W1.readings, np.random.default_rng([seed, 4])
    )
    found = score(model, sizes, test, decode)
    common = {
        "part": f"{arm}, seed {seed}",
        "model": arm,
        "setting": f"W1, {protocol['epochs']} epochs",
        "seed": seed,
        "parameters": sum(p.numel() for p in model.parameters()),
        "train_seconds": spent,
    }
    return [common | {"metric": m, "value": v} for m, v in zip(METRICS, found, strict=True)]


def batches(
    times: np.ndarray, values: np.ndarray, size: int, rng: np.random.Generator
) -> Iterator[SeriesBatch]:
    """An epoch in random order; the observed half is drawn anew for every batch."""
    order = rng.permutation(len(times))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield observe_some(times[rows], values[rows], W1.readings, rng)


@torch.no_grad()
def score(
    model: LatentODE, sizes: Sizes, test: SeriesBatch, decode: Decode
) -> tuple[float, float, float]:
    """Test error with the arm's own solver and with an accurate one, and the solver's error."""
    mean, std = model.infer(test)
    z0 = mean + std * draw_noise(sizes, test, 0)
    own = decode(model.dynamics, z0, test)
    accurate = ours.Engine("rk4", 1024)(model.dynamics, z0, test)
    errors = [float((test.targets - model.head(s)).square().mean()) for s in (own, accurate)]
    return errors[0], errors[1], relative_error(own, accurate.double())


def summarise(runs: list[Run]) -> list[Run]:
    """Mean and standard deviation over seeds."""
    return accuracy_rows(runs)


def check(report: Report) -> list[str]:
    """The engine's mean test error is not above the other arm's beyond seed noise."""
    means = {row["model"]: row for row in report["rows"] if row["metric"] == METRICS[1]}
    if {"engine", "torchdiffeq"} - set(means):
        return ["test error: expected both arms, got only " + ", ".join(means)]
    fast, slow = means["engine"], means["torchdiffeq"]
    noise = max(fast["std"] or 0.0, slow["std"] or 0.0) / len(fast["seeds"]) ** 0.5
    limit = slow["mean"] + TOLERATED_STDS * noise
    if fast["mean"] <= limit:
        return []
    return [f"test MSE of the engine: expected at most {limit:.3g}, got {fast['mean']:.3g}."]


def tables(report: Report) -> str:
    """Rows over seeds."""
    return "## Quality of the engine\n\n" + accuracy_table(report["rows"])
