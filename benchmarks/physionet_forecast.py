"""Task physionet-forecast: 24 hours of intensive care to the next 24 (protocol of t-PatchGNN).

Sets a and b (published: a, b and c). 80 % of the stays, shuffled, to learn from and 20 % to test;
the last quarter of the former validates. Channels are scaled to (x - min) / (max - min) of the
training and validation part. Metric: mean squared error of each variable, then their mean; three
variables with unit errors carry it, so the median over variables and the pooled error stand beside
it. Stays without a reading in the second day are left out. Five random splits, one a seed; the
first is the published random state. Age, gender, height and unit are covariates. Of the windows to
learn from, a share is cut at a random hour of 12 to 30 instead of the 24th, anew each time.

Beside the naive rows stand boosted trees and a small network on summaries
(`benchmarks.irregular.questions`); their rows are of means, as ours, and of medians.

Reference:
    Zhang et al. (2024), Irregular multivariate time series forecasting: a transformable patching
    graph neural networks approach, ICML.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.data import physionet
from benchmarks.frame import Options, Report, Run, accuracy_rows, accuracy_table
from benchmarks.irregular import peers, study
from benchmarks.irregular.choices import parts
from benchmarks.irregular.task import SeriesTask, channel_mean_metrics
from benchmarks.irregular.windows import Floats, Windows

PROTOCOL: dict[str, Any] = {
    "stays": None,
    "epochs": 6,
    "batch": 32,
    "draws": 16,
    "moved": 0.7,
    "config": {},
}
SMOKE: dict[str, Any] = {"stays": 120, "epochs": 1, "batch": 16, "draws": 2}
_KNOWN, _CUTS = 24.0, (12.0, 30.0)
PUBLISHED = {"Latent-ODE": 6.05e-3, "t-PatchGNN": 4.98e-3, "GraFITi": 4.89e-3}


def forecast(seed: int, protocol: Mapping[str, Any]) -> SeriesTask:
    """The first day shown, the second asked for."""
    stays = physionet.load(protocol["stays"])
    learn, test = physionet.shuffled(len(stays), seed)
    values = scaled(stays.values, learn)
    later = (stays.hours >= _KNOWN)[..., None] & np.isfinite(values)
    some = later.any((1, 2))
    train, validation = parts(learn[some[learn]], 0.75)

    def windows(index: np.ndarray, cuts: Floats | None = None) -> Windows:
        asked = later[index] if cuts is None else (stays.hours[index] >= cuts)[..., None]
        return Windows.build(
            stays.hours[index], values[index], ~asked, asked, stays.covariates[index]
        )

    def draw(index: np.ndarray, rng: np.random.Generator) -> Windows:
        own = train[index]
        moved = rng.random(len(own)) < protocol["moved"]
        cuts = np.where(moved, rng.uniform(*_CUTS, len(own)), _KNOWN)[:, None]
        read, after = np.isfinite(values[own]).any(-1), stays.hours[own] >= cuts
        whole = (read & after).any(1) & (read & ~after).any(1)
        return windows(own, np.where(whole[:, None], cuts, _KNOWN))

    return SeriesTask(
        name="forecast",
        train_size=len(train),
        draw=draw,
        validation=windows(validation),
        tests={"24 h to 24 h": windows(test[some[test]])},
        span=physionet.HOURS,
        metrics=channel_mean_metrics,
        interpolates=False,
    )


def scaled(values: Floats, learn: np.ndarray) -> Floats:
    """Scale to the range of some stays; a channel that does not vary there keeps its scale."""
    flat = values[learn].reshape(-1, values.shape[-1])
    low = np.nanmin(flat, axis=0)
    width = np.nanmax(flat, axis=0) - low
    return (values - low) / np.where(width > 0, width, 1)


SETTINGS: dict[str, study.Build] = {"forecast": forecast}


def names(_protocol: Mapping[str, Any]) -> list[str]:
    """Settings and models."""
    return [*SETTINGS, *study.MODELS]


def run(options: Options) -> Report:
    """Naive and trained rows."""
    return {"runs": study.run(SETTINGS, options)}


def summarise(runs: list[Run]) -> list[Run]:
    """Mean and standard deviation over splits."""
    return accuracy_rows(runs)


def check(report: Report) -> list[str]:
    """A sentence where the model is above the best published figure."""
    found = study.figure(report, "LatentODE", "24 h to 24 h", "MSE, mean of variables")
    best = min(PUBLISHED.values())
    if found <= best:
        return []
    return [f"physionet-forecast: expected an MSE of at most {best}, got {found:.4g}."]


def tables(report: Report) -> str:
    """Rows over splits."""
    return "## PhysioNet, forecast\n\n" + accuracy_table(report["rows"]) + peers.NOTE
