"""Task physionet-interpolation: held-out time points of intensive care (protocol of mTAN).

Sets a and b; 80 % of the stays, shuffled, to learn from, of which the last fifth validates, and
20 % to test. 41 channels: 37 measured, and age, gender, height and unit as readings at admission.
Scaled to (x - min) / max of all stays, as published. Of the time points of each stay 50 to 90 % are
shown, and the readings of the others are asked for, pooled over channels. One model is trained for
all shares, of which each window draws one; mTAN was trained for one share each. Unknown height and
weight are missing here; the released code reads their code, -1, as a value. "All points" is what
mTAN's script prints; the paper's figures are of held-out points.

Beside the naive rows stand boosted trees and a small network on summaries
(`benchmarks.irregular.questions`); their rows are of means, as ours, and of medians.

Reference:
    Shukla, Marlin (2021), Multi-time attention networks for irregularly sampled time series, ICLR,
    https://arxiv.org/abs/2101.10318, and issue 5 of its repository.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.data import physionet
from benchmarks.frame import Options, Report, Run, accuracy_rows, accuracy_table
from benchmarks.irregular import peers, study
from benchmarks.irregular.choices import parts, some_of
from benchmarks.irregular.task import SeriesTask, pooled_metrics
from benchmarks.irregular.windows import Windows

PROTOCOL: dict[str, Any] = {"stays": None, "epochs": 5, "batch": 50, "draws": 16, "config": {}}
SMOKE: dict[str, Any] = {"stays": 120, "epochs": 1, "batch": 16, "draws": 2}
# MSE of held-out points by per cent shown: mTAN, read off a picture but for the last
PUBLISHED = {50: 4.1e-3, 60: 4.0e-3, 70: 4.2e-3, 80: 4.4e-3, 90: 4.798e-3}
SHARES = tuple(PUBLISHED)


def interpolation(seed: int, protocol: Mapping[str, Any]) -> SeriesTask:
    """A share of the time points of each stay shown."""
    stays = physionet.load(protocol["stays"]).with_demographics()
    flat = stays.values.reshape(-1, len(stays.channels))
    values = (stays.values - np.nanmin(flat, axis=0)) / np.nanmax(flat, axis=0)
    rows = np.isfinite(values).any(-1)
    learn, test = physionet.shuffled(len(stays), seed)
    train, validation = parts(learn, 0.8)

    def draw(index: np.ndarray, rng: np.random.Generator, shares: Sequence[int]) -> Windows:
        share = rng.choice(shares, len(index)) / 100
        shown = some_of(rng, rows[index], share)[..., None]
        return Windows.build(stays.hours[index], values[index], shown, np.ones_like(shown))

    return SeriesTask(
        name="interpolation",
        train_size=len(train),
        draw=lambda index, rng: draw(train[index], rng, SHARES),
        validation=draw(validation, np.random.default_rng([seed, 1]), SHARES),
        tests={
            f"{share} % shown": draw(test, np.random.default_rng([seed, 2]), [share])
            for share in SHARES
        },
        span=physionet.HOURS,
        metrics=pooled_metrics,
        interpolates=True,
    )


SETTINGS: dict[str, study.Build] = {"interpolation": interpolation}


def names(_protocol: Mapping[str, Any]) -> list[str]:
    """Settings and models."""
    return [*SETTINGS, *study.MODELS]


def run(options: Options) -> Report:
    """Naive and trained rows of the chosen settings."""
    return {"runs": study.run(SETTINGS, options)}


def summarise(runs: list[Run]) -> list[Run]:
    """Mean and standard deviation over splits."""
    return accuracy_rows(runs)


def check(report: Report) -> list[str]:
    """Sentences on what is above mTAN."""
    failures = []
    for share, published in PUBLISHED.items():
        setting = f"{share} % shown"
        found = study.figure(report, "LatentODE", setting, "MSE, held out")
        if not found <= published:
            failures.append(
                f"physionet-interpolation, {setting}: expected an MSE of at most {published}, "
                f"got {found:.4g}."
            )
    return failures


def tables(report: Report) -> str:
    """Rows over splits."""
    return "## PhysioNet, interpolation\n\n" + accuracy_table(report["rows"]) + peers.NOTE
