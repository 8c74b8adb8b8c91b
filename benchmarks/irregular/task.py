"""A protocol made concrete: training windows to draw, validation and test windows, metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.irregular.windows import Flags, Floats, Windows

Draw = Callable[[NDArray[np.int64], np.random.Generator], Windows]
Metrics = Callable[[Floats, Windows], dict[str, float]]


@dataclass(frozen=True, eq=False)
class SeriesTask:
    """Irregular series, what is shown of them and what is asked.

    One model is trained for all settings of a task, such as shares of points that are shown.

    Attributes:
        name: What one model is trained for.
        train_size: Number of training series.
        draw: Windows of some training series, drawn anew at each call: what is hidden, where a
            window begins. It gets series numbers below `train_size` and a generator.
        validation: Fixed windows that choose.
        tests: Fixed windows that are scored once, by setting, as it stands in tables.
        span: Length of a window in the protocol's unit of time.
        metrics: Figures of point predictions (window, step, channel) of some windows; the first
            one chooses.
        interpolates: Targets lie between visible readings; naive interpolators then hold the ends,
            as numpy.interp does, instead of going on with a line.
        dated: Networks know the time since the start of a window.
    """

    name: str
    train_size: int
    draw: Draw
    validation: Windows
    tests: Mapping[str, Windows]
    span: float
    metrics: Metrics
    interpolates: bool
    dated: bool = False


def squared_errors(prediction: Floats, windows: Windows) -> Floats:
    """Squared error of each place, 0 where nothing is asked, float64."""
    error = np.where(windows.asked(), prediction - windows.targets, 0.0)
    return np.square(error.astype(np.float64))


def interpolation_metrics(prediction: Floats, windows: Windows) -> dict[str, float]:
    """Mean squared error over held-out readings, and over all that are asked for."""
    error = squared_errors(prediction, windows)
    held_out = windows.asked(held_out=True)
    return {
        "MSE, held out": _mean(error, held_out),
        "MSE, all points": _mean(error, windows.asked()),
    }


def forecast_metrics(prediction: Floats, windows: Windows) -> dict[str, float]:
    """Mean squared error over all targets."""
    return {"MSE": _mean(squared_errors(prediction, windows), windows.asked())}


def channel_mean_metrics(prediction: Floats, windows: Windows) -> dict[str, float]:
    """Errors of each variable over its targets, then their mean over variables that have any.

    Also the median over variables, and the error pooled over all targets: unit errors of a few
    variables carry the mean.
    """
    asked = windows.asked()
    square = squared_errors(prediction, windows)
    count = asked.sum((0, 1))
    present = count > 0
    mse = square.sum((0, 1))[present] / count[present]
    mae = np.sqrt(square).sum((0, 1))[present] / count[present]
    return {
        "MSE, mean of variables": float(mse.mean()),
        "MAE, mean of variables": float(mae.mean()),
        "MSE, median of variables": float(np.median(mse)),
        "MSE, pooled": _mean(square, asked),
    }


def pooled_metrics(prediction: Floats, windows: Windows) -> dict[str, float]:
    """Mean squared and absolute error over held-out readings of all variables together."""
    square = squared_errors(prediction, windows)
    held_out = windows.asked(held_out=True)
    return {
        "MSE, held out": _mean(square, held_out),
        "MSE, all points": _mean(square, windows.asked()),
        "MAE, held out": _mean(np.sqrt(square), held_out),
    }


def _mean(values: Floats, kept: Flags) -> float:
    count = int(kept.sum())
    return float(np.where(kept, values, 0.0).sum() / count) if count else float("nan")
