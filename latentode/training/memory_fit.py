"""Covariances of the memory, fitted to training readings before the network learns."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentode.config import TrainConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.sampler import WindowSampler
from latentode.flows.adam import AdamW
from latentode.models.decoders.memory import Memory
from latentode.models.decoders.smooth import SmoothMemory
from latentode.models.latent_ode import LatentODEModel
from latentode.models.likelihoods import LIKELIHOODS
from latentode.models.likelihoods.base import Likelihood
from latentode.training.repeatable import batches_of

# enough for likelihoods of a few numbers a channel, and a few hundredths of a training
_STEPS, _BATCHES, _WINDOWS = 120, 24, 16
# step sizes of what moves by `_GAIN` of its own, and of logarithms
_COVARIANCE_RATE, _LOG_RATE = 0.05, 0.2
_FLOOR = 1e-3  # of scales, in training deviations


def fit_memory(model: LatentODEModel, sampler: WindowSampler, config: TrainConfig) -> None:
    r"""Maximise the likelihood of hidden and following readings by the memory alone.

    The trajectory is taken to be 0, noise to be Student's t: a start for the few parameters of each
    channel that the network then need not find in steps that suit its weights. They are those of
    the covariances, of levels and of the season; the mean scale of the decoder comes along.

    Args:
        model: Model that is not trained yet, on the CPU; changed in place. One without memory is
            left as it is.
        sampler: Training windows.
        config: Seed and schedule: no more steps are taken than training will.
    """
    if model.memory is None or model.smooth is None:
        return
    model.eval()  # no random numbers
    assert config.steps_per_epoch is not None
    steps = min(_STEPS, config.max_epochs * config.steps_per_epoch)
    count, seed = min(_BATCHES, steps), (config.seed, 11)
    rows = sampler.epoch(sampler.eligible_rows(), count, _WINDOWS, seed).reshape(-1)
    batches = list(batches_of(sampler, rows, _WINDOWS, seed))
    covariances, logs = _parameters(model.memory, model.smooth)
    noise = LIKELIHOODS["student_t"](len(model.decoder.log_scale))
    logs = [*logs, model.decoder.log_scale, *noise.parameters()]
    rates = (_COVARIANCE_RATE, _LOG_RATE)
    optimizer = AdamW([{"params": covariances}, {"params": logs}], lr=0.0)
    for step in range(steps):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * (1.0 - step / steps)
        optimizer.zero_grad()
        _loss(model, batches[step % count], noise).backward()
        optimizer.step()
    optimizer.zero_grad()


def _parameters(memory: Memory, smooth: SmoothMemory) -> tuple[list[Tensor], list[Tensor]]:
    """What moves by `_GAIN` of its own, and logarithms."""
    parts: list[nn.Module | None] = [memory.nearest, memory.seasonal, smooth]
    covariances: list[Tensor] = [p for part in parts if part is not None for p in part.parameters()]
    return covariances, [] if memory.log_prior_count is None else [memory.log_prior_count]


def _loss(model: LatentODEModel, batch: SeriesBatch, noise: Likelihood) -> Tensor:
    """Mean of minus the log-density of the targets."""
    assert model.memory is not None
    nothing = batch.values.new_zeros(1, *batch.values.shape)
    shift, factor = model.memory(batch, model.smooth, batch.query_times, nothing)
    scale = torch.hypot(model.decoder.log_scale.exp() * factor, factor.new_tensor(_FLOOR))
    targets = batch.targets.masked_fill(~batch.target_mask, 0.0)
    density = noise.log_prob(targets, shift, scale).masked_fill(~batch.target_mask, 0.0)
    return -density.sum() / batch.target_mask.sum().clamp(min=1)
