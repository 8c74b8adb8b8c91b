"""The contract of heads: what the latent path explains beside the readings."""

from __future__ import annotations

from torch import Tensor, nn

from latentode.data.batches.batch import SeriesBatch
from latentode.models.solved import Solved

Scores = dict[str, tuple[Tensor, Tensor]]


class Head(nn.Module):
    """Something that happens beside the readings, given the latent path of a window.

    Given the path, what different heads explain is independent, of each other and of the readings.

    Attributes:
        waits_for_device: Whether a likelihood of it makes the host wait for the device, so that a
            step with it cannot be recorded as a CUDA graph.
    """

    waits_for_device: bool

    def log_prob(self, solved: Solved, batch: SeriesBatch) -> Tensor:
        """Log-likelihood of what a batch has for this head, 0 where it has nothing.

        Args:
            solved: The batch as the model solved it.
            batch: Windows.

        Returns:
            Nats, shape (draw, batch).
        """
        raise NotImplementedError

    def score(self, solved: Solved, batch: SeriesBatch) -> Scores:
        """What validation reports: by name some totals, and how many items each is of.

        Args:
            solved: The batch as the model solved it.
            batch: Windows.

        Returns:
            Totals and counts of each score, shape (part,); a score over many batches is the sum of
            all totals over that of all counts. Nothing where the batch has nothing for this head.
        """
        raise NotImplementedError
