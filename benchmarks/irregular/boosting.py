"""Boosted trees on summaries of windows: what many would use first.

One LightGBM model for each channel and quantile, on the features of `questions` that are about
the channel, and of the other channels the last value, its age, the mean, and the value at the
target's place. One setting for every task: the library's own, but for fewer columns a tree,
larger leaves and early stopping. Validation stops every model, and chooses for each channel
between its value and its change against the last reading (the line between neighbours where there
is one after), by the loss of the median.

Reference:
    Ke et al. (2017), LightGBM: a highly efficient gradient boosting decision tree, NeurIPS.
"""

from __future__ import annotations

import importlib.util
import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.irregular.quantiles import LEVELS, MEDIAN
from benchmarks.irregular.questions import Questions
from benchmarks.irregular.windows import Flags, Floats

SETTING: dict[str, Any] = {
    "feature_fraction": 0.5,
    "min_data_in_leaf": 50,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
ROUNDS, PATIENCE = 200, 10
MOST_ROWS = 20_000  # of a channel
_FEWEST_ROWS = 20  # without which a channel keeps its anchor
_MEAN = {"objective": "regression"}


def available() -> bool:
    """Whether LightGBM is there; it comes with the extra ``bench``."""
    return importlib.util.find_spec("lightgbm") is not None


@dataclass(frozen=True, eq=False)
class Boosting:
    """Trees of every channel.

    Attributes:
        changes: Whether a channel is predicted as a change, shape (channel,).
        quantiles: Models of a channel by its number, in order of `LEVELS`.
        means: Model of the mean of a channel by its number; empty unless asked for.
    """

    changes: Flags
    quantiles: dict[int, list[Any]] = field(default_factory=dict)
    means: dict[int, Any] = field(default_factory=dict)

    @classmethod
    def fit(
        cls, train: Questions, validation: Questions, *, seed: int, mean: bool = False
    ) -> Boosting:
        """Grow the trees.

        Args:
            train: Rows to learn from; at most 20,000 of a channel are taken, at random.
            validation: Rows that choose.
            seed: Seed of everything.
            mean: Whether means are learned too, by squared error.
        """
        fitted = cls(np.zeros(train.answers.shape[1], dtype=bool))
        for channel in range(train.answers.shape[1]):
            data = _Channel.of(train, validation, channel, seed)
            if data is None:
                continue
            medians = [data.grow(_quantile(0.5), change=change) for change in (False, True)]
            losses = [median.best_score["valid_0"]["quantile"] for median in medians]
            change = bool(np.argmin(losses))
            fitted.changes[channel] = change
            fitted.quantiles[channel] = [
                medians[change] if rank == MEDIAN else data.grow(_quantile(level), change=change)
                for rank, level in enumerate(LEVELS)
            ]
            if mean:
                fitted.means[channel] = data.grow(_MEAN, change=change)
        return fitted

    def predict_quantiles(self, asked: Questions) -> Floats:
        """Quantiles of what is asked, the anchor elsewhere, shape (level, row, channel)."""
        return np.stack([self._predict(asked, rank) for rank in range(len(LEVELS))])

    def predict_mean(self, asked: Questions) -> Floats:
        """Means of what is asked, likewise, shape (row, channel)."""
        return self._predict(asked, None)

    @property
    def num_parameters(self) -> int:
        """Number of leaves."""
        return _leaves([*self.means.values(), *itertools.chain(*self.quantiles.values())])

    def _predict(self, asked: Questions, rank: int | None) -> Floats:
        found = asked.anchor.copy()
        for channel, models in self.quantiles.items():
            rows = np.flatnonzero(np.isfinite(asked.answers[:, channel]))
            if not len(rows):
                continue
            model = self.means[channel] if rank is None else models[rank]
            answer = model.predict(asked.inputs_of(rows, channel), num_threads=1)
            found[rows, channel] = answer + self.changes[channel] * found[rows, channel]
        return found


@dataclass(frozen=True, eq=False)
class _Channel:
    """Rows of one channel, binned once for all its models."""

    train: Any
    validation: Any
    answers: tuple[Floats, Floats]
    anchors: tuple[Floats, Floats]
    seed: int

    @classmethod
    def of(
        cls, train: Questions, validation: Questions, channel: int, seed: int
    ) -> _Channel | None:
        """None where there is too little to learn from."""
        import lightgbm

        rows = [np.flatnonzero(np.isfinite(q.answers[:, channel])) for q in (train, validation)]
        if min(map(len, rows)) < _FEWEST_ROWS:
            return None
        rng = np.random.default_rng([seed, channel])
        rows = [np.sort(rng.permutation(r)[:MOST_ROWS]) for r in rows]
        parts = list(zip((train, validation), rows, strict=True))
        answers = [q.answers[r, channel] for q, r in parts]
        learn = lightgbm.Dataset(
            train.inputs_of(rows[0], channel), answers[0], params=SETTING, free_raw_data=False
        )
        choose = learn.create_valid(validation.inputs_of(rows[1], channel), answers[1])
        anchors = [q.anchor[r, channel] for q, r in parts]
        return cls(learn, choose, (answers[0], answers[1]), (anchors[0], anchors[1]), seed)

    def grow(self, objective: dict[str, Any], *, change: bool) -> Any:
        """A model of the values or of their changes."""
        for data, answer, anchor in zip(
            (self.train, self.validation), self.answers, self.anchors, strict=True
        ):
            data.set_label(answer - anchor if change else answer)
        return _grown(self.train, self.validation, objective, self.seed)


def _quantile(level: float) -> dict[str, Any]:
    return {"objective": "quantile", "alpha": level}


def _grown(train: Any, validation: Any, objective: dict[str, Any], seed: int) -> Any:
    import lightgbm

    return lightgbm.train(
        SETTING | objective | {"seed": seed},
        train,
        ROUNDS,
        valid_sets=[validation],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )


@dataclass(frozen=True, eq=False)
class LabelTrees:
    """Trees of the log odds of a label.

    Attributes:
        model: The LightGBM model.
    """

    model: Any

    def probability(self, features: Floats) -> Floats:
        """Probability of a positive label, shape (series,)."""
        found: Floats = self.model.predict(features, num_threads=1)
        return found

    @property
    def num_parameters(self) -> int:
        """Number of leaves."""
        return _leaves([self.model])


def classify(
    train: tuple[Floats, Flags], validation: tuple[Floats, Flags], *, seed: int
) -> LabelTrees:
    """Grow trees by the log loss of a label, in the same setting, stopped by validation.

    Args:
        train: Features (series, feature), NaN where unknown, and labels (series,).
        validation: Likewise.
        seed: Seed of everything.
    """
    import lightgbm

    learn = lightgbm.Dataset(train[0], train[1].astype(np.float64), params=SETTING)
    choose = learn.create_valid(validation[0], validation[1].astype(np.float64))
    return LabelTrees(_grown(learn, choose, {"objective": "binary"}, seed))


def _leaves(models: list[Any]) -> int:
    return sum(tree["num_leaves"] for model in models for tree in model.dump_model()["tree_info"])
