"""One optimiser step: loss, gradient, and the refusal of what is not finite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from latentode.config import TrainConfig
from latentode.data.batch import SeriesBatch
from latentode.data.dataset import Int64
from latentode.data.sampler import WindowSampler
from latentode.errors import SolverError
from latentode.objectives import elbo, iwae, kl_annealing
from latentode.training.distributed import agree, local_part, rank, world_size


@dataclass(frozen=True)
class StepOutcome:
    """What one step did.

    Attributes:
        finite: False if the step was refused.
        reason: Why it was refused.
        loss: Negative bound in nats per target reading of the batch.
        kl: Mean KL of the posterior from the prior, nats a window.
        grad_norm: Norm of the gradient before clipping.
        skipped_windows: Windows left out because their solve failed.
    """

    finite: bool
    reason: str
    loss: float
    kl: float
    grad_norm: float
    skipped_windows: int


class GradientStep:
    """Builds a batch, takes the gradient of the objective, and steps the optimiser.

    The loss is the negative bound, summed within a window and averaged over windows, over a constant that
    only sets the scale of gradients.

    Args:
        model: Model, or its distributed replica.
        sampler: Training windows.
        optimizer: Optimiser of the model's parameters.
        config: Settings.
        device: Device of the model.
        targets_per_window: Typical number of targets of a window.
    """

    def __init__(
        self,
        model: nn.Module,
        sampler: WindowSampler,
        optimizer: torch.optim.Optimizer,
        config: TrainConfig,
        device: torch.device,
        targets_per_window: float,
    ) -> None:
        self.model = model
        self.sampler = sampler
        self.optimizer = optimizer
        self.config = config
        self.device = device
        self.targets_per_window = targets_per_window
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]

    def __call__(self, rows: Int64, step: int, lr: float) -> StepOutcome:
        """Take step number `step` on the windows of some anchor rows (of all processes)."""
        part = local_part(len(rows))
        noise = self._noise(len(rows), step)[:, part]
        batch = self.sampler.batch(rows[part], (self.config.seed, 2, step), first=part.start)
        self.optimizer.zero_grad(set_to_none=True)
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            # dropout is the only user of the global stream: seeded by the step, it needs no saved state
            torch.manual_seed(
                int(
                    np.random.SeedSequence((self.config.seed, 3, step, rank())).generate_state(1)[0]
                )
            )
            loss, kl, skipped, reason = self._backward(batch.to(self.device), noise, step)
        return self._apply(loss, kl, skipped, reason, lr)

    def _noise(self, size: int, step: int) -> Tensor:
        generator = torch.Generator().manual_seed(
            int(np.random.SeedSequence((self.config.seed, 4, step)).generate_state(1)[0])
        )
        model = getattr(self.model, "module", self.model)
        shape = (self.config.objective.num_draws, size, model.config.latent_dim)
        return torch.randn(shape, generator=generator).to(self.device)

    def _backward(
        self, batch: SeriesBatch, noise: Tensor, step: int
    ) -> tuple[Tensor, Tensor, int, str]:
        skipped, reason = 0, "the loss or its gradient is not finite"
        try:
            loss, kl = self._loss(batch, noise, step)
        except SolverError as error:
            keep = np.setdiff1d(np.arange(batch.size), error.series)
            skipped, reason = batch.size - len(keep), str(error)
            try:
                if not 0 < len(keep) < batch.size:
                    raise
                index = torch.as_tensor(keep, device=self.device)
                loss, kl = self._loss(batch.select(index), noise[:, index], step)
            except SolverError:
                # every process must reach the backward pass, or the others would wait for it for ever
                zero = torch.stack([p.sum() for p in self.parameters]).sum() * 0.0
                loss, kl = zero + torch.nan, zero.detach()
        loss.backward()
        return loss.detach(), kl.detach(), skipped, reason

    def _loss(self, batch: SeriesBatch, noise: Tensor, step: int) -> tuple[Tensor, Tensor]:
        objective = self.config.objective
        weight = kl_annealing(step, objective.kl_anneal_steps, objective.kl_weight)
        log_likelihood, log_ratio, kl = self.model(batch, noise)
        if objective.name == "elbo":
            bound = elbo(log_likelihood, kl, weight)
        else:
            bound = iwae(log_likelihood + weight * log_ratio)
        return -bound.mean() / self.targets_per_window, kl.mean()

    def _apply(self, loss: Tensor, kl: Tensor, skipped: int, reason: str, lr: float) -> StepOutcome:
        norm = nn.utils.clip_grad_norm_(self.parameters, self.config.optimizer.clip_norm)
        bad = (~(torch.isfinite(norm) & torch.isfinite(loss))).to(torch.float32)
        if world_size() > 1:
            bad = agree(bad)
        finite = not bool(bad)
        if finite:
            for group in self.optimizer.param_groups:
                group["lr"] = lr
            self.optimizer.step()
        return StepOutcome(finite, reason, float(loss), float(kl), float(norm), skipped)
