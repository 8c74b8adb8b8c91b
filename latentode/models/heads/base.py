"""The contract of heads: what the latent path explains beside the readings."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from latentode.config import ModelConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.models.solved import Solved

Scores = dict[str, tuple[Tensor, Tensor]]


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

    @classmethod
    def of(
        cls, config: ModelConfig, *, num_channels: int, input_dim: int, static_dim: int
    ) -> StateSizes:
        """Sizes of a model.

        Args:
            config: Its settings, resolved.
            num_channels: Channels of the log.
            input_dim: Known-input features.
            static_dim: Static covariates.
        """
        known = input_dim + static_dim + 2 * num_channels
        return cls(
            latent_dim=config.latent_dim,
            hidden_dim=config.hidden_dim,
            num_channels=num_channels,
            static_dim=static_dim,
            context_dim=config.hidden_dim + known,
            covariates_dim=known,
            dropout=config.dropout,
        )


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
