"""What a fitted model predicts with: posteriors, and what it knows beside the readings."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.errors import ConfigError
from latentode.models.encoders.posterior import NormalPosterior, Posterior
from latentode.models.encoders.refine import refined
from latentode.models.heads.poisson_process import PoissonProcess
from latentode.models.latent_ode import LatentODEModel


def infer(model: LatentODEModel, batch: SeriesBatch, *, refine: bool) -> Posterior:
    """The posterior of the state at the anchor of each window: the one way to it.

    Args:
        model: Model, whose trajectory alone says what is read where ``model.refine`` is set:
            without memory, knots and flow.
        batch: Windows; what they ask for plays no part.
        refine: True for whatever is predicted: with ``model.refine`` the posterior is refined by as
            many steps on the visible readings of the window itself, after a search from there and
            from the states of a few training windows. False for the encoder's own, by which
            training and validation go, as each step costs as much as one of training.
    """
    posterior = model.posterior(batch)
    if not (refine and model.config.refine):
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
