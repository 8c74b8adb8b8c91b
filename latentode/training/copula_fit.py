"""What is common to errors at several times and of several channels, learned from held-out ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from latentode.data.dataset import Float64
from latentode.evaluation.metrics import crps_from_draws
from latentode.flows.adam import AdamW
from latentode.models.copula import (
    COMPONENTS,
    RANK,
    SINCE,
    GaussianCopula,
)
from latentode.models.copula_arrays import own_times
from latentode.models.latent_ode import LatentODEModel
from latentode.models.likelihoods.quantiles import StudentTQuantiles, chi_square_quantiles
from latentode.models.nn.nearest import nearest_readings
from latentode.prediction.solved_windows import SolvedWindows

_POINTS = 64  # most readings of a window that are looked at together
_CHANNELS = 4  # most of their channels
_FEWEST = 8  # windows with two readings or more; from fewer nothing is learned
_FARTHEST = 4.0  # of normal scores: a wild reading says nothing of others
_STEPS, _BATCH, _RATE = 120, 32, 0.2  # a few seconds
_STARTS = (0.1, 1.0, 0.3, 3.0)  # lengths in horizons, at first: apart
_LEAST, _MOST = math.log(1e-3), math.log(1e3)  # of lengths in horizons: beyond, all is one
_JITTER = 1e-4  # of variances: two readings of one moment
_PAIR = 2  # readings that say something of each other
_FREEDOMS, _CALMS = (3.0, 8.0), (0.05, 0.3, 4.0)  # lengths in horizons
_WORTHWHILE = 0.985  # share of the CRPS without; a smaller gain may be chance
_JUDGED, _SIMULATED = 32, 64  # windows and draws by which these are chosen
_WORTH = 0.03  # mean weight of a component that is kept


@dataclass(frozen=True, eq=False)
class Stretches:
    """Readings of windows that were predicted, a part of each window; padded.

    Attributes:
        present: True where there is a reading, shape (window, point).
        channel: Channel of each, likewise.
        times: Model time of each, likewise.
        gaps: To the nearest visible readings of its channel, shape (2, window, point).
        readings: Rows of these, -1 where there is none, likewise.
        score: Mean over posterior draws of its normal score, shape (window, point).
        spread: Covariance over posterior draws of the scores, shape (window, point, point).
    """

    present: Tensor
    channel: Tensor
    times: Tensor
    gaps: Tensor
    readings: Tensor
    score: Tensor
    spread: Tensor

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """All of some; their windows are the first axis of all but gaps and readings."""
        axes = {"gaps": 1, "readings": 1}
        return cls(
            *(
                torch.cat([getattr(p, f.name) for p in parts], dim=axes.get(f.name, 0))
                for f in fields(cls)
            )
        )

    @classmethod
    def of(cls, model: LatentODEModel, part: SolvedWindows, generator: torch.Generator) -> Self:
        """Of some windows that were solved.

        Args:
            model: What solved them.
            part: The windows.
            generator: Chooses the part of each window, on the CPU.
        """
        batch, decoded = part.batch, part.solved.decoded
        location, scale = decoded.location.double(), decoded.scale.double()
        likelihood = model.likelihood_given(batch)
        values = batch.targets.double().expand_as(location)
        score = likelihood.score(values, location, scale).clamp(-_FARTHEST, _FARTHEST).cpu()
        index, gaps = nearest_readings(batch.times, batch.mask, batch.lengths, batch.query_times)
        rows = torch.where(torch.isfinite(gaps), index, -1).cpu()
        usable = batch.target_mask.cpu() & torch.isfinite(score).all(dim=0)
        cells = torch.zeros(batch.size, _POINTS, 2, dtype=torch.long)
        present = torch.zeros(batch.size, _POINTS, dtype=torch.bool)
        for window in range(batch.size):
            found = _chosen(usable[window], generator)
            cells[window, : len(found)], present[window, : len(found)] = found, True
        windows = torch.arange(batch.size)[:, None]
        where = windows, cells[..., 0], cells[..., 1]
        chosen = score[:, *where]  # (draw, window, point)
        apart = torch.where(present, chosen - chosen.mean(dim=0), 0.0)
        return cls(
            present=present,
            channel=cells[..., 1],
            times=batch.query_times.double().cpu()[windows, cells[..., 0]],
            gaps=gaps.double().cpu()[:, *where],
            readings=rows[:, *where],
            score=torch.where(present, chosen.mean(dim=0), 0.0),
            spread=torch.einsum("kwp,kwq->wpq", apart, apart) / len(chosen),
        )

    def select(self, windows: Tensor) -> Stretches:
        """Some windows."""
        return Stretches(
            present=self.present[windows],
            channel=self.channel[windows],
            times=self.times[windows],
            gaps=self.gaps[:, windows],
            readings=self.readings[:, windows],
            score=self.score[windows],
            spread=self.spread[windows],
        )


def _chosen(usable: Tensor, generator: torch.Generator) -> Tensor:
    """Step and channel of readings of a window that follow each other, shape (point, 2).

    Args:
        usable: Shape (step, channel).
        generator: Of the choice.
    """
    channels = usable.any(dim=0).nonzero()[:, 0]
    order = torch.randperm(len(channels), generator=generator)[:_CHANNELS]
    of_these = torch.zeros_like(usable)
    of_these[:, channels[order]] = True
    cells = (usable & of_these).nonzero()
    free = max(len(cells) - _POINTS, 0)
    first = int(torch.randint(free + 1, (), generator=generator))
    return cells[first : first + _POINTS]


class _Parameters(nn.Module):
    """Free numbers behind a copula.

    Args:
        num_channels: Channels.
        horizon: In model time.
    """

    def __init__(self, num_channels: int, horizon: float) -> None:
        super().__init__()
        zeros = torch.zeros(COMPONENTS, num_channels, dtype=torch.float64)
        self.common = nn.Parameter(zeros[:, :1].clone())
        self.of_channels = nn.Parameter(zeros.clone())
        starts = torch.tensor([1.0, *_STARTS], dtype=torch.float64)
        self.horizon, self.log_lengths = horizon, nn.Parameter(starts.log())
        # factors that begin alike would stay alike
        angle = torch.arange(1.0 * num_channels, dtype=torch.float64)[:, None] * torch.arange(RANK)
        self.raw = nn.Parameter(0.3 * torch.cos(angle).expand(COMPONENTS, -1, -1).clone())

    def weights(self) -> Tensor:
        """Shape (component, channel)."""
        return torch.softmax(self.common + self.of_channels, dim=0)

    def loadings(self) -> Tensor:
        """Shape (component, channel, factor)."""
        return self.raw / (1.0 + self.raw.square().sum(dim=-1, keepdim=True)).sqrt()

    def lengths(self) -> Tensor:
        """Model time, shape (component,)."""
        return self.horizon * self.log_lengths.clamp(_LEAST, _MOST).exp()

    def prior(self) -> Tensor:
        """Less the logarithm of the density of what few windows must not decide."""
        return 0.5 * (self.raw.square().sum() + self.of_channels.square().sum())


def correlation(copula: _Parameters, of: Stretches) -> Tensor:
    """Correlation of the noise of readings, shape (window, point, point).

    Args:
        copula: What is learned.
        of: The readings.
    """
    taus = own_times(copula.lengths(), of.times, of.gaps, torch)  # (component - 1, window, point)
    apart = (taus[..., :, None] - taus[..., None, :]).abs()
    told, known = of.readings >= 0
    named = torch.where(told, of.readings[0], torch.where(known, -2 - of.readings[1], -1))
    same_time = of.times[..., :, None] == of.times[..., None, :]
    same_gap = named[..., :, None] == named[..., None, :]
    kernels = torch.exp(-apart)
    decays = [same_time.double(), *kernels[:-SINCE], *(kernels[-SINCE:] * same_gap)]
    loadings, weights = copula.loadings(), copula.weights().sqrt()
    shared = loadings @ loadings.mT
    own = torch.diag_embed(1.0 - loadings.square().sum(dim=-1))
    between = (shared + own) * weights[:, :, None] * weights[:, None, :]
    pairs = of.channel[..., :, None] * between.shape[-1] + of.channel[..., None, :]
    return torch.stack(
        [decay * matrix.take(pairs) for decay, matrix in zip(decays, between, strict=True)]
    ).sum(dim=0)


def _loss(copula: _Parameters, of: Stretches) -> Tensor:
    """Mean over windows of less the log-density of their readings, but for a constant."""
    covariance = correlation(copula, of) + of.spread
    both = of.present[..., :, None] & of.present[..., None, :]
    unit = torch.eye(both.shape[-1], dtype=covariance.dtype)
    covariance = torch.where(both, covariance, unit) + _JITTER * unit
    root = torch.linalg.cholesky(covariance)
    whitened = torch.linalg.solve_triangular(root, of.score[..., None], upper=False)[..., 0]
    return (0.5 * whitened.square().sum(-1) + root.diagonal(dim1=-2, dim2=-1).log().sum(-1)).mean()


def _standardised(of: Stretches, num_channels: int) -> Stretches:
    """The same with scores of each channel as wide as they claim to be.

    A scale that is learned along would grow without end with the lengths of a random walk.

    Args:
        of: Readings that were predicted.
        num_channels: Channels of the log.
    """
    channel = of.channel[of.present]
    claimed, found = (
        torch.zeros(num_channels, dtype=torch.float64).index_add(0, channel, part[of.present])
        for part in (1.0 + of.spread.diagonal(dim1=-2, dim2=-1), of.score.square())
    )
    factor = (claimed / found.clamp(min=_JITTER)).sqrt()[of.channel]
    return replace(of, score=of.score * factor)


def fit_copula(
    stretches: Stretches, num_channels: int, horizon: float, most_steps: int = _STEPS
) -> GaussianCopula:
    """The copula under which held-out readings are most probable.

    Their scores are normal given the posterior draws, whose covariance counts as known.

    Args:
        stretches: Readings that were predicted.
        num_channels: Channels of the log.
        horizon: In model time.
        most_steps: No more steps are taken: a training of a few is a trial.
    """
    copula = GaussianCopula(num_channels)
    steps = min(_STEPS, most_steps)
    between = (stretches.readings >= 0).all(dim=0)
    for kind, chosen in enumerate((~between, between)):
        of_kind = replace(stretches, present=stretches.present & chosen)
        of_kind = of_kind.select((of_kind.present.sum(dim=1) >= _PAIR).nonzero()[:, 0])
        if len(of_kind.present) >= _FEWEST:
            learned = _Parameters(num_channels, horizon)
            of_kind = _standardised(of_kind, num_channels)
            _maximise(learned, of_kind, steps)
            _store(copula, kind, learned, of_kind)
    return copula


def _store(copula: GaussianCopula, kind: int, learned: _Parameters, of: Stretches) -> None:
    """Keep what was learned of one kind of predictions.

    Args:
        copula: Changed in place.
        kind: Number of the kind.
        learned: What was learned.
        of: Readings of it, standardised.
    """
    judged = of.select(torch.arange(min(_JUDGED, len(of.present))))
    with torch.no_grad():
        covariance = correlation(learned, judged) + judged.spread
        freedom, calm = _restlessness(covariance, judged, learned.horizon)
    weights = learned.weights().detach()
    weights = torch.where(weights.mean(dim=1, keepdim=True) < _WORTH, 0.0, weights)
    copula.weights[kind] = weights / weights.sum(dim=0)
    copula.loadings[kind] = learned.loadings().detach()
    copula.lengths[kind] = learned.lengths().detach()
    copula.tails[kind], copula.calm[kind] = 1.0 / freedom, calm
    copula.windows[kind] = len(of.present)


def _maximise(learned: _Parameters, of: Stretches, steps: int) -> None:
    """Take steps towards the greatest density of some readings."""
    generator, count = torch.Generator().manual_seed(0), len(of.present)
    with torch.enable_grad():
        optimizer = AdamW([{"params": list(learned.parameters())}], lr=_RATE)
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = _RATE * (1.0 - step / steps)
            optimizer.zero_grad()
            batch = torch.randperm(count, generator=generator)[:_BATCH]
            (_loss(learned, of.select(batch)) + learned.prior() / count).backward()
            optimizer.step()


def _restlessness(covariance: Tensor, of: Stretches, horizon: float) -> tuple[float, float]:
    """Degrees of freedom and length of calm with which errors have the extremes that were seen.

    Judged by the CRPS of the mean, the extremes and the largest step of the errors of a channel.

    Args:
        covariance: Of the scores, shape (window, point, point).
        of: The readings.
        horizon: In model time.
    """
    generator = torch.Generator().manual_seed(0)
    apart = (of.times[:, :, None] - of.times[:, None, :]).abs()
    noises = torch.randn(2, *of.times.shape, _SIMULATED, generator=generator).double()
    unit = torch.eye(covariance.shape[-1], dtype=covariance.dtype)
    normal = torch.linalg.cholesky(covariance + _JITTER * unit) @ noises[0]
    found = {(math.inf, 1.0): _functionals(normal, of)}
    for calm in _CALMS:
        root = torch.linalg.cholesky(torch.exp(-apart / (calm * horizon)) + _JITTER * unit)
        # where channels share a window they share it here; each is judged alone
        calmness = root @ noises[1]
        for freedom in _FREEDOMS:
            squares = chi_square_quantiles(freedom, calmness)
            quantiles = StudentTQuantiles.of(normal.new_tensor([freedom]))
            scores = quantiles.scores((normal / squares.sqrt())[..., None])[..., 0]
            found[freedom, calm * horizon] = _functionals(scores, of)
    usual = found[math.inf, 1.0]
    best = min(found, key=lambda of_it: float((found[of_it] / usual).mean()))
    return best if float((found[best] / usual).mean()) < _WORTHWHILE else (math.inf, 1.0)


def _functionals(drawn: Tensor, of: Stretches) -> Float64:
    """Mean CRPS of mean, greatest, least and largest step of the errors of a channel and window.

    Args:
        drawn: Draws of the scores, shape (window, point, draw).
        of: The readings.
    """
    found = []
    for window, draws in enumerate(drawn):
        present, channel = of.present[window], of.channel[window]
        both = torch.cat([of.score[window, :, None], draws], dim=1)
        for number in channel[present].unique():
            own = both[present & (channel == number)]
            if len(own) > _PAIR:
                step = own.diff(dim=0).abs().amax(dim=0)
                found.append(torch.stack([own.mean(0), own.amax(0), own.amin(0), step]))
    if not found:
        return np.ones(4)
    every = torch.stack(found).numpy()  # (channel of a window, functional, truth and draws)
    kinds = [crps_from_draws(every[:, kind, 1:].T, every[:, kind, 0]).mean() for kind in range(4)]
    return np.array(kinds)
