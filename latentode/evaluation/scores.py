"""The scores of an evaluation, one row each: the table, the JSON and the plots read this list.

A score gives every reading a number, which is averaged over the readings of a channel, in the
channel's own unit. Over all channels it is the mean of these averages, each scaled so that channels
in different units can be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
        are_random: Whether the draws are random ones, not quantiles of equal shares.
    """

    draws: Float64
    log_prob: Float64
    values: Float64
    are_random: bool = True


@dataclass(frozen=True)
class Scaling:
    """How the averages of channels become comparable.

    Attributes:
        unit: What the scaled average is in, in words.
        apply: Takes averages and training standard deviations, both of shape (channel,).
    """

    unit: str
    apply: Callable[[Float64, Float64], Float64]


def mean(of_readings: Float64) -> float:
    """Average of a score that is a mean over readings, shape (target,)."""
    return float(of_readings.mean())


def root_mean_square(of_readings: Float64) -> float:
    """Average of a score that is the root of a mean of squares, shape (target,)."""
    return metrics.rmse(of_readings, np.zeros_like(of_readings))


IN_STD = Scaling("training standard deviations", lambda average, std: average / std)
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
        average: Of the numbers of a channel's readings.
        form: How a number is written in the table.
    """

    key: str
    heading: str
    of_forecast: Callable[[Forecast], Float64]
    scaling: Scaling
    of_error: Callable[[Float64], Float64] | None = None
    average: Callable[[Float64], float] = mean
    form: str = ".4g"

    def text(self, number: float | None) -> str:
        """A number of this score as text; "-" where there is none."""
        return "-" if number is None else format(number, self.form)


def _median_error(forecast: Forecast) -> Float64:
    return np.abs(forecast.values - np.median(forecast.draws, axis=0))


def _mean_error(forecast: Forecast) -> Float64:
    return forecast.values - forecast.draws.mean(axis=0)


def _crps(forecast: Forecast) -> Float64:
    fair = forecast.are_random and len(forecast.draws) > 1
    return metrics.crps_from_draws(
        forecast.draws, forecast.values, estimator="fair" if fair else "plain"
    )


def _covered(forecast: Forecast) -> Float64:
    return metrics.covered(forecast.draws, forecast.values, LEVEL)


# MAE is of the median and RMSE of the mean of the draws: what the two scores ask for. The CRPS of a
# point forecast is its absolute error.
MAE = Score("mae", "MAE", _median_error, IN_STD, of_error=np.abs)
RMSE = Score("rmse", "RMSE", _mean_error, IN_STD, of_error=np.abs, average=root_mean_square)
CRPS = Score("crps", "CRPS", _crps, IN_STD, of_error=np.abs)
NLL = Score("nll", "NLL", lambda forecast: -forecast.log_prob, OF_STANDARDISED)
COVERAGE = Score("coverage_90", "coverage 90%", _covered, UNSCALED, form=".1%")

SCORES = (MAE, RMSE, CRPS, NLL, COVERAGE)
OF_DRAWS = (MAE, RMSE, CRPS, COVERAGE)  # that need no density
