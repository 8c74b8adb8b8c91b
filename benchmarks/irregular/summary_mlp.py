"""A network of two hidden layers of 64 on summaries of windows: what the features alone are worth.

It reads the features of `questions`, centred and scaled by their quantiles, with a flag for each
that may be unknown, and gives quantiles of all channels, trained by the pinball loss. One network
learns values and one changes against the anchor; validation stops both and chooses between them
for each channel. One setting for every task: AdamW at a rate of 1e-3, batches of 512, dropout 0.1,
weight decay 0.01.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.irregular import quantiles
from benchmarks.irregular.quantiles import LEVELS
from benchmarks.irregular.questions import Questions
from benchmarks.irregular.windows import Flags, Floats
from latentode.flows.adam import AdamW

WIDTH, DROPOUT, DECAY, RATE = 64, 0.1, 0.01, 1e-3
EPOCHS, PATIENCE, BATCH = 60, 6, 512
MOST_ROWS = 40_000
_FARTHEST = 5.0  # spreads: unit errors count no more than that
_SPREAD = (0.16, 0.5, 0.84)  # quantiles one standard deviation around the middle
_CHUNK = 20_000

Loss = Callable[[Tensor, Tensor], Tensor]
Rows = np.ndarray


@dataclass(frozen=True, eq=False)
class Inputs:
    """How features become inputs.

    Attributes:
        center: Medians in training, shape (feature,).
        spread: Half the distance between the quantiles of 16 and 84 %, shape (feature,).
        flagged: Features that training knows of some rows only, by number, shape (flag,).
    """

    center: Floats
    spread: Floats
    flagged: Rows

    @classmethod
    def fit(cls, features: Floats) -> Inputs:
        """Learn the scales of some rows (row, feature)."""
        known = np.isfinite(features)
        some = known.any(0)
        low, center, high = np.zeros((3, features.shape[1]))
        low[some], center[some], high[some] = np.nanquantile(features[:, some], _SPREAD, axis=0)
        spread = (high - low) / 2
        rare = np.zeros_like(spread)  # what is mostly the same is scaled by how far it ever goes
        rare[some] = np.nanstd(features[:, some], axis=0)
        spread = np.where(spread > 0, spread, np.where(rare > 0, rare, 1.0))
        return cls(center, spread, np.flatnonzero(some & ~known.all(0)))

    def __call__(self, features: Floats) -> Tensor:
        """Inputs of some rows, 0 where unknown, shape (row, input)."""
        scaled = np.clip((features - self.center) / self.spread, -_FARTHEST, _FARTHEST)
        flags = np.isnan(features[:, self.flagged])
        inputs = np.concatenate([np.nan_to_num(scaled, nan=0.0), flags], axis=1)
        return torch.from_numpy(inputs.astype(np.float32))

    @property
    def dim(self) -> int:
        """Number of inputs."""
        return len(self.center) + len(self.flagged)


def network(inputs: int, outputs: int) -> nn.Sequential:
    """Two hidden layers, from as many inputs to as many outputs."""
    return nn.Sequential(
        nn.Linear(inputs, WIDTH),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(WIDTH, WIDTH),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(WIDTH, outputs),
    )


def pinball(outputs: Tensor, answers: Tensor) -> Tensor:
    """Mean pinball loss of each channel over what is asked of it, shape (channel,).

    Args:
        outputs: Quantiles, shape (row, channel * level).
        answers: NaN where nothing is asked, shape (row, channel).
    """
    asked = torch.isfinite(answers)
    levels = torch.tensor(LEVELS, dtype=outputs.dtype)
    error = torch.nan_to_num(answers)[..., None] - outputs.unflatten(1, (answers.shape[1], -1))
    loss = torch.maximum(levels * error, (levels - 1.0) * error).mean(-1)
    return torch.where(asked, loss, 0.0).sum(0) / asked.sum(0).clamp(min=1)


def train_network(
    model: nn.Module,
    train: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    loss: Loss,
    generator: torch.Generator,
) -> Tensor:
    """Train in place, and keep the weights that are best in validation.

    Args:
        model: The network.
        train: Inputs and answers.
        validation: Likewise.
        loss: Of outputs and answers; its mean is minimised.
        generator: Chooses the batches.

    Returns:
        The loss of the best weights in validation.
    """
    optimizer = AdamW([{"params": list(model.parameters()), "weight_decay": DECAY}], lr=RATE)
    best, kept, since = torch.tensor(torch.inf), copy.deepcopy(model.state_dict()), 0
    for _ in range(EPOCHS):
        model.train()
        for rows in torch.randperm(len(train[0]), generator=generator).split(BATCH):
            optimizer.zero_grad()
            loss(model(train[0][rows]), train[1][rows]).mean().backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            judged = loss(model(validation[0]), validation[1])
        if judged.mean() < best.mean():
            best, kept, since = judged, copy.deepcopy(model.state_dict()), 0
        elif (since := since + 1) == PATIENCE:
            break
    model.load_state_dict(kept)
    return best


@dataclass(frozen=True, eq=False)
class SummaryMLP:
    """A network of values and one of changes.

    Attributes:
        inputs: Scales of the features.
        networks: Of values and of changes.
        changes: Whether a channel is predicted as a change, shape (channel,).
    """

    inputs: Inputs
    networks: tuple[nn.Module, nn.Module]
    changes: Flags

    @classmethod
    def fit(
        cls, train: Questions, validation: Questions, *, seed: int, mean: bool = False
    ) -> SummaryMLP:
        """Train both networks.

        Args:
            train: Rows to learn from; at most 40,000 are taken, at random.
            validation: Rows that choose, likewise.
            seed: Seed of everything.
            mean: Nothing: the mean is that of the quantiles.
        """
        del mean
        rng = np.random.default_rng(seed)
        rows = [rng.permutation(len(part))[:MOST_ROWS] for part in (train, validation)]
        features = train.inputs(rows[0])
        inputs = Inputs.fit(features)
        tensors = inputs(features), inputs(validation.inputs(rows[1]))
        channels, networks, losses = train.answers.shape[1], [], []
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            for change in (0.0, 1.0):
                answers = [
                    torch.from_numpy((part.answers - change * part.anchor)[chosen]).float()
                    for part, chosen in zip((train, validation), rows, strict=True)
                ]
                model = network(inputs.dim, channels * len(LEVELS))
                losses.append(
                    train_network(
                        model,
                        (tensors[0], answers[0]),
                        (tensors[1], answers[1]),
                        pinball,
                        torch.Generator().manual_seed(seed),
                    )
                )
                networks.append(model)
        return cls(inputs, (networks[0], networks[1]), (losses[1] < losses[0]).numpy())

    def predict_quantiles(self, asked: Questions) -> Floats:
        """Quantiles of every channel, shape (level, row, channel)."""
        chunks = np.array_split(np.arange(len(asked)), -(-len(asked) // _CHUNK))
        found = np.concatenate([self._predict(asked, rows) for rows in chunks], axis=1)
        return np.sort(found, axis=0)

    def predict_mean(self, asked: Questions) -> Floats:
        """Means of the distributions that the quantiles stand for, shape (row, channel)."""
        found = self.predict_quantiles(asked)
        return quantiles.mean(found.reshape(len(found), -1)).reshape(found.shape[1:])

    @property
    def num_parameters(self) -> int:
        """Number of trained numbers of both networks."""
        return sum(p.numel() for model in self.networks for p in model.parameters())

    def _predict(self, asked: Questions, rows: Rows) -> Floats:
        inputs = self.inputs(asked.inputs(rows))
        shape = (len(rows), len(self.changes), len(LEVELS))
        with torch.no_grad():
            values, changes = (model(inputs).double().numpy() for model in self.networks)
        changed = changes.reshape(shape) + asked.anchor[rows][..., None]
        chosen = np.where(self.changes[:, None], changed, values.reshape(shape))
        return np.moveaxis(chosen, -1, 0)


@dataclass(frozen=True, eq=False)
class LabelMLP:
    """A network of the log odds of a label.

    Attributes:
        inputs: Scales of the features.
        network: The network.
    """

    inputs: Inputs
    network: nn.Module

    def probability(self, features: Floats) -> Floats:
        """Probability of a positive label, shape (series,)."""
        with torch.no_grad():
            odds: Tensor = self.network(self.inputs(features))[:, 0]
        return torch.sigmoid(odds).double().numpy()

    @property
    def num_parameters(self) -> int:
        """Number of trained numbers."""
        return sum(p.numel() for p in self.network.parameters())


def classify(
    train: tuple[Floats, Flags], validation: tuple[Floats, Flags], *, seed: int
) -> LabelMLP:
    """Train a network by the log loss of a label, in the same setting, stopped by validation.

    Args:
        train: Features (series, feature), NaN where unknown, and labels (series,).
        validation: Likewise.
        seed: Seed of everything.
    """
    inputs = Inputs.fit(train[0])
    learn, choose = (
        (inputs(features), torch.from_numpy(labels.astype(np.float32))[:, None])
        for features, labels in (train, validation)
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = network(inputs.dim, 1)
        generator = torch.Generator().manual_seed(seed)
        loss = nn.functional.binary_cross_entropy_with_logits
        train_network(model, learn, choose, loss, generator)
    return LabelMLP(inputs, model)
