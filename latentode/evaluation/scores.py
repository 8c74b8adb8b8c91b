"""The scores of an evaluation, one row each: the table, the JSON and the plots read this list.

A score gives every reading a number, which is averaged over the readings of a channel, in the
channel's own unit. Over all channels it is the mean of these averages, each scaled so that channels
in different units can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from latentode.data.dataset import Float64
from latentode.evaluation import metrics

LEVEL = 0.9  # probability of the central interval whose coverage is judged
INTERVAL = f"{100 * LEVEL:g} % interval"


@dataclass(frozen=True, eq=False)
class Forecast:
    """What a predictor says about some readings, and the readings.

    Attributes:
        draws: In original units; NaN in all draws of a reading if one is not finite, shape
            (draw, target).
        log_prob: Log density of each reading in nats, shape (target,); NaN where none is stated.
        values: The readings, shape (target,).
        are_random: Whether the draws are random ones, not quantiles of equal shares from the least
            up.
    """

    draws: Float64
    log_prob: Float64
    values: Float64
    are_random: bool = True

    @classmethod
    def stated(cls, quantiles: Float64, values: Float64) -> Self:
        """A forecast of quantiles in the middles of equal shares, without a density.

        Args:
            quantiles: From the least up, shape (quantile, target).
            values: The readings, shape (target,).
        """
        return cls(quantiles, np.full(len(values), np.nan), values, are_random=False)

    @cached_property
    def ordered(self) -> Float64:
        """The draws of each reading from the least up, shape (draw, target)."""
        return metrics.ordered(self.draws) if self.are_random else self.draws

    def quantiles(self, levels: Float64) -> Float64:
        """Quantiles of each reading, shape (level, target)."""
        return metrics.quantiles_of_ordered(self.ordered, levels, are_random=self.are_random)

    @cached_property
    def interval(self) -> tuple[Float64, Float64]:
        """The central interval of each reading, see `metrics.central_interval`."""
        low, high = self.quantiles(np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
        return low, high


@dataclass(frozen=True)
class Scaling:
    """How the averages of channels become comparable.

    Attributes:
        unit: What the scaled average is in, in words.
        apply: Takes averages and training standard deviations, both of shape (channel,).
    """

    unit: str
    apply: Callable[[Float64, Float64], Float64]


IN_STD = Scaling(
    "(scaled: 1 is a channel's standard deviation)", lambda average, std: average / std
)
OF_STANDARDISED = Scaling("nats per reading", lambda average, std: average - np.log(std))
UNSCALED = Scaling("share of the readings", lambda average, _: average)


@dataclass(frozen=True)
class Score:
    """One score: a column of the table, a number of the JSON.

    Attributes:
        key: Its name in the JSON.
        heading: Its column in the table.
        of_forecast: Numbers of the readings, shape (target,).
        scaling: From the units of the channels to one that all share.
        of_error: The same from the errors of a point forecast, for the baselines; None
            where a point forecast has no such score.
        is_root: Whether the average over a channel's readings is the root of the mean of squares.
        form: How a number is written in the table.
        words: What it is, for those who meet it first.
    """

    key: str
    heading: str
    of_forecast: Callable[[Forecast], Float64]
    scaling: Scaling
    of_error: Callable[[Float64], Float64] | None = None
    is_root: bool = False
    form: str = ".4g"
    words: str = ""

    def summand(self, of_readings: Float64) -> Float64:
        """What the average is made of by its mean, shape (target,)."""
        return np.square(of_readings) if self.is_root else of_readings

    def average(self, mean: float) -> float:
        """The average over readings, by the mean of their summands."""
        return math.sqrt(mean) if self.is_root else mean

    def text(self, number: float | None) -> str:
        """A number of this score as text; "-" where there is none."""
        return "-" if number is None else format(number, self.form)

    @property
    def explained(self) -> str:
        """Heading and words."""
        return f"{self.heading} ({self.words})" if self.words else self.heading


def _median_error(forecast: Forecast) -> Float64:
    return np.abs(forecast.values - forecast.quantiles(np.array([0.5]))[0])


def _mean_error(forecast: Forecast) -> Float64:
    return forecast.values - forecast.draws.mean(axis=0)


def _crps(forecast: Forecast) -> Float64:
    fair = forecast.are_random and len(forecast.draws) > 1
    return metrics.crps_of_ordered(forecast.ordered - forecast.values, fair=fair)


def _covered(forecast: Forecast) -> Float64:
    low, high = forecast.interval
    return metrics.within(low, high, forecast.values)


def _width(forecast: Forecast) -> Float64:
    low, high = forecast.interval
    return high - low


# MAE is of the median and RMSE of the mean of the draws: what the two scores ask for. The CRPS of a
# point forecast without bands is its absolute error.
MAE = Score("mae", "MAE", _median_error, IN_STD, of_error=np.abs)
RMSE = Score("rmse", "RMSE", _mean_error, IN_STD, of_error=np.abs, is_root=True)
CRPS = Score(
    "crps", "CRPS", _crps, IN_STD, of_error=np.abs, words="like MAE, but of the whole band"
)
NLL = Score("nll", "NLL", lambda forecast: -forecast.log_prob, OF_STANDARDISED)
COVERAGE = Score("coverage_90", "coverage 90%", _covered, UNSCALED, form=".1%")

WIDTH = Score("width_90", "width 90%", _width, IN_STD)

SCORES = (MAE, RMSE, CRPS, NLL, COVERAGE, WIDTH)
OF_DRAWS = (MAE, RMSE, CRPS, COVERAGE, WIDTH)  # that need no density
OF_BANDS = (CRPS, COVERAGE, WIDTH)  # that a band changes around a point forecast


def with_crps_of(levels: Sequence[float]) -> tuple[Score, ...]:
    """The scores, with the CRPS that some quantiles give: what all forecasts can be held to.

    Args:
        levels: Probabilities of the quantiles.
    """
    asked = np.asarray(levels, np.float64)

    def of_forecast(forecast: Forecast) -> Float64:
        return metrics.crps_from_quantiles(forecast.quantiles(asked), asked, forecast.values)

    of_levels = replace(CRPS, of_forecast=of_forecast)
    return tuple(of_levels if score is CRPS else score for score in SCORES)


def of_draws(forecast: Forecast, asked: Sequence[Score]) -> dict[str, Float64]:
    """Scores by key of a forecast that states no density.

    Args:
        forecast: The forecast.
        asked: The scores.
    """
    needing = {score.key for score in OF_DRAWS}
    return {score.key: score.of_forecast(forecast) for score in asked if score.key in needing}


def of_naive(
    error: Float64, forecast: Forecast | None, asked: Sequence[Score]
) -> dict[str, Float64]:
    """Scores of a point forecast by key: of its band, where it has one, and of its errors.

    Args:
        error: Reading less forecast, shape (target,).
        forecast: Its band; None without.
        asked: The scores.
    """
    of_band = {score.key for score in OF_BANDS} if forecast is not None else set()
    found = {}
    for score in asked:
        if forecast is not None and score.key in of_band:
            found[score.key] = score.of_forecast(forecast)
        elif score.of_error is not None:
            found[score.key] = score.of_error(error)
    return found
