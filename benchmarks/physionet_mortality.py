"""Task physionet-mortality: death in hospital from 48 hours of intensive care (protocol of mTAN).

Stays of sets a and b with their outcomes (published: set a alone); 20 % to test, and of the rest
the last fifth validates, in five random splits, one a seed. Area under the receiver's curve, Brier
score and expected calibration error of the probabilities.

Boosted trees and a network of two layers learn from `benchmarks.irregular.summaries` of every
channel over the last 6, the last 24 and all 48 hours, and from the covariates; the log loss in
validation stops them. "climatology" is the share of deaths in training. "logistic regression" sees
first, last, mean, least, greatest reading, spread and number of readings of every channel, and the
covariates: age, gender, height and kind of unit; validation chooses its penalty. The networks see
the readings beside the same summaries and covariates. In training a share of the time points of
each stay, drawn anew each time, is hidden and to be reconstructed, beside the outcome; in
validation and test all are shown. The area in validation chooses the epoch. "n members" is the
mean probability of n networks of one setting that differ in their seeds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from benchmarks.data import physionet
from benchmarks.frame import Options, Report, Run, accuracy_rows, accuracy_table
from benchmarks.irregular import boosting, labels, naive, peers, study, summary_mlp, training
from benchmarks.irregular.choices import parts
from benchmarks.irregular.logistic import PENALTIES, Logistic, summaries
from benchmarks.irregular.summaries import summarise as summaries_of
from benchmarks.irregular.windows import Flags, Floats, Scale, Windows
from latentode.evaluation.classification import area_under_curve, brier, calibration_error

PROTOCOL: dict[str, Any] = {
    "stays": None,
    "epochs": 3,
    "batch": 50,
    "draws": 16,
    "hidden": 0.3,
    "members": 3,
    "config": {
        "model.latent_dim": 16,
        "model.hidden_dim": 64,
        "model.dropout": 0.4,
        "model.knots": 0,
        "solver.tolerance": 0.02,
        "train.objective.label_weight": 50.0,
        "train.optimizer.lr": 1e-3,
        "train.optimizer.weight_decay": 0.05,
    },
}
SMOKE: dict[str, Any] = {"stays": 400, "epochs": 1, "draws": 2, "members": 2}
NAIVE = "logistic regression"
PEERS: dict[str, Any] = {"boosting": boosting.classify, "summary-mlp": summary_mlp.classify}
MODELS = (naive.CLIMATOLOGY, NAIVE, *study.BUILDERS, *PEERS)
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
    runs = []
    for seed in options.seeds:
        chosen = split(len(stays), seed)
        for name in peers.present(options.chosen(list(MODELS))):
            if name == NAIVE:
                runs += _naive_rows(stays, chosen, seed)
            elif name == naive.CLIMATOLOGY:
                died = stays.died[chosen.test]
                rate = np.full(len(died), stays.died[chosen.train].mean())
                runs += _rows(name, seed, rate, died, 0, 0.0)
            elif name in PEERS:
                runs += _peer_rows(stays, chosen, name, seed)
            else:
                runs += _trained_rows(stays, chosen, name, seed, options)
    return {"runs": runs}


def regression(features: Floats, died: Flags, chosen: Split) -> Logistic:
    """The logistic regression whose penalty is best in validation."""
    fitted = [Logistic.fit(features[chosen.train], died[chosen.train], p) for p in PENALTIES]
    scores = [
        area_under_curve(model.probability(features[chosen.validation]), died[chosen.validation])
        for model in fitted
    ]
    return fitted[int(np.argmax(scores))]


def mortality(stays: physionet.Stays, chosen: Split, hidden: float) -> labels.LabelTask:
    """Outcomes beside the reconstruction of hidden readings.

    Args:
        stays: Stays.
        chosen: Split.
        hidden: Largest share of the time points of a training window that are hidden; each window
            draws its own.
    """

    def draw(index: np.ndarray, rng: np.random.Generator) -> Windows:
        values = stays.values[chosen.train[index]]
        share = hidden * rng.random((len(index), 1, 1))
        hours, static = stays.hours[chosen.train[index]], stays.covariates[chosen.train[index]]
        # windows end with what was read last, in training as in test
        last = (hours == hours[:, -1:])[..., None]
        shown = np.broadcast_to(last | (rng.random((*hours.shape, 1)) >= share), values.shape)
        return Windows.build(hours, values, shown, ~shown, static)

    few = draw(np.arange(len(chosen.train)), np.random.default_rng(0))
    died = stays.died.astype(np.int64)
    return labels.LabelTask(
        draw=draw,
        labels=died[chosen.train],
        validation=labels.Labelled(_whole(stays, chosen.validation), died[chosen.validation]),
        scale=Scale.fit(few, physionet.HOURS / 4),
    )


def _whole(stays: physionet.Stays, index: np.ndarray) -> Windows:
    """Windows that show everything and ask for nothing."""
    everything = np.ones(1, bool)
    return Windows.build(
        stays.hours[index], stays.values[index], everything, ~everything, stays.covariates[index]
    )


def _naive_rows(stays: physionet.Stays, chosen: Split, seed: int) -> list[Run]:
    features = summaries(stays.values.astype(np.float64), stays.covariates)
    began = time.process_time()
    model = regression(features, stays.died, chosen)
    seconds = time.process_time() - began
    score = model.probability(features[chosen.test])
    return _rows(NAIVE, seed, score, stays.died[chosen.test], len(model.weights), seconds)


@cache
def features_of(stays: physionet.Stays) -> Floats:
    """Summaries of every channel before the end of the 48 hours, and covariates, for peers."""
    times = (stays.hours - physionet.HOURS) / physionet.HOURS
    found = summaries_of(times, stays.values)
    return np.concatenate([found.reshape(len(found), -1), stays.covariates], axis=1)


def _peer_rows(stays: physionet.Stays, chosen: Split, name: str, seed: int) -> list[Run]:
    features, died = features_of(stays), stays.died
    began = time.process_time()
    known = [(features[index], died[index]) for index in (chosen.train, chosen.validation)]
    fitted = PEERS[name](*known, seed=seed)
    seconds = time.process_time() - began
    found = fitted.probability(features[chosen.test])
    rows = _rows(name, seed, found, died[chosen.test], fitted.num_parameters, seconds)
    return peers.stamped(name, rows)


def _trained_rows(
    stays: physionet.Stays, chosen: Split, name: str, seed: int, options: Options
) -> list[Run]:
    protocol, members = options.protocol, options.protocol["members"]
    task = mortality(stays, chosen, protocol["hidden"])
    build = partial(study.BUILDERS[name], num_classes=2)
    windows, died = _whole(stays, chosen.test), stays.died[chosen.test]
    fitted, found = [], []
    for member in range(members):
        config = training.settings(
            protocol, "mortality", len(chosen.train), members * seed + member, options.device
        )
        fitted.append(labels.fit(task, config, build, partial(study.tell, f"mortality, {name}")))
        model, draws = fitted[-1].model, protocol["draws"]
        found.append(labels.probabilities(model, windows, task.scale, draws, seed=seed))
    sizes, seconds = [f.num_parameters for f in fitted], [f.seconds for f in fitted]
    rows = _rows(name, seed, found[0], died, sizes[0], seconds[0])
    if members > 1:
        together = f"{name}, {members} members"
        rows += _rows(together, seed, np.mean(found, axis=0), died, sum(sizes), sum(seconds))
    return rows


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
        "Brier": brier(score, died),
        "calibration error": calibration_error(score, died),
    }
    return [common | {"metric": name, "value": value} for name, value in figures.items()]


def summarise(runs: list[Run]) -> list[Run]:
    """Mean and standard deviation over splits."""
    return accuracy_rows(runs)


def check(report: Report) -> list[str]:
    """A sentence where no Latent ODE reaches the best published area."""
    own = [r for r in report["rows"] if r["metric"] == "AUC" and r["model"].startswith("LatentODE")]
    best, wanted = max((row["mean"] for row in own), default=0.0), max(PUBLISHED.values())
    if best >= wanted:
        return []
    return [f"physionet-mortality: expected an AUC of at least {wanted}, got {best:.4f}."]


def tables(report: Report) -> str:
    """Rows over splits."""
    return "## PhysioNet, mortality\n\n" + accuracy_table(report["rows"]) + peers.NOTE
