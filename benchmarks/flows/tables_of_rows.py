"""Models of the rows of UCI protein, each with the same CPU time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.frame import Run
from latentode.flows import CNF, flow_matching_loss
from latentode.flows.fitting import keep_accurate

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "tabular_uci.npz"


def rows_of(protocol: Any) -> tuple[Tensor, Tensor]:
    """Training and test rows, z-scored by the training part; one split for all seeds."""
    table = np.load(DATA)["protein"]
    table = table[np.random.default_rng(0).permutation(len(table))][: protocol["rows"]]
    count = len(table) * 9 // 10
    mean, std = table[:count].mean(0), table[:count].std(0)
    rows = torch.from_numpy((table - mean) / std).float()
    return rows[:count], rows[count:][: protocol["test_rows"]]


def score(model: str, seed: int, protocol: Any) -> Run:
    """Fit one model within its time, and give its test NLL."""
    torch.manual_seed(seed)
    train, test = rows_of(protocol)
    gap, begin = None, time.process_time()
    if model == "Gaussian":
        law = torch.distributions.MultivariateNormal(train.mean(0), torch.cov(train.T))
        parameters, seconds = 10 + 55, time.process_time() - begin
        log_prob = law.log_prob(test)
    elif model.startswith("ours"):
        flow = CNF(train.shape[1], hidden_dims=tuple(protocol["hidden"]))
        _fit_ours(flow, model, train, protocol)
        parameters, seconds = _size(flow), time.process_time() - begin
        with torch.no_grad():
            result = flow.eval().evaluate(test)
        log_prob, gap = result.log_prob, result.solver_gap
    else:
        flow = _zuko(model, train.shape[1], tuple(protocol["hidden"]))
        descend(flow, lambda rows: -flow().log_prob(rows).mean(), train, protocol, 1.0, 1e-3)
        parameters, seconds = _size(flow), time.process_time() - begin
        log_prob = _scored(flow, test)
    return {
        "part": "protein",
        "model": model,
        "setting": "protein",
        "metric": "NLL",
        "value": -float(log_prob.mean()),
        "seed": seed,
        "parameters": parameters,
        "train_seconds": seconds,
        "gap": gap,
    }


def _size(flow: nn.Module) -> int:
    return sum(p.numel() for p in flow.parameters())


def _fit_ours(flow: CNF, model: str, train: Tensor, protocol: Any) -> None:
    match = lambda rows: flow_matching_loss(flow, rows)  # noqa: E731
    likelihood = lambda rows: -flow.evaluate(rows).log_prob.mean()  # noqa: E731
    if model == "ours, matching":
        descend(flow, match, train, protocol, 1.0, 2e-3)
    elif model == "ours, likelihood":
        descend(flow, likelihood, train, protocol, 1.0, 2e-3)
    else:
        descend(flow, match, train, protocol, 0.5, 2e-3)
        descend(flow, likelihood, train, protocol, 0.5, 2e-3)


def _zuko(model: str, dim: int, hidden: tuple[int, ...]) -> nn.Module:
    import zuko

    if model.startswith("zuko CNF"):
        flow = zuko.flows.CNF(
            dim, hidden_features=hidden, activation=nn.Tanh, atol=1e-4, rtol=1e-4,
            exact=model.endswith("exact"),
        )  # fmt: skip
        return flow
    family = zuko.flows.MAF if model.endswith("MAF") else zuko.flows.NSF
    return family(dim, transforms=3, hidden_features=(64, 64))


def _scored(flow: nn.Module, test: Tensor) -> Tensor:
    """Exact densities, of the flow that was trained with an estimate as well."""
    for module in flow.modules():
        if hasattr(module, "exact"):
            module.exact = True
            module.atol = module.rtol = 1e-5
    with torch.no_grad():
        return torch.cat([flow().log_prob(part) for part in test.split(500)])


def descend(
    flow: nn.Module,
    loss_of: Callable[[Tensor], Tensor],
    train: Tensor,
    protocol: Any,
    share: float,
    lr: float,
) -> None:
    """Adam with a cosine decay over a share of the CPU time; one loop for all models."""
    optimizer = torch.optim.Adam(flow.parameters(), lr=lr)
    budget, begin, step = share * protocol["seconds"], time.process_time(), 0
    while (spent := time.process_time() - begin) < budget:
        optimizer.param_groups[0]["lr"] = 0.5 * lr * (1 + math.cos(math.pi * spent / budget))
        rows = train[torch.randint(0, len(train), (protocol["batch"],))]
        optimizer.zero_grad()
        loss_of(rows).backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
        optimizer.step()
        step += 1
        if isinstance(flow, CNF) and step % 50 == 0:
            keep_accurate(flow, rows)
