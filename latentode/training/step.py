"""One optimiser step: loss, gradient, and the refusal of what is not finite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from latentode.config import TrainConfig
from latentode.data.dataset import Int64
from latentode.data.sampler import WindowSampler
from latentode.model import LatentODEModel
from latentode.objectives import elbo, iwae, kl_annealing
from latentode.training.distributed import agree, local_part, rank, world_size, wrap
from latentode.training.guarded import GuardedModel, LossTerms


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

    The loss is the negative bound, summed within a window and averaged over windows, over a
    constant that only sets the scale of gradients.

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
        sampler: WindowSampler,
        optimizer: torch.optim.Optimizer,
        config: TrainConfig,
        device: torch.device,
        targets_per_window: float,
    ) -> None:
        self.guarded = wrap(GuardedModel(model))
        self.latent_dim = model.config.latent_dim
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
            # dropout draws from the global stream: seeded by the step, it needs no saved state
            torch.manual_seed(_seed(self.config.seed, 3, step, rank()))
            terms = self.guarded(batch.to(self.device), noise)
            loss = self._loss(terms, step)
            loss.backward()
        return self._apply(terms, loss.detach(), lr)

    def _noise(self, size: int, step: int) -> Tensor:
        generator = torch.Generator().manual_seed(_seed(self.config.seed, 4, step))
        shape = (self.config.objective.num_draws, size, self.latent_dim)
        return torch.randn(shape, generator=generator).to(self.device)

    def _loss(self, terms: LossTerms, step: int) -> Tensor:
        objective = self.config.objective
        weight = kl_annealing(step, objective.kl_anneal_steps, objective.kl_weight)
        if objective.name == "elbo":
            bound = elbo(terms.log_likelihood, terms.kl, weight)
        else:
            bound = iwae(terms.log_likelihood + weight * terms.log_ratio)
        return -bound.mean() / self.targets_per_window

    def _apply(self, terms: LossTerms, loss: Tensor, lr: float) -> StepOutcome:
        norm = nn.utils.clip_grad_norm_(self.parameters, self.config.optimizer.clip_norm)
        bad = (~(torch.isfinite(norm) & torch.isfinite(loss))).to(torch.float32)
        if world_size() > 1:
            bad = agree(bad)
        finite = not bool(bad)
        if finite:
            for group in self.optimizer.param_groups:
                group["lr"] = lr
            self.optimizer.step()
        return StepOutcome(
            finite=finite,
            reason=terms.reason or "the loss or its gradient is not finite",
            loss=float(loss),
            kl=float(terms.kl.detach().mean()),
            grad_norm=float(norm),
            skipped_windows=terms.skipped,
        )


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
