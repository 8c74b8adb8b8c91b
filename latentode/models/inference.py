"""What a fitted model predicts with: posteriors, and what it knows beside the readings."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.errors import ConfigError
from latentode.models.encoders import refined
from latentode.models.encoders.posterior import FlowPosterior, NormalPosterior
from latentode.models.heads import PoissonProcess, TimeLabelHead
from latentode.models.latent_ode import LatentODEModel


def infer(model: LatentODEModel, batch: SeriesBatch) -> NormalPosterior | FlowPosterior:
    """What a model that predicts takes as posterior of the state at the anchor of each window.

    It is that of the encoder, and with ``model.refine`` it is refined by as many steps on the
    visible readings of the window itself, after a search from there and from the states of a few
    training windows. Training and validation go without, as each step costs as much as one of
    training.

    Args:
        model: Model whose trajectory alone says what is read: without memory, knots and flow.
        batch: Windows; what they ask for plays no part.
    """
    posterior = model.posterior(batch)
    if not model.config.refine:
        return posterior
    assert isinstance(posterior, NormalPosterior)
    from_end = model.config.anchor == "origin"
    inside = torch.arange(batch.times.shape[1], device=batch.times.device) < batch.lengths[:, None]
    seen = replace(
        batch,
        query_times=batch.times,
        targets=batch.values,
        target_mask=batch.mask & inside[..., None],
        lower=batch.lower if from_end else 0.0,
        upper=0.0 if from_end else batch.upper,
    )
    targets = seen.targets.masked_fill(~seen.target_mask, 0.0)

    def log_joint(z0: Tensor) -> Tensor:
        decoded = model.decode(model.trajectory(z0, seen, check=False), seen)
        density = model.likelihood.joint(targets, decoded.location, decoded.scale, seen.target_mask)
        return density + model.prior.log_prob(z0)

    return refined(posterior, log_joint, model.starts[:, None], model.config.refine)


def process_of(model: LatentODEModel) -> PoissonProcess:
    """The rates of events that the latent state drives.

    Raises:
        ConfigError: If the model was trained on readings alone.
    """
    if model.event_process is None:
        raise ConfigError(
            "events: expected a model that was trained with events, got one of readings alone. "
            "Train with --events or --model-times."
        )
    return model.event_process


def time_labels_of(model: LatentODEModel) -> TimeLabelHead:
    """The network that knows labels of times.

    Raises:
        ConfigError: If the model was trained without.
    """
    if not isinstance(model.label_head, TimeLabelHead):
        raise ConfigError(
            "labels: expected a model that was trained with labels of times, got one without. "
            "Train with --labels, a file with a column of times."
        )
    return model.label_head
