"""Adam with decoupled weight decay, without torch's compiler.

The first optimiser of `torch.optim` that a process makes imports ``torch._dynamo``, which takes
seconds. The arithmetic of torch needs none of it: here it is called as a function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

_EPS = 1e-8  # as in torch and in the paper: keeps a step finite where no gradient has come yet
_STATE = ("step", "exp_avg", "exp_avg_sq")


class AdamW:
    """The steps of `torch.optim.AdamW`, bit for bit, and of `torch.optim.Adam` without decay.

    On a CPU they are those with ``fused=True``.

    Args:
        groups: Mappings with the parameters of a group as "params", and what belongs to it alone:
            "lr", "weight_decay", or a value of the caller's own.
        lr: Step size where a group has none.
        betas: Share of the mean and of the mean square of the gradient that is kept a step.

    Attributes:
        param_groups: The groups; what they hold may be changed between steps.
        state: Moments and number of steps of each parameter that has had a gradient.
    """

    def __init__(
        self,
        groups: Iterable[Mapping[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        self.param_groups = [{"lr": lr, "weight_decay": 0.0, **group} for group in groups]
        self._betas = betas
        self.state: dict[Tensor, dict[str, Tensor]] = {}

    @property
    def parameters(self) -> list[Tensor]:
        """Parameters of all groups, in order."""
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Change every parameter that has a gradient."""
        for group in self.param_groups:
            moved = [p for p in group["params"] if p.grad is not None]
            if not moved:
                continue
            states = [self._state_of(p) for p in moved]
            steps, means, squares = ([state[name] for state in states] for name in _STATE)
            adamw(
                moved,
                [parameter.grad for parameter in moved],
                means,
                squares,
                [],
                steps,
                amsgrad=False,
                beta1=self._betas[0],
                beta2=self._betas[1],
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=_EPS,
                maximize=False,
                # one pass over all numbers; on a GPU the number of steps would have to lie there
                fused=all(p.device.type == "cpu" for p in moved) or None,
            )

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        if parameter not in self.state:
            self.state[parameter] = {
                "step": torch.tensor(0.0),  # on the CPU, whatever the parameter is on
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
        return self.state[parameter]

    def tensors(self) -> dict[str, Tensor]:
        """The state by the number of the parameter and a name, as in ``3.exp_avg``."""
        return {
            f"{index}.{name}": value
            for index, parameter in enumerate(self.parameters)
            for name, value in self.state.get(parameter, {}).items()
        }

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over a copy of what `tensors` gave, in place of the present state.

        Raises:
            ValueError: If a tensor belongs to no parameter or is not of its shape, or if a
                parameter has part of a state.
        """
        parameters = self.parameters
        state: dict[Tensor, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            index, key = name.split(".")
            owner = parameters[int(index)] if int(index) in range(len(parameters)) else None
            if owner is None or value.shape != (() if key == "step" else owner.shape):
                raise ValueError(f"{name}: a tensor of shape {tuple(value.shape)} fits no weight")
            like = torch.tensor(0.0) if key == "step" else torch.empty_like(owner)
            state.setdefault(owner, {})[key] = like.copy_(value)
        for names in state.values():
            if names.keys() != set(_STATE):
                raise ValueError(f"expected {', '.join(_STATE)} of a weight, got {sorted(names)}")
        self.state = state
