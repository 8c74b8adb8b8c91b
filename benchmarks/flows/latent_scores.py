"""Bounds of held-out windows, and anomaly scores of their readings.

They are of readings alone: of a model that knows events too, the term of these is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata

from benchmarks.flows.latent_logs import LabelledLog, evenly, labels_as_readings
from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.sampler import WindowSampler
from latentode.data.dataset import Float64, TimeSeriesDataset
from latentode.models.fitted.latent_ode import FittedModel
from latentode.models.fitted.training_log import TrainingLog
from latentode.models.latent_ode import LatentODEModel
from latentode.models.objectives import iwae

_BATCH = 16
_HIDDEN = 0.3


@dataclass(frozen=True)
class Scores:
    """What a model makes of windows; nats of scaled units.

    Attributes:
        elbo: Evidence lower bound of each window, shape (window,).
        iwae: Importance-weighted bound, likewise.
        readings: Target readings of each window.
        surprise: Negative log-density of each target reading, shape (reading,).
        labels: Whether it is anomalous.
        window: Its window.
    """

    elbo: Float64
    iwae: Float64
    readings: Float64
    surprise: Float64
    labels: np.ndarray
    window: np.ndarray


def score(fitted: FittedModel, log: LabelledLog, protocol: Mapping[str, Any]) -> dict[str, Any]:
    """Held-out bounds and ROC areas of a model; windows are the same for every model and seed.

    Returns:
        "elbo", "iwae" in nats a reading with "_se" (windows taken as independent); "auc_readings"
        by surprise, "auc_windows" by the negative IWAE a reading; counts; and "by_window", the IWAE
        and the readings of each window, for paired differences.
    """
    suspect = _scores(fitted, log.suspect, log.labels, protocol)
    if log.suspect is log.clean:
        anomalous = np.bincount(suspect.window, suspect.labels, len(suspect.elbo)) > 0
        clean = (suspect.elbo[~anomalous], suspect.iwae[~anomalous], suspect.readings[~anomalous])
    else:
        held_out = _scores(fitted, log.clean, np.zeros_like(log.labels), protocol)
        clean = (held_out.elbo, held_out.iwae, held_out.readings)
    elbo, bound, readings = clean
    bad = np.bincount(suspect.window, suspect.labels, len(suspect.elbo)) > 0
    found = dict(zip(("elbo", "elbo_se"), per_reading(elbo, readings), strict=True))
    found |= dict(zip(("iwae", "iwae_se"), per_reading(bound, readings), strict=True))
    return found | {
        "auc_readings": roc_area(suspect.surprise, suspect.labels),
        "auc_windows": roc_area(-suspect.iwae / suspect.readings, bad),
        "windows": len(elbo),
        "readings": int(readings.sum()),
        "anomalous_readings": int(suspect.labels.sum()),
        "by_window": (bound, readings),
    }


def per_reading(totals: Float64, readings: Float64) -> tuple[float, float]:
    """Sum over sum, and its standard error over windows (the linearised ratio)."""
    mean = totals.sum() / readings.sum()
    rest = totals - mean * readings
    return float(mean), float(rest.std(ddof=1) * len(rest) ** 0.5 / readings.sum())


def roc_area(scores: Float64, labels: np.ndarray) -> float | None:
    """Chance that an anomalous item scores above a normal one, ties half; None without both."""
    positive, negative = int(labels.sum()), int((~labels).sum())
    if not (positive and negative):
        return None
    ranks = rankdata(scores)[labels]
    return float((ranks.sum() - positive * (positive + 1) / 2) / (positive * negative))


def _scores(
    fitted: FittedModel,
    dataset: TimeSeriesDataset,
    labels: np.ndarray,
    protocol: Mapping[str, Any],
) -> Scores:
    values, truth = (
        TrainingLog(log).with_schema(fitted.schema).sampler("test", fitted.config)
        for log in (dataset, labels_as_readings(dataset, labels, fitted))
    )
    rows, parts = evenly(values.eligible_rows(), protocol["windows"]), []
    generator = torch.Generator().manual_seed(11)
    for first in range(0, len(rows), _BATCH):
        chosen = rows[first : first + _BATCH]
        batch, marks = (_windows(sampler, chosen, first) for sampler in (values, truth))
        found = _of_batch(fitted.model, batch, protocol["draws"], generator)
        mask = batch.target_mask.numpy()
        window = np.broadcast_to(np.arange(first, first + len(chosen))[:, None, None], mask.shape)
        flags = marks.targets.numpy() > 0.5
        parts.append((*found[:2], mask.sum((1, 2)), found[2][mask], flags[mask], window[mask]))
    return Scores(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _windows(sampler: WindowSampler, rows: np.ndarray, first: int) -> SeriesBatch:
    return sampler.batch(rows, (5, 5), first=first, hidden=_HIDDEN)


@torch.no_grad()
def _of_batch(
    model: LatentODEModel, batch: SeriesBatch, draws: int, generator: torch.Generator
) -> tuple[Float64, Float64, Float64]:
    """ELBO and IWAE of each window, and the surprise of each target."""
    model.eval()
    shape = (draws, batch.size, model.config.latent_dim)
    solved = model.solve(batch, torch.randn(shape, generator=generator), density=True)
    given = (batch.targets, solved.decoded.location, solved.decoded.scale)
    weights = model.likelihood.joint(*given, batch.target_mask)
    weights = (weights + model.prior.log_prob(solved.z0) - solved.log_posterior).double()
    density = model.likelihood.log_prob(*given).double()
    surprise = np.log(draws) - torch.logsumexp(density, dim=0).numpy()
    return weights.mean(0).numpy(), iwae(weights).numpy(), surprise
