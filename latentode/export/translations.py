"""Operators of torch in ONNX, where the exporter of torch has none or loses digits."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from latentode.files.packages import optional_package

_INT64 = 7  # of onnx.TensorProto
_FLOAT = 1  # likewise, which torch takes where no type is given


def translations(most_rows: int, path: Path) -> dict[Callable[..., Any], Callable[..., Any]]:
    """For ``custom_translation_table`` of `torch.onnx.export`.

    Args:
        most_rows: Most rows of a window, along which maxima run.
        path: File to be written, for the message where a package is absent.

    Returns:
        Functions by operator.
    """
    op = optional_package("onnxscript", "onnx", path, doing="writing").opset20
    aten = torch.ops.aten
    return {
        aten.searchsorted.Tensor: _searchsorted(op),
        aten.cummax.default: _running(op, op.Greater, most_rows),
        aten.cummin.default: _running(op, op.Less, most_rows),
        aten.copysign.Tensor: _copysign(op),
        aten.hypot.default: _hypot(op),
        **_constants(op, path),
    }


def _searchsorted(op: Any) -> Callable[..., Any]:
    def searchsorted(sorted_sequence: Any, self: Any, *, right: bool = False, **_: Any) -> Any:
        compare = op.LessOrEqual if right else op.Less
        before = compare(op.Unsqueeze(sorted_sequence, [-2]), op.Unsqueeze(self, [-1]))
        return op.ReduceSum(op.Cast(before, to=_INT64), [-1], keepdims=0)

    return searchsorted


def _running(op: Any, better: Callable[..., Any], most: int) -> Callable[..., Any]:
    """Maxima or minima up to each place, by reaching back twice as far in every step."""

    def running(self: Any, dim: int) -> Any:
        length = op.Squeeze(op.Gather(op.Shape(self), [dim], axis=0), [0])
        places, shape = op.Range(0, length, 1), [1] * len(self.shape)
        shape[dim] = -1
        values, index = self, op.Expand(op.Reshape(places, shape), op.Shape(self))
        for level in range(math.ceil(math.log2(most))):
            back = op.Max(op.Sub(places, 2**level), 0)
            earlier, earlier_index = (
                op.Gather(values, back, axis=dim),
                op.Gather(index, back, axis=dim),
            )
            wins = better(earlier, values)  # of equals the later one counts, as in torch
            values = op.Where(wins, earlier, values)
            index = op.Where(wins, earlier_index, index)
        return values, index

    return running


def _copysign(op: Any) -> Callable[..., Any]:
    def copysign(self: Any, other: Any) -> Any:
        size = op.Abs(self)
        return op.Where(op.Less(other, op.CastLike(0.0, other)), op.Neg(size), size)

    return copysign


def _hypot(op: Any) -> Callable[..., Any]:
    def hypot(self: Any, other: Any) -> Any:
        one, two = op.Abs(self), op.Abs(other)
        most = op.Max(one, two)  # positive wherever the models ask
        share = op.Div(op.Min(one, two), most)
        return op.Mul(most, op.Sqrt(op.Add(op.Mul(share, share), op.CastLike(1.0, share))))

    return hypot


def _constants(op: Any, path: Path) -> dict[Callable[..., Any], Callable[..., Any]]:
    """Numbers in the program as they are: the exporter of torch rounds them to float32."""
    ir = optional_package("onnx_ir", "onnx", path, doing="writing")

    def constant(number: Any, dtype: int) -> Any:
        if not isinstance(number, bool | int | float):
            return op.Cast(number, to=dtype)
        return op.Constant(value=ir.tensor(number, ir.DataType(dtype)))

    def scalar_tensor(s: Any, dtype: int = _FLOAT, **_: Any) -> Any:
        return constant(s, dtype)

    def full(size: Any, fill_value: Any, dtype: int = _FLOAT, **_: Any) -> Any:
        return op.Expand(constant(fill_value, dtype), op.Cast(size, to=_INT64))

    def full_like(self: Any, fill_value: Any, dtype: int | None = None, **_: Any) -> Any:
        kind = int(self.dtype) if dtype is None else dtype
        return op.Expand(constant(fill_value, kind), op.Shape(self))

    aten = torch.ops.aten
    return {
        aten.scalar_tensor.default: scalar_tensor,
        aten.full.default: full,
        aten.full_like.default: full_like,
    }
