"""A process of which all conditional distributions are known, and predictors that know them."""

import math

import numpy as np
from scipy import stats
from small_series import DAY, EPOCH, HOUR, make_dataset, whole_span

from latentode.evaluation import evaluate_task, forecast_task
from latentode.evaluation.naive_rows import NaiveRows


def gaussian(mean, std, num_draws=200):
    """Predictor with a normal density of known mean and deviation at each target."""
    generator = np.random.default_rng(5)

    def predict(visible, targets):
        m, s = mean(visible, targets), std(visible, targets)
        draws = m + s * generator.normal(size=(num_draws, len(targets)))
        return draws, stats.norm.logpdf(targets.values, m, s)

    return predict


def ar_dataset(phi=0.9, length=4_000, scales=(1.0, 50.0)):
    """Two independent AR(1) channels with unit innovations, times a scale, hourly."""
    noise = np.random.default_rng(8).normal(size=(length, 2))
    x = np.zeros((length, 2))
    for index in range(1, length):
        x[index] = phi * x[index - 1] + noise[index]
    times = np.repeat(EPOCH + np.arange(length) * HOUR, 2)
    channel = np.tile([0, 1], length)
    units = (("b", "ppm"),)
    return make_dataset([(times, channel, (x * scales).ravel())], units=units)


def ar_oracle(phi=0.9, scales=(1.0, 50.0), inflate=1.0):
    """The conditional distribution given the last visible value of the channel."""

    def lead(visible, targets):
        last = visible.readings.times[visible.readings.series_starts[1:] - 1]
        return (targets.times - last[targets.window]) / HOUR

    def mean(visible, targets):
        final = visible.readings.dense(visible.readings.series_starts[1:] - 1)
        return final[targets.window, targets.channel] * phi ** lead(visible, targets)

    def std(visible, targets):
        variance = (1 - phi ** (2 * lead(visible, targets))) / (1 - phi**2)
        return inflate * np.asarray(scales)[targets.channel] * np.sqrt(variance)

    return gaussian(mean, std)


STATIONARY = 1 / math.sqrt(1 - 0.81)


def ar_result(inflate=1.0, **options):
    dataset = ar_dataset()
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=6 * HOUR, max_windows=600, **whole_span(dataset)
    )
    return evaluate_task(
        task,
        ar_oracle(inflate=inflate),
        scale=STATIONARY * np.array([1.0, 50.0]),
        **{"naive": NaiveRows(np.zeros(2), DAY), **options},
    )
