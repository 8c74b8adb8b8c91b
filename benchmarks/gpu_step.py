"""Task speed-gpu: loss and gradient of the model on W2 shapes, eager and as a CUDA graph.

It needs a CUDA device.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.engine.workloads import Sizes, build
from benchmarks.frame import Options, Report, Run, markdown_table
from latentode.config import ModelConfig, SolverConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.buckets import bucketed
from latentode.models.latent_ode import LatentODEModel
from latentode.models.objectives import elbo
from latentode.training.execution.capture import CudaRecorder
from latentode.training.execution.graphs import StepGraphs
from latentode.training.terms import LossTerms, PathPenalties, loss_terms

PROTOCOL: dict[str, Any] = {
    "seed": 0,
    "series": [64, 512, 4096],
    "latent": [16, 64],
    "encoder": "rnn",
    "steps": 56,
    "rounds": 30,
}
SMOKE: dict[str, Any] = {"series": [64], "latent": [16], "rounds": 3}
LEAST_GAIN = 5.0  # of a graph over eager steps, at 64 series
_NO_PENALTIES = PathPenalties((), (), 0.0)
LAUNCHES = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernel", "cudaGraphLaunch")


def names(_protocol: Mapping[str, Any]) -> list[str]:
    """The one part."""
    return ["step"]


def run(options: Options) -> Report:
    """Measure every size; ends the program with the reason where there is no GPU."""
    if not torch.cuda.is_available():
        raise SystemExit("speed-gpu: expected a CUDA device, got none. Run it where there is one.")
    protocol, device = options.protocol, torch.device("cuda", torch.cuda.current_device())
    peak = _peak_flops(device)
    runs = []
    for series in protocol["series"]:
        for latent in protocol["latent"]:
            model, batch, noise = problem(protocol, series, latent)
            found = {"gflop": flops(protocol, series, latent) / 1e9, "peak_tflops": peak / 1e12}
            found |= _measured(model.to(device), batch, noise, protocol["rounds"], device)
            found["bound_share"] = found["gflop"] * 1e12 / (peak * found["graphed_ms"])
            name = {"gpu": torch.cuda.get_device_name(device)}
            runs.append({"part": "step", "workload": f"W2, {series} x {latent}"} | name | found)
    return {"runs": runs}


def problem(
    protocol: Mapping[str, Any], series: int, latent: int
) -> tuple[LatentODEModel, SeriesBatch, Tensor]:
    """Model in training mode, padded batch and noise of a size, on the CPU."""
    sizes: Sizes
    sizes, batch = build("W2", protocol["seed"], series=series, latent=latent)
    step_size = sizes.horizon / protocol["steps"]
    torch.manual_seed(protocol["seed"])
    model = LatentODEModel(
        ModelConfig(
            latent_dim=latent,
            hidden_dim=sizes.units,
            encoder=protocol["encoder"],
            anchor="start",
            dropout=0.0,
        ),
        SolverConfig(step_size=step_size),
        num_channels=sizes.channels,
    )
    noise = torch.randn(sizes.draws, series, latent)
    return model.train(), bucketed(batch, step_size), noise


def flops(protocol: Mapping[str, Any], series: int, latent: int) -> int:
    """Operations in the matrix products of a step, counted without numbers on the device "meta"."""
    aten = torch.ops.aten
    in_place: dict[Any, Any] = {aten.addmm_: _addmm_flops}
    model, batch, noise = problem(protocol, series, latent)
    model, batch, noise = model.to("meta"), batch.to("meta"), noise.to("meta")
    with FlopCounterMode(display=False, custom_mapping=in_place) as counter:
        _eager(model, batch, noise, check=False)
    return int(counter.get_total_flops())


def _addmm_flops(_total: Any, one: Any, other: Any, **_rest: Any) -> int:
    return 2 * int(one[0]) * int(one[1]) * int(other[1])


def _eager(model: LatentODEModel, batch: SeriesBatch, noise: Tensor, *, check: bool) -> Tensor:
    loss = _objective(loss_terms(model, batch, noise, _NO_PENALTIES, check=check), 1.0)
    torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
    return loss


def _objective(terms: LossTerms, weight: float | Tensor) -> Tensor:
    return -elbo(terms.log_likelihood, terms.kl, weight).mean()


def _measured(
    model: LatentODEModel, batch: SeriesBatch, noise: Tensor, rounds: int, device: torch.device
) -> Run:
    batch, noise = batch.to(device), noise.to(device)
    parameters = list(model.parameters())
    graphs = StepGraphs(model, _objective, parameters, _NO_PENALTIES, CudaRecorder(device))
    cases: dict[str, Callable[[], object]] = {
        "eager": lambda: _eager(model, batch, noise, check=True),
        "unchecked": lambda: _eager(model, batch, noise, check=False),
        "graphed": lambda: graphs(batch, noise, 1.0, 0),
    }
    found: Run = {}
    for name, case in cases.items():
        case()
        case()
        found[f"{name}_launches"] = _launches(case)
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            times[name].append(_milliseconds(case))
    return found | {f"{name}_ms": statistics.median(spent) for name, spent in times.items()}


def _milliseconds(case: Callable[[], object]) -> float:
    torch.cuda.synchronize()
    begin = time.perf_counter()
    case()
    torch.cuda.synchronize()
    return (time.perf_counter() - begin) * 1e3


def _launches(case: Callable[[], object]) -> int:
    """Launches from the host; a graph is one."""
    kinds = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=kinds, acc_events=True) as profile:
        case()
        torch.cuda.synchronize()
    return sum(event.count for event in profile.key_averages() if event.key in LAUNCHES)


def _peak_flops(device: torch.device, size: int = 4096, rounds: int = 10) -> float:
    """Float32 operations a second in a large matrix product on this device."""
    one = torch.randn(size, size, device=device)
    _ = one @ one
    best = min(_milliseconds(lambda: one @ one) for _ in range(rounds))
    return 2.0 * size**3 / (best / 1e3)


def check(report: Report) -> list[str]:
    """Sizes of 64 series at which a graph gains less than it was asked to."""
    small = [run for run in report["runs"] if run["workload"].startswith("W2, 64 x")]
    return [
        f"{run['workload']}: expected eager / graph of at least {LEAST_GAIN:g}, got "
        f"{run['eager_ms'] / run['graphed_ms']:.3g}."
        for run in small
        if not run["eager_ms"] >= LEAST_GAIN * run["graphed_ms"]
    ]


def tables(report: Report) -> str:
    """One row a size."""
    header = (
        "", "eager ms", "unchecked ms", "graph ms", "eager / graph", "launches eager",
        "launches graph", "GFLOP", "share of the FLOP bound",
    )  # fmt: skip
    rows = [
        (r["workload"], r["eager_ms"], r["unchecked_ms"], r["graphed_ms"],
         r["eager_ms"] / r["graphed_ms"], r["eager_launches"], r["graphed_launches"], r["gflop"],
         r["bound_share"])
        for r in report["runs"]
    ]  # fmt: skip
    gpu = ", ".join(sorted({run["gpu"] for run in report["runs"]}))
    return (
        f"## Step on a GPU\n\n{gpu}. Loss and gradient, series x latent; the bound is the speed of "
        "a large float32 matrix product on the same device.\n\n" + markdown_table(header, rows)
    )
