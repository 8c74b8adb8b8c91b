"""AdamW with a schedule by steps, and an average of the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from latentode.config import OptimizerConfig
from latentode.flows.adam import AdamW


def learning_rate(config: OptimizerConfig, step: int, total_steps: int) -> float:
    """Linear warm-up, then cosine decay to ``lr * min_lr_ratio`` at `total_steps`.

    It depends on the step alone, never on the clock, so that a resumed run repeats it.

    Args:
        config: Peak, floor and warm-up.
        step: Number of the step, from 0 on.
        total_steps: Steps of the schedule.
    """
    warmup = min(config.warmup_steps, max(1, total_steps // 10))
    if step < warmup:
        return config.lr * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, total_steps - warmup))
    low = config.min_lr_ratio
    return config.lr * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * progress)))


def make_optimizer(model: nn.Module, config: OptimizerConfig) -> AdamW:
    """AdamW; biases and other vectors are not decayed."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    return AdamW(
        [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=config.lr,
    )


class WeightAverage:
    """Exponential moving average of the parameters of a model.

    Early steps average over fewer weights, ``min(decay, (1 + n) / (10 + n))``, so that the start is
    soon forgotten.

    Args:
        model: The model whose weights are followed.
        decay: Share of the average kept a step.

    Attributes:
        tensors: The averaged weights by name.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.tensors = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after optimiser step `step`."""
        decay = min(self.decay, (1 + step) / (10 + step))
        present = model.state_dict()
        moved = [name for name, value in present.items() if value.is_floating_point()]
        averages, values = ([of[name] for name in moved] for of in (self.tensors, present))
        torch._foreach_lerp_(averages, values, 1.0 - decay)
        for name in present.keys() - set(moved):
            self.tensors[name].copy_(present[name])

    @torch.no_grad()
    def swap(self, model: nn.Module) -> None:
        """Exchange the weights of the model with the average; call again to undo."""
        for name, value in model.state_dict().items():
            kept = value.clone()
            value.copy_(self.tensors[name])
            self.tensors[name].copy_(kept)


class Learner:
    """What the steps of a training change.

    Args:
        model: The model, on the device to train on.
        config: Settings.

    Attributes:
        model: The model.
        average: Average of its weights.
        optimizer: Optimiser of its parameters.
    """

    def __init__(self, model: nn.Module, config: OptimizerConfig) -> None:
        self.model = model
        self.average = WeightAverage(model, config.ema_decay)
        self.optimizer = make_optimizer(model, config)

    def parts(self) -> dict[str, Mapping[str, Tensor]]:
        """All tensors by part and name; no copies."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.tensors,
            "optimizer": self.optimizer.tensors(),
        }

    def load(self, parts: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take over a copy of what `parts` gave, on the devices of the present tensors.

        Raises:
            ValueError: If the state of the optimiser is not one of these parameters.
        """
        self.model.load_state_dict(parts["model"])
        kept = self.average.tensors
        self.average.tensors = {k: kept[k].copy_(value) for k, value in parts["average"].items()}
        self.optimizer.load(parts["optimizer"])
