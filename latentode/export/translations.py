"""Operators of torch that its exporter has no ONNX operators for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from latentode.data.reading.packages import optional_package
