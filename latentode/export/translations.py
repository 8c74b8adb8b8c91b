"""Operators of torch that its exporter has no ONNX operators for."""

from __future__ import annotations
