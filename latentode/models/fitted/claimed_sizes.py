"""Sizes that a description claims are believed only as far as its weights have them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from latentode.errors import CheckpointError

# What a model makes besides its state: first values that are replaced, tables that are not saved.
_TIMES, _SPARE = 4, 4_000_000
_BY_SIZE = (torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn)
_BY_COUNT = (torch.linspace, torch.logspace)


class ClaimedSizes(TorchFunctionMode):
    """While it is entered, tensors are made only as long as stored weights have as many numbers.

    A model of a description of somebody else is built in it: what would need more is refused before
    memory is taken. Building it on the meta device first would say the same, but that loads a
    compiler, for a second.

    Args:
        stored: The weights, without which no size is believed.
        where: Their file.

    Raises:
        CheckpointError: When a tensor is asked for that the weights cannot have.
    """

    def __init__(self, stored: Iterable[Tensor], where: Path) -> None:
        super().__init__()
        self.stored = sum(tensor.numel() for tensor in stored)
        self.left = _TIMES * self.stored + _SPARE
        self.where = where

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Make what is asked for, if it may be as large."""
        kwargs = kwargs or {}
        count = _count(func, args, kwargs)
        self.left -= count
        if self.left < 0:
            raise CheckpointError(
                f"{self.where}: expected the weights of the model that its JSON describes, got "
                f"{self.stored:,} numbers, where a tensor of {count:,} is described."
            )
        return func(*args, **kwargs)


def _count(func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> int:
    """Numbers in what a function of torch would make anew."""
    if func in _BY_SIZE:
        size = kwargs.get("size", args)
        return math.prod(size[0] if len(size) == 1 and not isinstance(size[0], int) else size)
    if func is torch.full:
        return math.prod(kwargs["size"] if "size" in kwargs else args[0])
    if func in _BY_COUNT:
        return int(kwargs["steps"] if "steps" in kwargs else args[2])
    if func is torch.arange:
        begin, end, step = {1: (0, *args, 1), 2: (*args, 1), 3: tuple(args)}[len(args)]
        return math.ceil((end - begin) / step)
    if func is torch.eye:
        return math.prod(args[:2]) if len(args) > 1 else args[0] ** 2
    return 0
