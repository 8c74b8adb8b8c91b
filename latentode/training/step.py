"""One optimiser step: loss, gradient, and the refusal of what is not finite."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from latentode.config import TrainConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.buckets import bucketed
from latentode.data.batches.sampler import Sampler
from latentode.data.dataset import Int64
from latentode.errors import SolverError
from latentode.flows.adam import AdamW
from latentode.models.fitted.device import rank, world_size
from latentode.models.latent_ode import LatentODEModel
from latentode.models.objectives import elbo, iwae, kl_annealing
from latentode.training.execution.capture import CudaRecorder
from latentode.training.execution.distributed import agree, local_part, wrap
from latentode.training.execution.failed_windows import GuardedModel
from latentode.training.execution.graphs import StepGraphs, can_be_captured
from latentode.training.execution.precision import matrix_products
from latentode.training.repeatable import seed_of
from latentode.training.terms import LossTerms, PathPenalties


@dataclass(frozen=True)
class StepOutcome:
    """What one step did.

    Attributes:
        finite: False if the step was refused.
        reason: Why it was refused.
        loss: Negative bound, events included, a target reading, without regularisers; in nats where
            readings and labels are not weighed (`ObjectiveConfig`).
        kl: Mean KL of the posterior from the prior, nats per window.
        grad_norm: Norm of the gradient before clipping.
        skipped_windows: Windows left out because their solve failed.
        regularizers: Mean integral along the latent paths of each that is switched on.
    """

    finite: bool
    reason: str
    loss: float
    kl: float
    grad_norm: float
    skipped_windows: int
    regularizers: dict[str, float]

    def figures(self) -> dict[str, float]:
        """What is told of it, by the names of metrics.csv."""
        of_all = {"train_loss": self.loss, "kl": self.kl, "grad_norm": self.grad_norm}
        return of_all | self.regularizers


class _Gradient(NamedTuple):
    """What is known of a gradient that stands in the parameters: loss and mean KL are 0-dim."""

    loss: Tensor
    kl: Tensor
    regularizers: Tensor
    skipped: int = 0
    reason: str = ""


class GradientStep:
    """Builds a batch, takes the gradient of the objective, and steps the optimiser.

    The loss is the negative bound, summed within a window and averaged over windows, readings and
    labels weighed and with the regularisers of the latent paths (`PathPenalties`), over a constant
    that only sets the scale of gradients.

    On one GPU, loss and gradient run as a CUDA graph where the model allows it (`can_be_captured`),
    on batches padded to few shapes and without checks. Where the result is not finite, the step is
    repeated with checks, so that windows whose solve fails are left out, as on a CPU.

    Args:
        model: Model; under torchrun a replica of it is made, with gradients averaged.
        sampler: Training windows.
        optimizer: Optimiser of the model's parameters.
        config: Settings.
        device: Device of the model.
        targets_per_window: Typical number of targets of a window.
    """

    def __init__(
        self,
        model: LatentODEModel,
        sampler: Sampler,
        optimizer: AdamW,
        config: TrainConfig,
        device: torch.device,
        targets_per_window: float,
    ) -> None:
        self.model = model
        # weights would spoil the log-weights of draws, and the price of a path's noise
        is_bound = config.objective.name != "elbo" or model.latent_noise is not None
        balance = 0.0 if is_bound else config.objective.balance
        self.penalties = PathPenalties.of(
            config.regularizers, balance, config.objective.label_weight
        )
        self.guarded = wrap(GuardedModel(model, self.penalties))
        self.sampler = sampler
        self.optimizer = optimizer
        self.config = config
        self.device = device
        self.targets_per_window = targets_per_window
        self.parameters = optimizer.parameters
        self.graphs: StepGraphs | None = None
        if device.type == "cuda" and world_size() == 1:
            record = CudaRecorder(device)
            self.graphs = StepGraphs(model, self._loss, self.parameters, self.penalties, record)

    def __call__(self, rows: Int64, step: int, lr: float) -> StepOutcome:
        """Take step number `step` on the windows of some anchor rows (of all processes)."""
        part = local_part(len(rows))
        noise = self._noise(len(rows), step)[:, part]
        batch = self.sampler.batch(rows[part], (self.config.seed, 2, step), first=part.start)
        objective = self.config.objective
        weight = kl_annealing(step, objective.kl_anneal_steps, objective.kl_weight)
        seed = seed_of(self.config.seed, 3, step, rank())
        devices = [self.device] if self.device.type == "cuda" else []
        products = matrix_products(self.config.precision, self.device)
        with products, torch.random.fork_rng(devices=devices):
            gradient = self._graphed(batch, noise, weight, seed)
            outcome = None if gradient is None else self._apply(gradient, lr)
            if outcome is None or not outcome.finite:
                outcome = self._apply(self._checked(batch, noise, weight, seed), lr)
        return outcome

    def _graphed(
        self, batch: SeriesBatch, noise: Tensor, weight: float, seed: int
    ) -> _Gradient | None:
        """Gradient of all windows without checks; None where it cannot be had so."""
        if self.graphs is None or not can_be_captured(self.model):
            return None
        solver = self.model.solver
        assert solver.step_size is not None
        padded = bucketed(batch, solver.step_size * solver.substeps)
        try:
            return _Gradient(*self.graphs(padded, noise, weight, seed))
        except SolverError:  # the padded span takes more steps than allowed: the own may not
            return None
        except RuntimeError as error:
            warnings.warn(f"training goes on without CUDA graphs: {error}", stacklevel=2)
            self.graphs = None
            return None

    def _checked(self, batch: SeriesBatch, noise: Tensor, weight: float, seed: int) -> _Gradient:
        """Gradient of the windows that can be solved."""
        self.optimizer.zero_grad()
        # dropout, probes and the rate of time draw from the global stream: seeded by the step, it
        # needs no saved state
        torch.manual_seed(seed)
        terms = self.guarded(batch.to(self.device), noise)
        loss = self._loss(terms, weight)
        loss.backward()
        kl, means = terms.kl.detach().mean(), terms.regularizers.detach()
        return _Gradient(loss.detach(), kl, means, terms.skipped, terms.reason)

    def _noise(self, size: int, step: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed_of(self.config.seed, 4, step))
        shape = (self.config.objective.num_draws, size, self.model.config.latent_dim)
        return torch.randn(shape, generator=generator).to(self.device)

    def _loss(self, terms: LossTerms, weight: float | Tensor) -> Tensor:
        if self.config.objective.name == "elbo":
            bound = elbo(terms.log_likelihood, terms.kl, weight)
        else:
            bound = iwae(terms.log_likelihood + weight * terms.log_ratio)
        penalty = self.penalties.total(terms.regularizers)
        return (penalty - bound.mean()) / self.targets_per_window

    def _apply(self, gradient: _Gradient, lr: float) -> StepOutcome:
        norm = nn.utils.clip_grad_norm_(self.parameters, self.config.optimizer.clip_norm)
        bad = agree((~(torch.isfinite(norm) & torch.isfinite(gradient.loss))).to(torch.float32))
        # one transfer for all that the host must know
        numbers = torch.stack(
            [bad.to(norm), gradient.loss, gradient.kl, norm, *gradient.regularizers.unbind()]
        ).tolist()
        finite, means = not numbers[0], numbers[4:]
        weighed = sum(w * m for w, m in zip(self.penalties.weights, means, strict=True))
        if finite:
            for group in self.optimizer.param_groups:
                group["lr"] = lr
            self.optimizer.step()
        return StepOutcome(
            finite=finite,
            reason=gradient.reason or "the loss or its gradient is not finite",
            loss=numbers[1] - weighed / self.targets_per_window,
            kl=numbers[2],
            grad_norm=numbers[3],
            skipped_windows=gradient.skipped,
            regularizers=dict(zip(self.penalties.names, means, strict=True)),
        )
