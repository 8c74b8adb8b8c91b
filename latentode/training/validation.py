"""Scores on the validation part, by which training stops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.sampler import WindowSampler
from latentode.data.dataset import Float64, Int64
from latentode.evaluation.metrics import crps_from_draws
from latentode.models.fitted.history import Record
from latentode.models.latent_ode import LatentODEModel
from latentode.training.repeatable import batches_of, evenly

# scores a model on the validation part, by name; the one that counts is better lower
Validator = Callable[[LatentODEModel], Record]
HeadScores = dict[str, tuple[np.ndarray, ...]]
_HIDDEN_SHARE = 0.3  # of the context, which is asked for as an interpolation
_MOST_WINDOWS = 8  # times as many where few rows follow


class WindowValidator:
    """CRPS of forecasts and interpolations of fixed windows, in training standard deviations.

    "validation_crps" is the mean of the two, each averaged over channels. Where there are events,
    "event_gain" is what their intensities, given the readings of the window, gain over constant
    rates, in nats per event; training does not stop by it. Where there are labels, "label_loss" is
    minus the log-probability of the true one, nats per window, or a time.

    Args:
        sampler: Windows of the validation part.
        scale_to_std: Scale over training standard deviation of each channel, shape (channel,).
        seed: Seed of the windows and draws.
        num_windows: Windows, evenly spread over the rows of the part.
        fewest_ahead: Rows that should follow them, as scores of few forecasts are a matter of luck;
            where fewer do, there are up to eight times as many windows.
        num_draws: Draws of each prediction.
        num_paths: Latent paths that these are drawn about, in equal shares: paths cost a solve and
            differ little beside the noise about them.
        batch_size: Windows at a time.
        device: Device of the model.
    """

    def __init__(
        self,
        sampler: WindowSampler,
        scale_to_std: Float64,
        *,
        seed: int,
        num_windows: int = 128,
        fewest_ahead: int = 1_024,
        num_draws: int = 32,
        num_paths: int = 8,
        batch_size: int = 16,
        device: torch.device | str = "cpu",
    ) -> None:
        self.scale_to_std = scale_to_std
        self.seed = seed
        self.num_paths = min(num_paths, num_draws)
        self.noises = num_draws // self.num_paths
        self.device = device
        rows = sampler.eligible_rows()

        def spread(count: int) -> list[SeriesBatch]:
            chosen = evenly(rows, count)
            return list(batches_of(sampler, chosen, batch_size, (seed, 5), _HIDDEN_SHARE))

        self.batches = spread(num_windows)
        following = max(1, sum(int(_ahead(batch).sum()) for batch in self.batches))
        if following < fewest_ahead:
            factor = min(_MOST_WINDOWS, fewest_ahead / following)
            self.batches = spread(round(num_windows * factor))

    def naive_score(self) -> float:
        """CRPS of the median of training, stated as a certainty, in its standard deviations."""
        parts = []
        for batch in self.batches:
            mask = batch.target_mask.numpy()
            values = np.abs((batch.targets.double() + batch.shift).numpy()[mask])
            channel = np.broadcast_to(np.arange(mask.shape[-1]), mask.shape)[mask]
            parts.append((channel, values))
        channel, values = (np.concatenate(column) for column in zip(*parts, strict=True))
        return self._channel_mean(channel, values)

    def __call__(self, model: LatentODEModel) -> Record:
        """Scores of the model as it is."""
        generator = torch.Generator(device=self.device).manual_seed(self.seed)
        parts = [self._score(model, batch, generator) for batch in self.batches]
        readings, of_heads = zip(*parts, strict=True)
        channel, ahead, crps, inside = (
            np.concatenate(column) for column in zip(*readings, strict=True)
        )
        forecast = self._channel_mean(channel[ahead], crps[ahead])
        interpolation = self._channel_mean(channel[~ahead], crps[~ahead])
        present = [(forecast, ahead.any()), (interpolation, (~ahead).any())]
        kinds = [score for score, some in present if some]
        record: Record = {
            "validation_crps": float(np.mean(kinds)) if kinds else float("nan"),
            "forecast_crps": forecast,
            "interpolation_crps": interpolation,
            "coverage_90": float(inside.mean()) if len(inside) else float("nan"),
        }
        return record | _joined(of_heads)

    def _score(
        self, model: LatentODEModel, batch: SeriesBatch, generator: torch.Generator
    ) -> tuple[tuple[np.ndarray, ...], HeadScores]:
        """Channel, whether ahead, CRPS and coverage of each target; and what the heads report."""
        mask = batch.target_mask.numpy()
        shape = (self.num_paths, batch.size, model.config.latent_dim)
        noise = torch.randn(shape, generator=generator, device=self.device)
        moved = batch.to(self.device)
        solved = model.solve(moved, noise)
        location, scale = (
            part.expand(self.noises, *part.shape).flatten(0, 1)
            for part in (solved.decoded.location, solved.decoded.scale)
        )
        noise = torch.randn(
            location.shape, generator=generator, device=self.device, dtype=torch.float64
        )
        likelihood = model.likelihood_given(moved)
        draws = likelihood.transform(noise, location, scale).cpu().numpy()
        values = batch.targets.numpy()[mask].astype(np.float64)
        chosen = draws[:, mask].astype(np.float64)
        ahead = _ahead(batch)[..., None] & mask
        channel = np.broadcast_to(np.arange(mask.shape[-1]), mask.shape)[mask]
        low, high = np.quantile(chosen, [0.05, 0.95], axis=0)
        inside = (values >= low) & (values <= high)
        reported: HeadScores = {}
        for head in model.heads:
            for name, parts in head.score(solved, moved).items():
                reported[name] = tuple(part.cpu().numpy() for part in parts)
        return (channel, ahead[mask], crps_from_draws(chosen, values), inside), reported

    def _channel_mean(self, channel: Int64, crps: Float64) -> float:
        present = np.unique(channel)
        means = [float(crps[channel == c].mean()) * self.scale_to_std[c] for c in present]
        return float(np.mean(means)) if means else float("nan")


def _ahead(batch: SeriesBatch) -> np.ndarray:
    """True for query rows with a target behind the last visible row, shape (batch, step)."""
    last = np.where(batch.lengths > 0, batch.times.amax(dim=1), -np.inf)
    asked: np.ndarray = batch.target_mask.any(-1).numpy()
    return (batch.query_times.numpy() > last[:, None]) & asked


def _joined(reported: Sequence[HeadScores]) -> Record:
    """Scores of heads over all batches; nothing where a head had nothing in any of them."""
    record: Record = {}
    for name in dict.fromkeys(name for scores in reported for name in scores):
        parts = [scores[name] for scores in reported if name in scores]
        total, count = (np.concatenate(column) for column in zip(*parts, strict=True))
        if len(total):
            record[name] = float(total.sum()) / max(1, int(count.sum()))
    return record
