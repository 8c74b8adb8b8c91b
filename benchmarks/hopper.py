"""Task hopper: interpolation and extrapolation of MuJoCo's hopper (Rubanova et al. 2019, table 3).

10,000 trajectories of 200 steps in 14 dimensions, the last 2,000 to test, the 800 before them to
validate. Every dimension is scaled as in the released code, (x - min) / max over all trajectories,
so that errors compare; models see it standardised by the training part.

Interpolation: 100 consecutive steps from a random place, a share of the time points shown; scored
over all 100 points as published, and over held-out points alone. Extrapolation: a share of the
first 66 (or 100) of 200 steps is shown, the other 134 (or 100) are asked for. What is shown of the
test trajectories is drawn anew for each seed. One model interpolates, and one extrapolates, for all
shares and both spans, which each training window draws; published models have one of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from benchmarks.data import hopper as trajectories
from benchmarks.frame import Options, Report, Run, accuracy_rows, accuracy_table
from benchmarks.irregular import peers, study
from benchmarks.irregular.choices import parts, some_of
from benchmarks.irregular.task import SeriesTask, forecast_metrics, interpolation_metrics
from benchmarks.irregular.windows import Floats, Windows

PROTOCOL: dict[str, Any] = {
    "series": 10_000,
    "epochs": {"interpolation": 10, "extrapolation": 40},
    "batch": 50,
    "draws": 16,
    "config": {},
}
SMOKE: dict[str, Any] = {
    "series": 60,
    "epochs": {"interpolation": 1, "extrapolation": 1},
    "batch": 8,
    "draws": 4,
}
_LENGTH = 100
SHARES = (10, 20, 30, 50)
KNOWN = (66, 100)
# x1e-2, of the published model (table 3), by share shown
PUBLISHED = {
    "interpolation": dict(zip(SHARES, (0.360, 0.295, 0.300, 0.285), strict=True)),
    "66 to 134": dict(zip(SHARES, (1.441, 1.400, 1.175, 1.258), strict=True)),
}


def interpolation(seed: int, protocol: Mapping[str, Any]) -> SeriesTask:
    """100 steps of each trajectory, a share of them shown."""
    data, (train, validation, test) = _parts(protocol["series"])

    def draw(index: np.ndarray, rng: np.random.Generator, shares: Sequence[int]) -> Windows:
        begin = rng.integers(0, trajectories.STEPS - _LENGTH + 1, len(index))
        steps = begin[:, None] + np.arange(_LENGTH)
        values = data[index[:, None], steps]  # (window, time, dimension)
        times = np.broadcast_to(np.arange(_LENGTH, dtype=np.float64), steps.shape)
        share = rng.choice(shares, len(index)) / 100
        shown = some_of(rng, np.ones(times.shape, dtype=bool), share)[..., None]
        return Windows.build(times, values, shown, np.ones_like(shown))

    return SeriesTask(
        name="interpolation",
        train_size=len(train),
        draw=lambda index, rng: draw(index, rng, SHARES),
        validation=draw(validation, np.random.default_rng([seed, 1]), SHARES),
        tests={
            f"interpolation, {share} % shown": draw(test, np.random.default_rng([seed, 2]), [share])
            for share in SHARES
        },
        span=_LENGTH,
        metrics=interpolation_metrics,
        interpolates=True,
    )


def extrapolation(seed: int, protocol: Mapping[str, Any]) -> SeriesTask:
    """A share of the first 66 or 100 steps shown, the rest of the 200 asked for."""
    data, (train, validation, test) = _parts(protocol["series"])

    def draw(
        index: np.ndarray, rng: np.random.Generator, spans: Sequence[int], shares: Sequence[int]
    ) -> Windows:
        steps = np.arange(trajectories.STEPS, dtype=np.float64)
        times = np.broadcast_to(steps, (len(index), trajectories.STEPS))
        known = times < rng.choice(spans, (len(index), 1))
        shown = some_of(rng, known, rng.choice(shares, len(index)) / 100)
        return Windows.build(times, data[index], shown[..., None], ~known[..., None])

    def tested(known: int, share: int) -> Windows:
        return draw(test, np.random.default_rng([seed, 2]), [known], [share])

    return SeriesTask(
        name="extrapolation",
        train_size=len(train),
        draw=lambda index, rng: draw(index, rng, KNOWN, SHARES),
        validation=draw(validation, np.random.default_rng([seed, 1]), KNOWN, SHARES),
        tests={
            f"{known} to {trajectories.STEPS - known}, {share} % shown": tested(known, share)
            for known in KNOWN
            for share in SHARES
        },
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
    "interpolation": interpolation,
    "extrapolation": extrapolation,
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
    return "## Hopper\n\n" + accuracy_table(report["rows"]) + peers.NOTE
