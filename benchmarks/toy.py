"""Task toy: interpolation of sinusoids on the released generator (Rubanova et al. 2019).

1,000 sinusoids of unit amplitude at the same 100 irregular times in [0, 5], the last 200 to test
and the 80 before them to validate; a share of the points of each is shown, and all 100 are scored,
held-out ones also alone. One model is trained for all shares. The times, the sinusoids and what is
shown are drawn anew for each seed. Networks know the time since the start, as the published ones
do: all sinusoids have the same phase there.

The Latent ODE is the classic one, whose path is one solve from the state at that time, and whose
posteriors are refined on the readings that are shown: here a signal is one of a family of two
parameters and hardly noisy, and knots and memory, which follow what is near, only distract.
The paper's own figures belong to another set: its RNN-VAE is below the variance of this one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.frame import Options, Report, Run, accuracy_rows, accuracy_table
from benchmarks.irregular import peers, study
from benchmarks.irregular.choices import parts, some_of
from benchmarks.irregular.task import SeriesTask, interpolation_metrics
from benchmarks.irregular.windows import Windows
from latentode.data.synthetic.catalogue import toy_periodic

PROTOCOL: dict[str, Any] = {
    "series": 1_000,
    "epochs": 400,
    "batch": 50,
    "draws": 16,
    "config": {
        "model.anchor": "start",
        "model.latent_dim": 6,
        "model.knots": 0,
        "model.memory": False,
        "model.refine": 100,
    },
}
SMOKE: dict[str, Any] = {"series": 50, "epochs": 1, "batch": 8, "draws": 4}
_POINTS, _SPAN, _SEED = 100, 5.0, 1991
SHARES = (10, 20, 30, 50)
AIM = 1e-3  # all points, 10 % shown


def interpolation(seed: int, protocol: Mapping[str, Any]) -> SeriesTask:
    """A share of the points of each sinusoid shown."""
    drawn = toy_periodic(
        protocol["series"],
        _POINTS,
        span=_SPAN,
        noise=0.01,
        random_state=np.random.default_rng([_SEED, seed]),
    ).dataset.readings
    times = drawn.times.reshape(-1, _POINTS) / 1e9
    values = drawn.values.reshape(-1, _POINTS, 1)
    train, validation, test = parts(np.arange(len(times)), 0.72, 0.08)

    def draw(index: np.ndarray, rng: np.random.Generator, shares: Sequence[int]) -> Windows:
        share = rng.choice(shares, len(index)) / 100
        shown = some_of(rng, np.ones((len(index), _POINTS), dtype=bool), share)[..., None]
        return Windows.build(times[index], values[index], shown, np.ones_like(shown))

    return SeriesTask(
        name="interpolation",
        train_size=len(train),
        draw=lambda index, rng: draw(index, rng, SHARES),
        validation=draw(validation, np.random.default_rng([seed, 1]), SHARES),
        tests={
            f"{share} % shown": draw(test, np.random.default_rng([seed, 2]), [share])
            for share in SHARES
        },
        span=_SPAN,
        metrics=interpolation_metrics,
        interpolates=True,
        dated=True,
    )


SETTINGS: dict[str, study.Build] = {"interpolation": interpolation}


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
    """A sentence where the model is above the aim at 10 % shown."""
    found = study.figure(report, "LatentODE", "10 % shown", "MSE, all points")
    if found <= AIM:
        return []
    return [f"toy, 10 % shown: expected an MSE of at most {AIM}, got {found:.3g}."]


def tables(report: Report) -> str:
    """Rows over seeds."""
    return "## Toy\n\n" + accuracy_table(report["rows"]) + peers.NOTE
