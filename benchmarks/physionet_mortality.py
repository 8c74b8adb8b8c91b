"""Task physionet-mortality: death in hospital from 48 hours of intensive care (protocol of mTAN).

Stays of sets a and b with their outcomes (published: set a alone); 20 % to test, and of the rest
the last fifth validates, in five random splits, one a seed. Area under the receiver's curve, and
the Brier score of the probabilities. The naive row is a logistic regression on first, last, mean,
least, greatest reading, spread and number of readings of every channel, and age, gender, height and
kind of unit; validation chooses its penalty.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.data import physionet
from benchmarks.frame import Options, Report, Run, accuracy_rows, accuracy_table
from benchmarks.irregular.choices import parts
from benchmarks.irregular.logistic import PENALTIES, Logistic, area_under_curve, summaries
from benchmarks.irregular.windows import Flags, Floats

PROTOCOL: dict[str, Any] = {"stays": None}
SMOKE: dict[str, Any] = {"stays": 400}
MODELS = ("logistic regression",)
PUBLISHED = {"Latent ODE": 0.829, "mTAN": 0.858}
_SETTING = "48 h, sets a and b"


@dataclass(frozen=True, eq=False)
class Split:
    """Numbers of the stays to train, validate and test on."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split(count: int, seed: int) -> Split:
    """64 %, 16 % and 20 % of the stays."""
    learn, test = physionet.shuffled(count, seed)
    train, validation = parts(learn, 0.8)
    return Split(train, validation, test)


def names(_protocol: Mapping[str, Any]) -> list[str]:
    """Models."""
    return list(MODELS)


def run(options: Options) -> Report:
    """Score the chosen models on every split."""
    stays = physionet.load(options.protocol["stays"])
    features = summaries(stays.values.astype(np.float64), stays.covariates)
    runs = []
    for seed in options.seeds:
        chosen = split(len(stays), seed)
        began = time.process_time()
        model = regression(features, stays.died, chosen)
        seconds = time.process_time() - began
        score = model.probability(features[chosen.test])
        runs += _rows(MODELS[0], seed, score, stays.died[chosen.test], len(model.weights), seconds)
    return {"runs": runs}


def regression(features: Floats, died: Flags, chosen: Split) -> Logistic:
    """The logistic regression whose penalty is best in validation."""
    fitted = [Logistic.fit(features[chosen.train], died[chosen.train], p) for p in PENALTIES]
    scores = [
        area_under_curve(model.probability(features[chosen.validation]), died[chosen.validation])
        for model in fitted
    ]
    return fitted[int(np.argmax(scores))]


def _rows(
    model: str, seed: int, score: Floats, died: Flags, parameters: int, seconds: float
) -> list[Run]:
    common = {
        "part": f"{model}, seed {seed}",
        "model": model,
        "setting": _SETTING,
        "seed": seed,
        "parameters": parameters,
        "train_seconds": seconds,
    }
    figures = {
        "AUC": area_under_curve(score, died),
        "Brier": float(np.square(score - died).mean()),
    }
    return [common | {"metric": name, "value": value} for name, value in figures.items()]


def summarise(runs: list[Run]) -> list[Run]:
    """Mean and standard deviation over splits."""
    return accuracy_rows(runs)


def check(report: Report) -> list[str]:
    """A sentence where no model reaches the best published area."""
    best = max((row["mean"] for row in report["rows"] if row["metric"] == "AUC"), default=0.0)
    wanted = max(PUBLISHED.values())
    if best >= wanted:
        return []
    return [f"physionet-mortality: expected an AUC of at least {wanted}, got {best:.4f}."]


def tables(report: Report) -> str:
    """Rows over splits."""
    return "## PhysioNet, mortality\n\n" + accuracy_table(report["rows"])
