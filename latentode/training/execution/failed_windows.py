"""The model's loss terms, without the windows whose solve fails."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from latentode.data.batches.batch import SeriesBatch
from latentode.errors import SolverError
from latentode.models.fitted.device import world_size
from latentode.models.latent_ode import LatentODEModel
from latentode.training.terms import LossTerms, PathPenalties, loss_terms


class GuardedModel(nn.Module):
    """Leaves out the windows that a `SolverError` names, and goes on with the others.

    It is a module so that a distributed replica can be made of it: every process then comes to the
    end of its forward pass, and none waits for ever for the gradients of another.

    Args:
        model: The model.
        penalties: Regularisers of the latent paths.
    """

    def __init__(self, model: LatentODEModel, penalties: PathPenalties) -> None:
        super().__init__()
        self.model = model
        self.penalties = penalties

    def forward(self, batch: SeriesBatch, noise: Tensor) -> LossTerms:
        """Loss terms of the windows that can be solved.

        Args:
            batch: Windows with targets.
            noise: Standard normal numbers, shape (draw, batch, latent).

        Returns:
            The terms; all NaN, with a gradient of NaN or 0, where no window is left.
        """
        size, reason = batch.size, ""
        while True:
            try:
                terms = loss_terms(self.model, batch, noise, self.penalties)
                if world_size() > 1:
                    # processes average the gradients of all parameters, also where the windows of
                    # one of them, such as those without a reading, need not all
                    every = terms.log_likelihood + self._touched()
                    terms = terms._replace(log_likelihood=every)
                return terms._replace(skipped=size - batch.size, reason=reason)
            except SolverError as error:
                reason = str(error)
                keep = np.setdiff1d(np.arange(batch.size), error.series)
            if not 0 < len(keep) < batch.size:
                return self._nothing(noise, size, reason)
            index = torch.as_tensor(keep, device=noise.device)
            batch, noise = batch.select(index), noise[:, index]

    def _touched(self) -> Tensor:
        """Zero, with a gradient of zero to every parameter."""
        return torch.stack([p.sum() for p in self.parameters()]).sum() * 0.0

    def _nothing(self, noise: Tensor, size: int, reason: str) -> LossTerms:
        terms = self._touched() + noise.new_full(noise.shape[:2], torch.nan)
        means = noise.new_full((len(self.penalties.names),), torch.nan)
        return LossTerms(terms, terms, terms[0], means, size, reason)
