"""A workload with trained weights, its exact solution, and the settings that reach an error."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.engine import ours
from benchmarks.engine.model import (
    Decode,
    LatentODE,
    build_model,
    draw_noise,
    train_briefly,
)
from benchmarks.engine.peers_torch import UnionGrid
from benchmarks.engine.workloads import Sizes, build, valid_queries
from latentode.data.batches.batch import SeriesBatch
from latentode.models.dynamics.mlp import MLPDynamics

STEPS = (8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 256, 384)
TOLERANCES = (3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)


@dataclass
class Subject:
    """What all competitors of a workload share.

    Attributes:
        name: Name of the workload.
        sizes: Its sizes.
        batch: Its series.
        model: Trained model with the ODE-RNN encoder.
        noise: Draws of the posterior.
        z0: States at the start, drawn from the posterior, (draw, batch, latent).
        cotangent: What states are multiplied with before the backward pass; 0 at padding.
        exact: States and weight gradients of the decoder in float64.
    """

    name: str
    sizes: Sizes
    batch: SeriesBatch
    model: LatentODE
    noise: Tensor
    z0: Tensor
    cotangent: Tensor
    exact: tuple[Tensor, Tensor]
    _reached: dict[tuple[str, float], tuple[Any, float]] = field(default_factory=dict)

    @property
    def shared_times(self) -> bool:
        """True if all series are asked for at the same times."""
        return bool((self.batch.query_times == self.batch.query_times[:1]).all())

    def errors(self, result: tuple[Tensor, Tensor]) -> tuple[float, float]:
        """Relative root mean square errors of states and of weight gradients."""
        valid = valid_queries(self.batch)
        states = relative_error(result[0][:, valid], self.exact[0][:, valid])
        return states, relative_error(result[1], self.exact[1])

    def cheapest(
        self,
        name: str,
        target: float,
        settings: Sequence[Any],
        solve: Callable[[Any], tuple[Tensor, Tensor]],
    ) -> Any:
        """The first setting, from coarse to fine, whose states have at most the error `target`.

        The last one if none has; the error that is reported beside it says so.
        """
        key = (name, target)
        if key not in self._reached:
            for setting in settings:
                error = self.errors(solve(setting))[0]
                self._reached[key] = (setting, error)
                if error <= target:
                    break
        return self._reached[key][0]

    def decode(self, decode: Decode) -> tuple[Tensor, Tensor]:
        """States and flat weight gradients of a decoder in torch."""
        return differentiate(decode, self.model.dynamics, self.z0, self.batch, self.cotangent)

    def steps(self, method: str, target: float) -> int:
        """Steps that our engine needs for an error."""
        return self.cheapest(method, target, STEPS, lambda n: self.decode(ours.Engine(method, n)))


def relative_error(values: Tensor, exact: Tensor) -> float:
    """Root mean square of the difference over that of the exact values."""
    return float((values.double() - exact).norm() / exact.norm())


def differentiate(
    decode: Decode, dynamics: MLPDynamics, z0: Tensor, batch: SeriesBatch, cotangent: Tensor
) -> tuple[Tensor, Tensor]:
    """Decode and pull a cotangent back to z0 and the weights; what the decoder's timing covers."""
    start = z0.detach().requires_grad_()
    states = decode(dynamics, start, batch)
    weights = list(dynamics.parameters())
    gradients = torch.autograd.grad(states, [start, *weights], cotangent)
    return states.detach(), torch.cat([part.flatten() for part in gradients[1:]])


def prepare(name: str, protocol: Mapping[str, Any]) -> Subject:
    """Build a workload, train on 20 other batches of its kind, solve exactly."""
    seed = protocol["seed"]
    changes = {"series": protocol["series"]} if "series" in protocol else {}
    sizes, batch = build(name, seed, **changes)
    model = build_model(sizes, "ode_rnn", seed)
    others = [build(name, seed + 1 + k, **changes)[1] for k in range(protocol["train_batches"])]
    engine = ours.Engine(ours.METHOD, protocol["train_steps"])
    train_briefly(model, sizes, others, protocol["train_iterations"], engine)
    noise = draw_noise(sizes, batch, seed)
    with torch.no_grad():
        mean, std = model.infer(batch)
    z0 = mean + std * noise
    generator = torch.Generator().manual_seed(seed)
    shape = (*z0.shape[:2], batch.query_times.shape[1], z0.shape[2])
    cotangent = torch.randn(shape, generator=generator) * valid_queries(batch)[..., None]
    exact = solve_exactly(model.dynamics, z0, batch, cotangent)
    return Subject(name, sizes, batch, model, noise, z0, cotangent, exact)


def solve_exactly(
    dynamics: MLPDynamics, z0: Tensor, batch: SeriesBatch, cotangent: Tensor
) -> tuple[Tensor, Tensor]:
    """States and weight gradients in float64 by dopri8 at 1e-9, a method of no competitor."""
    twin = copy.deepcopy(dynamics).double()
    return differentiate(UnionGrid(1e-9, "dopri8"), twin, z0.double(), batch, cotangent.double())


def fine_summary(model: LatentODE, batch: SeriesBatch) -> Tensor:
    """Summary of the ODE-RNN in float64 with Euler steps a hundredth as long.

    Solved by our own encoder: there is no second one of the same update, but the union-grid one,
    which it is compared with.
    """
    encoder = copy.deepcopy(model.encoder).double()
    encoder.max_step, encoder.max_substeps = encoder.max_step / 100, 100_000
    with torch.no_grad():
        return encoder(replace(batch, values=batch.values.double()), reverse=True)


def check_reference(subject: Subject) -> float:
    """Difference between the exact states and RK4 in float64 with many steps: a second method."""
    twin = copy.deepcopy(subject.model.dynamics).double()
    with torch.no_grad():
        states = ours.Engine("rk4", 1024)(twin, subject.z0.double(), subject.batch)
    valid = valid_queries(subject.batch)
    return relative_error(states[:, valid], subject.exact[0][:, valid])
