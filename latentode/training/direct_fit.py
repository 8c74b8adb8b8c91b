"""Direct forecasts, fitted to what all other parts of a trained model miss."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.flows.adam import AdamW
from latentode.models.decoders.direct import WEIGHTS, Clues
from latentode.models.latent_ode import LatentODEModel
from latentode.models.likelihoods.base import Likelihood

_STEPS, _RATE, _DECAY = 400, 3e-3, 0.05  # a few seconds; the rate of the other networks
_REFIT_STEPS, _REFIT_RATE = 100, 1e-3  # from weights that are good for the same channels
_JUDGED_EVERY = 20  # steps
_WORTHWHILE = 0.01  # nats per target: less may be luck of the validation part


@dataclass(frozen=True)
class _Forecasts:
    """Windows, and what the model says of their targets without direct forecasts.

    Attributes:
        batch: Windows.
        likelihood: Of their readings.
        location: Shape (batch, step, channel).
        scale: Likewise.
        wanted: True for targets after the last visible row, likewise.
        clues: What direct forecasts of them go by.
    """

    batch: SeriesBatch
    likelihood: Likelihood
    location: Tensor
    scale: Tensor
    wanted: Tensor
    clues: Clues

    @classmethod
    @torch.no_grad()
    def of(
        cls, model: LatentODEModel, batch: SeriesBatch, generator: torch.Generator
    ) -> _Forecasts:
        shape = (1, batch.size, model.config.latent_dim)
        noise = torch.randn(shape, generator=generator).to(batch.values)
        decoded = model.solve(batch, noise).decoded
        ahead = batch.query_times > batch.times[:, -1:]
        wanted = batch.target_mask & ahead[..., None]
        likelihood = model.likelihood_given(batch)
        assert model.direct is not None
        asked = batch.query_times
        clues = model.direct.clues(batch, asked, model.known_at(batch, asked))
        return cls(batch, likelihood, decoded.location[0], decoded.scale[0], wanted, clues)

    def farthest(self) -> float:
        """How long after the last visible row the last target is, model time."""
        lead = (self.batch.query_times - self.batch.times[:, -1:])[..., None]
        return float(torch.where(self.wanted, lead, 0.0).max())

    def log_prob(self, model: LatentODEModel) -> Tensor:
        """Log-density of each target in nats, 0 where none is wanted."""
        assert model.direct is not None
        shift, log_scale = model.direct.moves(self.clues)
        targets = self.batch.targets.masked_fill(~self.wanted, 0.0)
        location, scale = self.location + shift, self.scale * log_scale.exp()
        found = self.likelihood.log_prob(targets, location, scale.clamp(min=model.scale_floor))
        return found.masked_fill(~self.wanted, 0.0)


def fit_direct(
    model: LatentODEModel,
    train: Sequence[SeriesBatch],
    held_out: Sequence[SeriesBatch],
    *,
    seed: int,
    most_steps: int = _STEPS,
) -> Tensor:
    """Fit direct forecasts beside a trained model, and keep them where they help.

    The likelihood of what follows training windows is maximised, everything else as it is. Held-out
    windows choose when that stops, by the mean over channels of the log-density of a target, and
    then the channels that are forecast better so, by a hundredth of a nat at least.

    Args:
        model: Trained model, changed in place; one without direct forecasts is left as it is.
        train: Training windows.
        held_out: Windows of validation; without any, the model is left as it is.
        seed: Of the draws.
        most_steps: No more steps are taken: a training of a few is a trial.

    Returns:
        What each channel gains on the held-out windows, nats per target, 0 where it is forecast as
        before; shape (channel,).
    """
    size = model.scale_floor.shape[0]
    if model.direct is None or not train or not held_out:
        return torch.zeros(size)
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    known, judged = (
        [_Forecasts.of(model, batch, generator) for batch in part] for part in (train, held_out)
    )
    if not any(part.wanted.any() for part in judged):
        return torch.zeros(size)
    with _own_stream(model, seed):
        return _fit(model, known, judged, min(_STEPS, most_steps)).cpu()


def refit_direct(
    model: LatentODEModel,
    first: LatentODEModel,
    train: Sequence[SeriesBatch],
    *,
    seed: int,
    most_steps: int = _REFIT_STEPS,
) -> None:
    """Fit direct forecasts beside a model anew, from those of an earlier model of the same data.

    The channels that are forecast so, and how far, are those of the earlier model, as nothing is
    held out here that could judge.

    Args:
        model: Trained model, changed in place.
        first: The earlier model.
        train: Training windows.
        seed: Of the draws.
        most_steps: No more steps are taken.
    """
    if model.direct is None or first.direct is None or not first.direct.strength.any():
        return
    model.direct.load_state_dict(first.direct.state_dict())
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    known = [_Forecasts.of(model, batch, generator) for batch in train]
    if any(part.wanted.any() for part in known):
        with _own_stream(model, seed):
            for _ in _stepped(model, known, min(_REFIT_STEPS, most_steps), _REFIT_RATE):
                pass


@contextmanager
def _own_stream(model: LatentODEModel, seed: int) -> Iterator[None]:
    """Let what is drawn here change nothing of what is drawn elsewhere."""
    device = model.scale_floor.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _fit(
    model: LatentODEModel,
    train: Sequence[_Forecasts],
    judged: Sequence[_Forecasts],
    steps: int,
) -> Tensor:
    direct = model.direct
    assert direct is not None
    before = _scores(model, judged)
    best, best_mean = before, before.nanmean()
    kept = copy.deepcopy(direct.state_dict())
    direct.strength.fill_(1.0)
    direct.reach.fill_(max(part.farthest() for part in train))
    for taken in _stepped(model, train, steps, _RATE):
        if taken % _JUDGED_EVERY == 0 or taken == steps:
            scores = _scores(model, judged)
            if scores.nanmean() > best_mean:
                best, best_mean = scores, scores.nanmean()
                kept = copy.deepcopy(direct.state_dict())
    direct.load_state_dict(kept)
    gain = torch.nan_to_num(best - before)
    gain = torch.where(gain >= _WORTHWHILE, gain, 0.0)
    direct.strength.copy_((gain > 0).to(direct.strength))
    return gain


def _stepped(
    model: LatentODEModel, train: Sequence[_Forecasts], steps: int, rate: float
) -> Iterator[int]:
    """Take steps that raise the likelihood of the windows; the number taken, after each."""
    direct = model.direct
    assert direct is not None
    weights = [getattr(direct, name).requires_grad_() for name in WEIGHTS]
    optimizer = AdamW([{"params": weights, "weight_decay": _DECAY}], lr=rate)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * 0.5 * (1.0 + math.cos(math.pi * step / steps))
        part = train[step % len(train)]
        direct.train()
        optimizer.zero_grad()
        loss = -part.log_prob(model).sum() / part.wanted.sum().clamp(min=1)
        loss.backward()
        optimizer.step()
        direct.eval()
        yield step + 1
    for weight in weights:
        weight.requires_grad_(False).grad = None


@torch.no_grad()
def _scores(model: LatentODEModel, judged: Sequence[_Forecasts]) -> Tensor:
    """Mean log-density of the targets of each channel, NaN without any, shape (channel,)."""
    total = sum(part.log_prob(model).double().sum((0, 1)) for part in judged)
    count = sum(part.wanted.sum((0, 1)) for part in judged)
    assert isinstance(total, Tensor)
    return torch.where(torch.as_tensor(count) > 0, total / count, torch.nan)
