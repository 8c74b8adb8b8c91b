"""Tensors that move and are copied together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class TensorParts:
    """Base of what holds tensors, and parts that hold tensors themselves, in its fields."""

    def to(self, device: torch.device | str) -> Self:
        """Move every tensor."""
        return self._map(lambda part: part.to(device))

    def clone(self) -> Self:
        """Copy every tensor."""
        return self._map(lambda part: part.clone())

    def _map(self, change: Callable[[Any], Any]) -> Self:
        parts = {k: v for k, v in vars(self).items() if isinstance(v, Tensor | TensorParts)}
        return replace(self, **{name: change(part) for name, part in parts.items()})
