"""What heads for classes share: a network, their likelihood and what validation says of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import torch
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.errors import ConfigError
from latentode.models.heads.base import Head, Scores, StateSizes
from latentode.models.nn.mlp import SkipMLP
from latentode.models.solved import Solved

_LEAST = 1e-12  # a float32 probability can be 0


class ClassHead(Head):
    """Categorical labels; a kind of them says where their logits and their classes are.

    Args:
        num_classes: Classes, at least 2.
        sizes: Of the model.

    Attributes:
        kind: What labels are of, see `Labels.kind`.

    Raises:
        ConfigError: If there are fewer than 2 classes.
    """

    kind: ClassVar[str]

    def __init__(self, num_classes: int, sizes: StateSizes) -> None:
        super().__init__()
        if num_classes < 2:
            raise ConfigError(
                f"num_classes: expected at least 2, or 0 for no labels, got {num_classes}."
            )
        self.num_classes = num_classes
        self.network = SkipMLP(
            self.widths(sizes), sizes.hidden_dim, num_classes, dropout=sizes.dropout, at_rest=True
        )

    @staticmethod
    def widths(sizes: StateSizes) -> tuple[int, ...]:
        """Sizes of what its network reads in a model of some sizes."""
        raise NotImplementedError

    def logits(self, solved: Solved, batch: SeriesBatch) -> Tensor:
        """Logits of what is labelled, shape (draw, *codes.shape, class)."""
        raise NotImplementedError

    def codes(self, batch: SeriesBatch) -> Tensor:
        """Numbers of classes, -1 where unknown, int64, shape (batch,) or (batch, time)."""
        raise NotImplementedError

    def prepare(self, train: Iterable[SeriesBatch], held_out: Iterable[SeriesBatch]) -> None:
        """Fit what is not learned by steps, before training begins.

        Args:
            train: Training windows that show all they have, on the CPU, as they are wanted.
            held_out: Windows to judge by, likewise; none where validation has too few labels.
        """

    def take_prepared(self, other: ClassHead) -> None:
        """Take over what `prepare` fitted in a head of the same sizes.

        Args:
            other: The head.
        """

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
