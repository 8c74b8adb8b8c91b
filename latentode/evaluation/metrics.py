r"""Numbers that judge forecasts: errors, proper scores, calibration.

Use `mae` of medians and `rmse` of means for point forecasts, `crps_from_draws` to judge a whole
predictive distribution in the unit of the data, `negative_log_likelihood` where densities are
known, and `coverage` and `pit` to see whether the stated uncertainty is honest. The CRPS of a point
forecast is its absolute error, so that both can stand in one table.

Arrays have any shape; draws add a leading axis: ``values`` (...), ``draws`` (draw, ...). A NaN
among the draws or values of a reading gives NaN, never a silent "not covered".

Reference:
    Gneiting, Raftery (2007), Strictly proper scoring rules, prediction, and estimation,
    https://doi.org/10.1198/016214506000001437
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from latentode.data.dataset import Float64
from latentode.errors import ConfigError, DataError, ShapeError

_erf = np.vectorize(math.erf, otypes=[np.float64])


def mae(prediction: ArrayLike, values: ArrayLike) -> float:
    r"""Mean absolute error :math:`\frac1n\sum_i |\hat y_i - y_i|`, least for the median.

    Args:
        prediction: Point forecasts, shape (...).
        values: What was read, same shape and unit.

    Returns:
        The error in the unit of the values.

    Raises:
        ShapeError: If the shapes differ.
        DataError: If there is no reading.
    """
    return float(np.abs(_errors(prediction, values)).mean())


def rmse(prediction: ArrayLike, values: ArrayLike) -> float:
    r"""Root mean squared error :math:`\sqrt{\frac1n\sum_i (\hat y_i - y_i)^2}`, least for the mean.

    Args:
        prediction: Point forecasts, shape (...).
        values: What was read, same shape and unit.

    Returns:
        The error in the unit of the values.

    Raises:
        ShapeError: If the shapes differ.
        DataError: If there is no reading.
    """
    error = np.abs(_errors(prediction, values))
    # squares of errors above 1e154 overflow, below 1e-154 they vanish
    largest = float(error.max())
    if largest == 0 or not math.isfinite(largest):
        return largest
    return largest * math.sqrt(float(np.square(error / largest).mean()))


def crps_from_draws(
    draws: ArrayLike, values: ArrayLike, *, estimator: Literal["fair", "plain"] = "fair"
) -> Float64:
    r"""Continuous ranked probability score of an ensemble, for each reading.

    .. math::
        \mathrm{CRPS} = \frac1m\sum_i |x_i - y| - \frac{1}{2\,m\,(m - 1)}\sum_{i,j} |x_i - x_j|

    "fair" has :math:`m (m - 1)` as above and is an unbiased estimate of the score of the
    distribution that the draws come from (a single value may be negative); "plain" has :math:`m^2`
    and is the score of the empirical distribution, which punishes few draws. The double sum is
    taken over sorted draws in O(m log m),
    :math:`\sum_{i<j} (x_{(j)} - x_{(i)}) = \sum_i (2 i - m - 1)\, x_{(i)}`.

    Args:
        draws: Draws of the prediction, shape (draw, ...).
        values: What was read, shape (...).
        estimator: "fair" (needs two draws) or "plain".

    Returns:
        The score of each reading in the unit of the values, smaller is better, shape (...).

    Raises:
        ShapeError: If the shapes do not fit, or "fair" is asked of one draw.
        ConfigError: If the estimator is unknown.

    Reference:
        Gneiting, Raftery (2007), section 4.2; Ferro (2014), Fair scores for ensemble forecasts,
        https://doi.org/10.1002/qj.2270

    Example:
        >>> crps_from_draws([[1.0], [3.0]], [2.0], estimator="plain").tolist()
        [0.5]
    """
    draws, values = _draws_and_values(draws, values)
    count = len(draws)
    if estimator not in ("fair", "plain"):
        raise ConfigError(f"estimator: expected 'fair' or 'plain', got {estimator!r}.")
    if estimator == "fair" and count < 2:
        raise ShapeError(
            f"draws: expected at least 2 for the fair estimator, got {count}. "
            'Draw more, or use estimator="plain".'
        )
    # relative to the reading: a level of 1e9 would cost the digits that the spread needs
    return crps_of_ordered(ordered(draws - values), fair=estimator == "fair")


def ordered(draws: Float64) -> Float64:
    """Draws from the least up, NaN last, shape (draw, ...)."""
    # a sort of neighbouring numbers is several times as fast as one across rows
    return np.moveaxis(np.sort(np.moveaxis(draws, 0, -1), axis=-1), -1, 0)


def crps_of_ordered(deviation: Float64, *, fair: bool) -> Float64:
    """`crps_from_draws` of draws less the readings, from the least up.

    Args:
        deviation: Shape (draw, ...).
        fair: Which estimator.
    """
    count = len(deviation)
    weights = 2.0 * np.arange(1, count + 1) - count - 1
    spread = np.tensordot(weights, deviation, axes=1) / count
    spread /= (count - 1) if fair else count
    return np.abs(deviation).mean(axis=0) - spread


def crps_from_quantiles(quantiles: ArrayLike, levels: ArrayLike, values: ArrayLike) -> Float64:
    r"""Continuous ranked probability score from some quantiles alone, for each reading.

    .. math::
        \mathrm{CRPS} = \int_0^1 2\,(\mathbb{1}[y < q_\tau] - \tau)\,(q_\tau - y)\,d\tau
        \approx \frac1k\sum_{i=1}^k 2\,(\mathbb{1}[y < q_i] - \tau_i)\,(q_i - y)

    Exact in the limit of many levels that are spread evenly over (0, 1); of few levels it is a
    score of its own, least in the mean for the right quantiles, that may be compared only with the
    same levels of another forecast.

    Args:
        quantiles: Quantiles of the prediction, shape (level, ...).
        levels: Their probabilities, shape (level,).
        values: What was read, shape (...).

    Returns:
        The score of each reading in the unit of the values, shape (...).

    Raises:
        ShapeError: If the shapes do not fit.
        ConfigError: If a level is not between 0 and 1.

    Reference:
        Gneiting, Ranjan (2011), Comparing density forecasts using threshold- and quantile-weighted
        scoring rules, https://doi.org/10.1198/jbes.2010.08110

    Example:
        >>> crps_from_quantiles([[1.0], [3.0]], [0.25, 0.75], [2.0]).tolist()
        [0.5]
    """
    quantiles, values = _draws_and_values(quantiles, values)
    levels = np.asarray(levels, np.float64)
    if levels.shape != quantiles.shape[:1]:
        raise ShapeError(f"levels: expected {len(quantiles)} of them, got shape {levels.shape}.")
    if not ((levels > 0) & (levels < 1)).all():
        raise ConfigError(f"levels: expected probabilities between 0 and 1, got {levels}.")
    below = levels.reshape(-1, *[1] * values.ndim)
    error = quantiles - values
    return (2.0 * ((error > 0) - below) * error).mean(axis=0)


def crps_gaussian(mean: ArrayLike, std: ArrayLike, values: ArrayLike) -> Float64:
    r"""Continuous ranked probability score of a normal distribution, in closed form.

    .. math::
        \mathrm{CRPS} = \sigma\left[z\,(2\Phi(z) - 1) + 2\varphi(z) - \pi^{-1/2}\right],
        \quad z = (y - \mu)/\sigma

    A standard deviation of zero gives the limit :math:`|y - \mu|`.

    Args:
        mean: Means, shape (...).
        std: Standard deviations, not negative, shape (...).
        values: What was read, shape (...).

    Returns:
        The score of each reading in the unit of the values, shape (...).

    Raises:
        DataError: If a standard deviation is negative.

    Reference:
        Gneiting, Raftery (2007), equation 21.
    """
    mean, std, values = (np.asarray(array, np.float64) for array in (mean, std, values))
    if np.any(std < 0):
        raise DataError(f"std: expected standard deviations >= 0, got {np.nanmin(std):g}.")
    error = values - mean
    z = error / np.where(std > 0, std, 1.0)
    density = np.exp(-0.5 * np.square(z)) / math.sqrt(2 * math.pi)
    score = std * (z * _erf(z / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi))
    return np.where(std == 0, np.abs(error), score)


def negative_log_likelihood(log_prob: ArrayLike) -> float:
    r"""Mean negative log density :math:`-\frac1n\sum_i \log p(y_i)`.

    Args:
        log_prob: Log density of each reading in nats, shape (...). A density has the inverse unit
            of the data: dividing the data by `s` lowers the result by log(s).

    Returns:
        Nats per reading, smaller is better.

    Raises:
        DataError: If there is no reading.
    """
    return float(-_some(np.asarray(log_prob, np.float64), "log_prob").mean())


def central_interval(
    draws: ArrayLike, level: float = 0.9, *, are_random: bool = True
) -> tuple[Float64, Float64]:
    r"""Central interval that a new draw falls into with probability `level`.

    The bounds are the order statistics at :math:`(m + 1)(1 \mp \mathrm{level})/2` (interpolated),
    for which the coverage of :math:`m` exchangeable draws is the level itself; the customary
    quantile at :math:`1 + (m - 1) q` makes 100 honest draws cover 88.2 % instead of 90 %. Too few
    draws for the level give their whole range.

    Args:
        draws: Draws of the prediction, shape (draw, ...).
        level: Probability of the interval, between 0 and 1.
        are_random: Whether they are random ones, not quantiles in the middles of equal shares,
            between which the bounds are interpolated.

    Returns:
        Lower and upper bound, each of shape (...).

    Raises:
        ConfigError: If the level is not between 0 and 1.
        DataError: If there is no draw.
    """
    if not 0 < level < 1:
        raise ConfigError(f"level: expected a probability between 0 and 1, got {level}.")
    draws = np.asarray(draws, np.float64)
    if not len(draws):
        raise DataError("draws: expected at least one, got none.")
    tail = (1 - level) / 2
    low, high = quantiles_of(draws, np.array([tail, 1 - tail]), are_random=are_random)
    return low, high


def quantiles_of(draws: Float64, levels: Float64, *, are_random: bool = True) -> Float64:
    """Quantiles of a prediction that draws tell, shape (level, ...).

    Args:
        draws: Draws of the prediction, shape (draw, ...).
        levels: Probabilities, shape (level,).
        are_random: See `central_interval`.
    """
    return quantiles_of_ordered(ordered(draws), levels, are_random=are_random)


def quantiles_of_ordered(draws: Float64, levels: Float64, *, are_random: bool) -> Float64:
    """`quantiles_of` draws from the least up.

    Args:
        draws: Shape (draw, ...).
        levels: Probabilities, shape (level,).
        are_random: See `central_interval`.
    """
    count = len(draws)
    # the customary names of these are Weibull and Hazen
    place = (count + 1) * levels - 1.0 if are_random else count * levels - 0.5
    place = place.clip(0.0, count - 1.0).reshape(-1, *[1] * (draws.ndim - 1))
    low = np.floor(place).astype(np.int64)
    first, second = draws[low.ravel()], draws[np.minimum(low + 1, count - 1).ravel()]
    share = place - low
    # not the share of an infinite number that counts nothing
    between = np.where(share > 0, first + share * (second - first), first)
    return np.where(np.isnan(draws[-1]), np.nan, between)


def coverage(draws: ArrayLike, values: ArrayLike, level: float = 0.9) -> float:
    """Share of the readings inside their central interval, bounds included; see `central_interval`.

    Args:
        draws: Draws of the prediction, shape (draw, ...).
        values: What was read, shape (...).
        level: Probability of the interval; an honest forecast covers this share.

    Returns:
        A share between 0 and 1; NaN where a draw or value is NaN.

    Raises:
        ShapeError: If the shapes do not fit.
        ConfigError: If the level is not between 0 and 1.
        DataError: If there is no draw or no reading.
    """
    return float(_some(covered(draws, values, level), "values").mean())


def covered(
    draws: ArrayLike, values: ArrayLike, level: float = 0.9, *, are_random: bool = True
) -> Float64:
    """Whether each reading is inside its central interval: 1, 0, or NaN; see `coverage`.

    Args:
        draws: Draws of the prediction, shape (draw, ...).
        values: What was read, shape (...).
        level: Probability of the interval.
        are_random: See `central_interval`.

    Returns:
        Shape (...).
    """
    draws, values = _draws_and_values(draws, values)
    low, high = central_interval(draws, level, are_random=are_random)
    return within(low, high, values)


def within(low: Float64, high: Float64, values: Float64) -> Float64:
    """Whether each reading is inside an interval, bounds included: 1, 0, or NaN.

    Args:
        low: Lower bounds, shape (...).
        high: Upper bounds, likewise.
        values: What was read, likewise.
    """
    return np.where(np.isnan(low + high + values), np.nan, (low <= values) & (values <= high))


def interval_width(draws: ArrayLike, level: float = 0.9) -> float:
    """Mean width of the central interval; of two forecasts that cover, the narrower one knows more.

    Args:
        draws: Draws of the prediction, shape (draw, ...).
        level: Probability of the interval.

    Returns:
        The width in the unit of the values.

    Raises:
        DataError: If there is no draw or no reading.
    """
    low, high = central_interval(draws, level)
    return float(_some(high - low, "draws").mean())


def pit(draws: ArrayLike, values: ArrayLike, generator: np.random.Generator) -> Float64:
    r"""Probability integral transform of each reading, randomised over ties.

    .. math::
        u = \frac{\#\{x_i < y\} + V\,(\#\{x_i = y\} + 1)}{m + 1}, \quad V \sim U(0, 1)

    which is uniform on (0, 1) for any number of draws if reading and draws come from one
    distribution, discrete ones included.

    Args:
        draws: Draws of the prediction, shape (draw, ...).
        values: What was read, shape (...).
        generator: Source of V.

    Returns:
        Values in [0, 1], shape (...); NaN where a draw or the value is NaN.

    Raises:
        ShapeError: If the shapes do not fit.

    Reference:
        Czado, Gneiting, Held (2009), Predictive model assessment for count data,
        https://doi.org/10.1111/j.1541-0420.2009.01191.x
    """
    draws, values = _draws_and_values(draws, values)
    below = np.count_nonzero(draws < values, axis=0)
    ties = np.count_nonzero(draws == values, axis=0)
    share = (below + generator.random(values.shape) * (ties + 1)) / (len(draws) + 1)
    unknown = np.isnan(values) | np.isnan(draws).any(axis=0)
    return np.where(unknown, np.nan, share)


def pit_histogram(transform: ArrayLike, bins: int = 10) -> Float64:
    """Share of the PIT values in equal bins of (0, 1).

    Flat (1 / bins everywhere) is calibrated; a U is too narrow, a hump too wide, a slope biased.

    Args:
        transform: PIT values, shape (...); NaN are left out.
        bins: Number of bins.

    Returns:
        Shares that sum to one, shape (bins,).

    Raises:
        DataError: If there is no value but NaN.
    """
    transform = np.asarray(transform, np.float64)
    known = _some(transform[~np.isnan(transform)], "transform")
    counts, _ = np.histogram(known, bins=bins, range=(0.0, 1.0))
    return counts / known.size


def mase(prediction: ArrayLike, values: ArrayLike, training: ArrayLike, *, lag: int = 1) -> float:
    r"""Mean absolute scaled error: `mae` over the error of the naive forecast in the training part.

    .. math::
        \mathrm{MASE} = \frac1n\sum_i |\hat y_i - y_i| \Big/
        \frac{1}{N - l}\sum_{t>l} |x_t - x_{t-l}|

    Args:
        prediction: Point forecasts, shape (...).
        values: What was read, same shape and unit.
        training: Training readings of the same channel in order of time, shape (time,).
        lag: Readings in a season; 1 compares with "no change".

    Returns:
        A number without unit; below 1 is better than the naive forecast was in training.

    Raises:
        DataError: If the training part has no more than `lag` readings, or does not vary.

    Reference:
        Hyndman, Koehler (2006), Another look at measures of forecast accuracy,
        https://doi.org/10.1016/j.ijforecast.2006.03.001
    """
    history = np.asarray(training, np.float64)
    if lag < 1 or history.ndim != 1 or len(history) <= lag:
        raise DataError(
            f"training: expected more than lag={lag} >= 1 readings of one channel, "
            f"got shape {history.shape}."
        )
    scale = float(np.abs(history[lag:] - history[:-lag]).mean())
    if scale == 0:
        raise DataError("training: expected readings that vary, got a constant. Use mae instead.")
    return mae(prediction, values) / scale


def _errors(prediction: ArrayLike, values: ArrayLike) -> Float64:
    prediction, values = np.asarray(prediction, np.float64), np.asarray(values, np.float64)
    if prediction.shape != values.shape:
        raise ShapeError(
            f"prediction: expected the shape {values.shape} of the values, got {prediction.shape}."
        )
    return _some(prediction - values, "values")


def _some(array: Float64, name: str) -> Float64:
    if not array.size:
        raise DataError(f"{name}: expected at least one reading, got none.")
    return array


def _draws_and_values(draws: ArrayLike, values: ArrayLike) -> tuple[Float64, Float64]:
    draws, values = np.asarray(draws, np.float64), np.asarray(values, np.float64)
    if draws.ndim != values.ndim + 1 or draws.shape[1:] != values.shape or not len(draws):
        raise ShapeError(
            f"draws: expected shape (draw, ...) over values of shape {values.shape} and at least "
            f"one draw, got {draws.shape}."
        )
    return draws, values
