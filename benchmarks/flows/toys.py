"""A flow on each toy density."""

from __future__ import annotations

import time
from typing import Any

import torch

from benchmarks.frame import Run
from latentode.flows import CNF, FlowFitConfig, draw_toy, fit_flow, toy_entropy


def score(name: Any, seed: int, protocol: Any) -> Run:
    """Fit to draws, and score fresh ones."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    data = draw_toy(name, protocol["draws"], generator).float()
    test = draw_toy(name, protocol["test_draws"], generator).float()
    flow = CNF(2, hidden_dims=tuple(protocol["hidden"]))
    flow.standardize(data.mean(0), data.std(0))
    begin = time.process_time()
    matching, steps, lr = protocol["recipes"].get(name, protocol["recipes"]["others"])
    config = FlowFitConfig(matching, steps, protocol["batch"], lr=lr)
    fit_flow(flow, data, config=config, generator=generator)
    seconds = time.process_time() - begin
    with torch.no_grad():
        result = flow.evaluate(test)
    nll, entropy = -float(result.log_prob.mean()), toy_entropy(name)
    return {
        "part": "toys",
        "model": name,
        "setting": "NLL" if entropy is None else "above entropy",
        "metric": "nats",
        "value": nll if entropy is None else nll - entropy,
        "seed": seed,
        "parameters": sum(p.numel() for p in flow.parameters()),
        "train_seconds": seconds,
        "gap": result.solver_gap,
    }
