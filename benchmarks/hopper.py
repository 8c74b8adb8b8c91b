"""Task hopper: interpolation and extrapolation of MuJoCo's hopper (Rubanova et al. 2019, table 3).

10,000 trajectories of 200 steps in 14 dimensions, the last 2,000 to test, the 800 before them to
validate. Every dimension is scaled as in the released code, (x - min) / max over all trajectories,
so that errors compare; models see it standardised by the training part.

Interpolation: 100 consecutive steps from a random place, a share of the time points shown; scored
over all 100 points as published, and over held-out points alone. Extrapolation: a share of the
first 66 (or 100) of 200 steps is shown, the other 134 (or 100) are asked for. What is shown of the
test trajectories is drawn anew for each seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from benchmarks.data import hopper as trajectories
from benchmarks.frame import Options, Report, Run, accuracy_rows, accuracy_table
from benchmarks.irregular import study
from benchmarks.irregular.choices import parts, some
from benchmarks.irregular.task import SeriesTask, forecast_metrics, interpolation_metrics
from benchmarks.irregular.windows import Floats, Windows

PROTOCOL: dict[str, Any] = {
    "series": 10_000,
    "epochs": 100,
    "batch": 50,
    "draws": 32,
    "config": {},
}
SMOKE: dict[str, Any] = {"series": 60, "epochs": 1, "batch": 8, "draws": 4}
_LENGTH = 100
_SHARES = (10, 20, 30, 50)
# x1e-2, of the published model (table 3), by share shown
PUBLISHED = {
    "interpolation": dict(zip(_SHARES, (0.360, 0.295, 0.300, 0.285), strict=True)),
    "66 to 134": dict(zip(_SHARES, (1.441, 1.400, 1.175, 1.258), strict=True)),
}


def interpolation(share: int, seed: int, protocol: Mapping[str, Any]) -> SeriesTask:
    """100 steps of each trajectory, `share` per cent of them shown."""
    data, (train, validation, test) = _parts(protocol["series"])
    count = share * _LENGTH // 100

    def draw(index: np.ndarray, rng: np.random.Generator) -> Windows:
        begin = rng.integers(0, trajectories.STEPS - _LENGTH + 1, len(index))
        steps = begin[:, None] + np.arange(_LENGTH)
        values = data[index[:, None], steps]  # (window, time, dimension)
        times = np.broadcast_to(np.arange(_LENGTH, dtype=np.float64), steps.shape)
        shown = some(rng, len(index), _LENGTH, count)[..., None]
        return Windows.build(times, values, shown, np.ones_like(shown))

    return SeriesTask(
        name=f"interpolation, {share} % shown",
        train_size=len(train),
        draw=draw,
        validation=draw(validation, np.random.default_rng([seed, 1])),
        test=draw(test, np.random.default_rng([seed, 2])),
        span=_LENGTH,
        metrics=interpolation_metrics,
        interpolates=True,
    )


def extrapolation(known: int, share: int, seed: int, protocol: Mapping[str, Any]) -> SeriesTask:
    """`share` per cent of the first `known` steps shown, the rest of the 200 asked for."""
    data, (train, validation, test) = _parts(protocol["series"])
    count = share * known // 100

    def draw(index: np.ndarray, rng: np.random.Generator) -> Windows:
        times = np.broadcast_to(
            np.arange(trajectories.STEPS, dtype=np.float64), (len(index), trajectories.STEPS)
        )
        shown = np.zeros((*times.shape, 1), dtype=bool)
        shown[:, :known, 0] = some(rng, len(index), known, count)
        later = times[..., None] >= known
        return Windows.build(times, data[index], shown, later)

    return SeriesTask(
        name=f"{known} to {trajectories.STEPS - known}, {share} % shown",
        train_size=len(train),
        draw=draw,
        validation=draw(validation, np.random.default_rng([seed, 1])),
        test=draw(test, np.random.default_rng([seed, 2])),
        span=trajectories.STEPS,
        metrics=forecast_metrics,
        interpolates=False,
    )


@cache
def _parts(count: int) -> tuple[Floats, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Scaled trajectories, and the numbers of those to train, validate and test on."""
    data = trajectories.load(count)
    flat = data.reshape(-1, data.shape[-1])
    scaled = (data - flat.min(0)) / flat.max(0)
    train, validation, test = parts(np.arange(count), 0.72, 0.08)
    return scaled, (train, validation, test)


SETTINGS: dict[str, study.Build] = {
    **{
        f"interpolation-{share}": lambda seed, protocol, share=share: interpolation(
            share, seed, protocol
        )
        for share in _SHARES
    },
    **{
        f"{known}-to-{trajectories.STEPS - known}-{share}": (
            lambda seed, protocol, known=known, share=share: extrapolation(
                known, share, seed, protocol
            )
        )
        for known in (66, 100)
        for share in _SHARES
    },
}


def names(_protocol: Mapping[str, Any]) -> list[str]:
    """Settings and models."""
    return [*SETTINGS, *study.MODELS]


def run(options: Options) -> Report:
    """Naive and trained rows of the chosen settings."""
    return {"runs": study.run(SETTINGS, options)}


def summarise(runs: list[Run]) -> list[Run]:
    """Mean and standard deviation over seeds."""
    return accuracy_rows(runs)


def check(report: Report) -> list[str]:
    """Sentences on what is worse than published."""
    failures = []
    for kind, figures in PUBLISHED.items():
        metric = "MSE, all points" if kind == "interpolation" else "MSE"
        for share, published in figures.items():
            setting = f"{kind}, {share} % shown"
            found = 100 * study.figure(report, "LatentODE", setting, metric)
            if not found <= published:
                failures.append(
                    f"hopper {setting}: expected an MSE of at most {published} x1e-2, "
                    f"got {found:.3g}."
                )
    return failures


def tables(report: Report) -> str:
    """Rows over seeds."""
    return "## Hopper\n\n" + accuracy_table(report["rows"])
