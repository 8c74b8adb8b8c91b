r"""Scores of whole paths: whether draws are right together, not at each time alone.

Bands at single times say nothing of a daily total, a peak, or a sum over sensors: these depend on
what the draws of a path have in common. A *path* is the readings of a window that are to be
predicted (of a piece of it, where the window is longer than a horizon), in units of each channel's
training standard deviation, and a draw of them. Three scores judge it:

- the share of functionals of the path (`FUNCTIONALS`, and the mean over channels) inside the
  central 90 % interval of the same functional of the draws: right is 90 %, see `covered_share`;
- `energy_score`, in training standard deviations, the CRPS of vectors: smaller is better;
- `variogram_score` of order 1/2, which sees wrong dependence where the energy score hardly does.

The same scores of *shuffled* draws stand beside: those of each reading are permuted independently
of all others, which keeps the distribution at each time and takes away every path. A model whose
paths are worth something scores below them.

Example:
    >>> import numpy as np
    >>> from latentode.data.targets import Targets
    >>> from latentode.evaluation.path_tally import PathTally
    >>> generator = np.random.default_rng(0)
    >>> draws = generator.normal(size=(200, 40, 24)).cumsum(axis=2)  # random walks of 24 hours
    >>> truth = generator.normal(size=(40, 24)).cumsum(axis=1)
    >>> hours = 3_600_000_000_000 * np.tile(np.arange(24), 40)
    >>> targets = Targets(np.repeat(np.arange(40), 24), hours, np.zeros(960, int), truth.ravel())
    >>> part = score_paths(draws.reshape(200, -1), targets, scale=np.ones(1), center=np.zeros(1),
    ...                    path_ns=None, generator=generator)
    >>> found = PathTally.of(part, 1).summary(("level",))
    >>> found["model"]["variogram"] < found["shuffled"]["variogram"]
    True
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np

from latentode.data.dataset import Float64, Int64
from latentode.data.targets import Targets
from latentode.evaluation.scores import LEVEL

MIN_READINGS = 3  # of a channel in a path, so that its functionals are not one and the same
MIN_CHANNELS = 2  # at a time, whose mean is judged
LAGS = (1, 2, 4, 8, 16, 32)  # how many readings the two of a pair of the variogram are apart
# draws of each path, and as many of those that are shuffled, for comparison: more make no score
# better, only less noisy
_DRAWS, _SHUFFLED = 64, 32
_BLOCK = 2_048  # targets that are scored at once: a processor keeps their draws near


@dataclass(frozen=True, eq=False)
class Runs:
    """Readings in order, in runs that belong together.

    Attributes:
        starts: First reading of each run, shape (run,).
        lengths: Number of readings of each run, shape (run,).
        path: Path of each run, shape (run,).
    """

    starts: Int64
    lengths: Int64
    path: Int64

    @classmethod
    def of(cls, path: Int64, key: Int64) -> Runs:
        """Runs of readings that share path and key, sorted by both, shapes (target,)."""
        changes = (np.diff(path, prepend=-1) != 0) | (np.diff(key, prepend=key[:1]) != 0)
        starts = np.flatnonzero(changes)
        return cls(starts, np.diff(starts, append=len(path)), path[starts])

    def number(self) -> Int64:
        """Run of each reading, shape (target,)."""
        return np.repeat(np.arange(len(self.starts)), self.lengths)


def _mean(values: Float64, runs: Runs) -> Float64:
    return np.add.reduceat(values, runs.starts) / runs.lengths[:, None]


def _maximum(values: Float64, runs: Runs) -> Float64:
    return np.maximum.reduceat(values, runs.starts)


def _minimum(values: Float64, runs: Runs) -> Float64:
    return np.minimum.reduceat(values, runs.starts)


def _change(values: Float64, runs: Runs) -> Float64:
    return values[runs.starts + runs.lengths - 1] - values[runs.starts]


def _largest_step(values: Float64, runs: Runs) -> Float64:
    steps = np.zeros_like(values)
    np.subtract(values[1:], values[:-1], out=steps[:-1])
    steps[runs.starts + runs.lengths - 1] = 0.0  # to another run
    return np.maximum.reduceat(np.abs(steps, out=steps), runs.starts)


#: Functionals of a channel's path by name: values (target, ...) and runs give (run, ...).
FUNCTIONALS: dict[str, Callable[[Float64, Runs], Float64]] = {
    "mean over time": _mean,
    "maximum": _maximum,
    "minimum": _minimum,
    "last - first": _change,
    "largest step": _largest_step,
}
ACROSS = "mean over channels"


@dataclass(frozen=True, eq=False)
class PathScores:
    """Scores of some paths, by draws as they are or shuffled.

    Attributes:
        covered: `covered_share` of each functional in the order of `FUNCTIONALS`, shape
            (functional, run).
        across: `covered_share` of the mean over channels at each time that has one, shape (time,).
        energy: `energy_score` of each path, shape (path,).
        variogram: `variogram_score` of each path; NaN where no two readings make a pair, shape
            (path,).
    """

    covered: Float64
    across: Float64
    energy: Float64
    variogram: Float64

    @classmethod
    def joined(cls, parts: list[PathScores]) -> PathScores:
        """One after another."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([vars(p)[name] for p in parts], axis=-1) for name in names))


@dataclass(frozen=True, eq=False)
class Part:
    """Scores of the paths of some windows.

    Attributes:
        model: By the draws as they are.
        shuffled: By draws that are shuffled.
        channel: Channel of each run in `PathScores.covered`, shape (run,).
    """

    model: PathScores
    shuffled: PathScores
    channel: Int64


def score_paths(
    draws: Float64,
    targets: Targets,
    *,
    scale: Float64,
    center: Float64,
    path_ns: int | None,
    generator: np.random.Generator,
) -> list[Part]:
    r"""Score the paths of some windows.

    Args:
        draws: In original units, shape (draw, target); a target of which one is not finite is in no
            path.
        targets: The readings, any order.
        scale: Training standard deviation of each channel, shape (channel,).
        center: Training mean of each channel, shape (channel,); the variogram score compares
            channels in standardised units.
        path_ns: Longest path in nanoseconds: a longer window is cut into pieces of this length, the
            first of which begins at its first target; None leaves windows whole.
        generator: Of the permutations.

    Returns:
        Scores in parts of whole paths; none where no target is left.
    """
    usable = np.isfinite(draws).all(axis=0) & np.isfinite(targets.values)
    draws = draws[:_DRAWS]
    path = _paths(targets, path_ns)
    order = np.lexsort((targets.times, targets.channel, path))
    order = order[usable[order]]
    parts = []
    for block in _blocks(path[order]):
        of = order[block]
        asked = targets.select(of).renumbered(path[of])
        values = np.empty((len(of), 1 + len(draws)))  # the truth, then the draws: (target, draw)
        values[:, 0], values[:, 1:] = asked.values, draws.T[of]
        values -= center[asked.channel, None]
        values /= scale[asked.channel, None]
        parts.append(_part(values, asked, generator))
    return parts


def covered_share(values: Float64, level: float = LEVEL) -> Float64:
    r"""Chance that the truth is inside the central interval of the draws, fair where they tie.

    Of :math:`m` draws, :math:`b` below the truth and :math:`e` equal to it, the rank of the truth
    is uniform between :math:`b/(m+1)` and :math:`(b+e+1)/(m+1)`; the result is the share of this
    interval within :math:`(1 \mp \mathrm{level})/2`. Its expectation is the level for any number
    of draws if they and the truth come from one distribution, discrete ones included, where closed
    intervals between quantiles would cover every dry day of a rain gauge.

    Args:
        values: The truth, then the draws, shape (..., 1 + draw).
        level: Probability of the interval.

    Returns:
        Shares, shape (...).

    Reference:
        Czado, Gneiting, Held (2009), Predictive model assessment for count data, section 2,
        https://doi.org/10.1111/j.1541-0420.2009.01191.x

    Example:
        >>> dry = np.zeros(20)
        >>> float(covered_share(dry).round(3))
        0.9
    """
    truth, draws, count = values[..., :1], values[..., 1:], values.shape[-1]
    first = np.count_nonzero(draws < truth, axis=-1) / count
    width = (np.count_nonzero(draws == truth, axis=-1) + 1) / count
    tail = (1 - level) / 2
    inside = np.minimum(first + width, 1 - tail) - np.maximum(first, tail)
    return np.clip(inside / width, 0.0, 1.0)


def energy_score(path: Float64) -> float:
    r"""Energy score of one path, over the root of its number of readings.

    .. math::
        \mathrm{ES} = \frac{1}{\sqrt d}\left[\frac1m\sum_i \lVert x_i - y\rVert
        - \frac{1}{2\,m\,(m-1)}\sum_{i,j} \lVert x_i - x_j\rVert\right]

    for :math:`m` draws of :math:`d` readings: an unbiased estimate of the score of the distribution
    that they come from, strictly proper; the CRPS where :math:`d = 1`. The root lets long and short
    paths be compared: errors that are one everywhere give one.

    Args:
        path: The truth, then the draws, shape (target, 1 + draw).

    Returns:
        The score in the unit of the path, smaller is better.

    Reference:
        Gneiting, Raftery (2007), Strictly proper scoring rules, prediction, and estimation, section
        4.3, https://doi.org/10.1198/016214506000001437
    """
    draws = path[:, 1:]
    size, count = draws.shape
    error = np.sqrt(np.square(draws - path[:, :1]).sum(axis=0)).mean()
    # about the mean of the draws: squares of a level would cost the digits that the spread needs
    offset = draws - draws.mean(axis=1, keepdims=True)
    distance = offset.T @ offset
    square = np.diagonal(distance).copy()
    distance *= -2.0
    distance += square[:, None]
    distance += square
    np.sqrt(np.maximum(distance, 0.0, out=distance), out=distance)
    np.fill_diagonal(distance, 0.0)
    spread = distance.sum() / max(2 * count * (count - 1), 1)
    return float((error - spread) / np.sqrt(size))


def variogram_score(values: Float64, runs: Runs, num_paths: int) -> Float64:
    r"""Variogram score of order 1/2 of pairs that are 1, 2, 4, ..., 32 readings of a run apart.

    .. math::
        \mathrm{VS} = \sum_{i<j} w_{ij} \left[\left(|y_i - y_j|^{1/2} -
        \frac1m\sum_k |x_{ki} - x_{kj}|^{1/2}\right)^2 - \frac{s_{ij}^2}{m}\right]

    with :math:`s_{ij}^2` the variance of :math:`|x_{ki} - x_{kj}|^{1/2}` over draws, without which
    few draws would be punished: the result is an unbiased estimate of the score of the distribution
    that they come from. The weights of all pairs one distance apart are equal, those of all
    distances of a path have the same sum, and all weights sum to one; `score_paths` takes the mean
    of what pairs in time and pairs of channels give.

    Args:
        values: The truth, then the draws, shape (target, 1 + draw).
        runs: Readings of a channel in order of time, or of a time in order of channels.
        num_paths: Paths are numbered below it.

    Returns:
        The score of each path, smaller is better; NaN where no run has two readings, shape (path,).

    Reference:
        Scheuerer, Hamill (2015), Variogram-based proper scoring rules for probabilistic forecasts
        of multivariate quantities, https://doi.org/10.1175/MWR-D-14-00269.1
    """
    run = runs.number()
    total, lags = np.zeros(num_paths), np.zeros(num_paths)
    for lag in LAGS:
        paired = run[:-lag] == run[lag:]
        if not paired.any():
            break
        first = np.flatnonzero(paired)
        path = runs.path[run[first]]
        pairs = np.bincount(path, minlength=num_paths)
        sums = np.bincount(path, _variogram_errors(values, first, lag), minlength=num_paths)
        total += sums / np.maximum(pairs, 1)
        lags += pairs > 0
    return np.where(lags > 0, total / np.maximum(lags, 1), np.nan)


def _variogram_errors(values: Float64, first: Int64, lag: int) -> Float64:
    """The brackets of `variogram_score` of readings and those some places on, shape (pair,).

    Args:
        values: Shape (target, 1 + draw).
        first: The first of each pair, shape (pair,).
        lag: How many places on the second is.
    """
    if 2 * len(first) > len(values):  # to pick most of them costs more than all do
        distance, chosen = values[lag:] - values[:-lag], first
    else:
        distance, chosen = values[first + lag], np.arange(len(first))
        distance -= values[first]
    np.abs(distance, out=distance)
    count = distance.shape[1] - 1
    average = np.full(1 + count, 1.0 / count)
    average[0] = 0.0  # the truth
    square = distance @ average
    root = np.sqrt(distance, out=distance)
    mean = root @ average
    variance = (square - np.square(mean)) / max(count - 1, 1)  # of the mean
    errors: Float64 = np.square(root[:, 0] - mean) - variance
    return errors[chosen]


def _part(values: Float64, asked: Targets, generator: np.random.Generator) -> Part:
    """Scores of whole paths in order of path, channel and time, shape (target, 1 + draw)."""
    path = np.unique(asked.window, return_inverse=True)[1].reshape(-1)
    channels = Runs.of(path, asked.channel)
    by_time = np.lexsort((asked.channel, asked.times, path))
    moments = Runs.of(path, asked.times[by_time])
    shuffled = values[:, : 1 + _SHUFFLED].copy()
    generator.permuted(values[:, 1 : 1 + _SHUFFLED], axis=1, out=shuffled[:, 1:])
    long = channels.lengths >= MIN_READINGS
    return Part(
        _scores(values, channels, by_time, moments),
        _scores(shuffled, channels, by_time, moments),
        asked.channel[channels.starts[long]],
    )


def _scores(values: Float64, channels: Runs, by_time: Int64, moments: Runs) -> PathScores:
    long, joint = channels.lengths >= MIN_READINGS, moments.lengths >= MIN_CHANNELS
    ends = np.flatnonzero(np.diff(channels.path, append=-1))
    stops = channels.starts[ends] + channels.lengths[ends]
    beside = values[by_time]
    kinds = [(values, channels), (beside, moments)]
    return PathScores(
        covered=np.stack(
            [covered_share(of(values, channels)[long]) for of in FUNCTIONALS.values()]
        ),
        across=covered_share(_mean(beside, moments)[joint]),
        energy=np.array([energy_score(path) for path in np.split(values, stops[:-1])]),
        variogram=mean_of_known(
            np.stack([variogram_score(of, runs, len(stops)) for of, runs in kinds])
        ),
    )


def mean_of_known(numbers: Float64) -> Float64:
    """Mean over the first axis of what is no NaN; NaN where nothing is left."""
    known = ~np.isnan(numbers)
    total = np.where(known, numbers, 0.0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


def _paths(targets: Targets, path_ns: int | None) -> Int64:
    """Number of the path of each target, in order of window and time, shape (target,)."""
    if path_ns is None or not len(targets):
        return targets.window
    first = np.full(int(targets.window.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, targets.window, targets.times)
    piece = (targets.times - first[targets.window]) // path_ns
    return targets.window * (int(piece.max()) + 1) + piece


def _blocks(path: Int64) -> Iterator[slice]:
    """Slices of whole paths, of about as many targets as are scored at once."""
    starts = np.flatnonzero(np.diff(path, prepend=-1))
    begins = starts[np.flatnonzero(np.diff(starts // _BLOCK, prepend=-1))].tolist()
    for begin, end in pairwise([*begins, len(path)]):
        yield slice(begin, end)
