"""What heads for classes share: their sizes, their likelihood and what validation says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.errors import ConfigError
from latentode.models.heads.base import Head, Scores
from latentode.models.solved import Solved

_LEAST = 1e-12  # a float32 probability can be 0


@dataclass(frozen=True)
class StateSizes:
    """What a head can read of a model, and how large its own layers are.

    Attributes:
        latent_dim: Size of the latent state.
        hidden_dim: Size of a hidden layer.
        num_channels: Channels of the log.
        static_dim: Static covariates.
        context_dim: What the posterior sees of a window, see `NormalPosterior.context`.
        covariates_dim: What is known at any time beside the state, see `Readout.rate_covariates`.
        dropout: Share of units dropped in training mode.
    """

    latent_dim: int
    hidden_dim: int
    num_channels: int
    static_dim: int
    context_dim: int
    covariates_dim: int
    dropout: float


class ClassHead(Head):
    """Categorical labels; a kind of them says where their logits and their classes are.

    Attributes:
        num_classes: Classes.
    """

    num_classes: int

    @classmethod
    def of(cls, num_classes: int, sizes: StateSizes) -> Self:
        """A head for so many classes of a model of some sizes."""
        raise NotImplementedError

    def logits(self, solved: Solved, batch: SeriesBatch) -> Tensor:
        """Logits of what is labelled, shape (draw, *codes.shape, class)."""
        raise NotImplementedError

    def codes(self, batch: SeriesBatch) -> Tensor:
        """Numbers of classes, -1 where unknown, int64, shape (batch,) or (batch, time)."""
        raise NotImplementedError

    def probabilities(self, solved: Solved, batch: SeriesBatch) -> Tensor:
        """Probability of each class, the mean over draws, shape (*codes.shape, class)."""
        return self.logits(solved, batch).softmax(-1).mean(0)

    def log_prob(self, solved: Solved, batch: SeriesBatch) -> Tensor:
        """See `Head`."""
        if batch.labels is None:
            return solved.z0.new_zeros(solved.z0.shape[:-1])
        return label_log_prob(self.logits(solved, batch), self.codes(batch))

    def score(self, solved: Solved, batch: SeriesBatch) -> Scores:
        """Score "label_loss": nats of each label that is known."""
        if batch.labels is None:
            return {}
        codes = self.codes(batch)
        known = codes >= 0
        probability = self.probabilities(solved, batch)[known].gather(-1, codes[known][:, None])
        loss = -probability[:, 0].double().clamp(min=_LEAST).log()
        return {"label_loss": (loss, torch.ones_like(loss, dtype=torch.int64))}


def label_log_prob(logits: Tensor, codes: Tensor) -> Tensor:
    r"""Log-probability of labels, :math:`\ell_y - \log \sum_k e^{\ell_k}`, 0 where one is unknown.

    Args:
        logits: Shape (..., batch, class), or (..., batch, time, class) for labels of times, whose
            log-probabilities are added up.
        codes: Numbers of classes, -1 where unknown, int64, shape (batch,) or (batch, time).

    Returns:
        Nats, shape (..., batch).
    """
    chosen = codes.clamp(min=0).expand(logits.shape[:-1])[..., None]
    log_prob = logits.log_softmax(-1).gather(-1, chosen)[..., 0]
    known = torch.where(codes >= 0, log_prob, 0.0)
    return known.sum(-1) if codes.dim() > 1 else known


def refuse_one_class(num_classes: int) -> None:
    """Refuse to tell one class apart.

    Raises:
        ConfigError: If there are fewer than 2 classes.
    """
    if num_classes < 2:
        raise ConfigError(
            f"num_classes: expected at least 2, or 0 for no labels, got {num_classes}."
        )
