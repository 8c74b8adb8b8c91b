"""Covariances of the memory, fitted to training readings before the network learns."""

from __future__ import annotations

import copy
from dataclasses import replace

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


def fit_memory(model: LatentODEModel, sampler: WindowSampler, config: TrainConfig) -> Memory | None:
    r"""Maximise the likelihood of hidden and following readings by the memory alone.

    The trajectory is taken to be 0, noise to be Student's t: a start for the covariances of smooth
    channels, which the network then need not find in steps that suit its weights. All other parts
    of the memory are fitted beside them and left as they were: what rests on the trajectory is
    learned with it. Channels with bounds, states and counts are no Gaussian processes: they begin
    with no share of smooth covariances.

    Args:
        model: Model that is not trained yet, on the CPU; changed in place. One without memory is
            left as it is.
        sampler: Training windows.
        config: Seed and schedule: no more steps are taken than training will.

    Returns:
        The other parts as they were fitted beside.
    """
    if model.smooth is None or model.memory is None:
        return None
    model.eval()  # no random numbers
    assert config.steps_per_epoch is not None
    steps = min(_STEPS, config.max_epochs * config.steps_per_epoch)
    count, seed = min(_BATCHES, steps), (config.seed, 11)
    sampler = replace(sampler, unread_share=0.0)  # what it learns is about windows with readings
    rows = sampler.epoch(sampler.eligible_rows(), count, _WINDOWS, seed).reshape(-1)
    batches = list(batches_of(sampler, rows, _WINDOWS, seed))
    memory, log_scale = copy.deepcopy(model.memory), torch.zeros_like(model.decoder.log_scale)
    covariances, logs = _parameters(memory, model.smooth)
    noise = LIKELIHOODS["student_t"](len(log_scale))
    logs = [*logs, log_scale.requires_grad_(), *noise.parameters()]
    rates = (_COVARIANCE_RATE, _LOG_RATE)
    optimizer = AdamW([{"params": covariances}, {"params": logs}], lr=0.0)
    free = model.memory.unbounded
    for step in range(steps):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * (1.0 - step / steps)
        optimizer.zero_grad()
        batch = batches[step % count]
        nothing = batch.values.new_zeros(1, *batch.values.shape)
        shift, factor = memory(batch, model.smooth, batch.query_times, nothing)
        scale = torch.hypot(log_scale.exp() * factor, factor.new_tensor(_FLOOR))
        _loss(noise, batch, shift, scale, free).backward()
        optimizer.step()
    optimizer.zero_grad()
    model.smooth.set_aside(~free)
    return memory


def _parameters(memory: Memory, smooth: SmoothMemory) -> tuple[list[Tensor], list[Tensor]]:
    """What moves by `_GAIN` of its own, and logarithms."""
    parts: list[nn.Module | None] = [memory.nearest, memory.seasonal, smooth]
    covariances: list[Tensor] = [p for part in parts if part is not None for p in part.parameters()]
    return covariances, [] if memory.log_prior_count is None else [memory.log_prior_count]


def _loss(
    noise: Likelihood, batch: SeriesBatch, location: Tensor, scale: Tensor, free: Tensor
) -> Tensor:
    """Mean of minus the log-density of the targets of some channels.

    Args:
        noise: Likelihood of all channels.
        batch: Windows.
        location: Of their targets.
        scale: Likewise.
        free: True for the channels that count, shape (channel,).
    """
    mask = batch.target_mask & free
    targets = batch.targets.masked_fill(~mask, 0.0)
    density = noise.log_prob(targets, location, scale).masked_fill(~mask, 0.0)
    return -density.sum() / mask.sum().clamp(min=1)
