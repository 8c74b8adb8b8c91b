"""How exactly a GPU multiplies float32 matrices while a step is taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

Precision = Literal["float32", "tf32"]


@contextmanager
def matrix_products(precision: Precision, device: torch.device) -> Iterator[None]:
    """While the block runs, multiply float32 matrices on a GPU in this precision.

    "tf32" keeps 10 bits of the mantissa of each factor (a relative error of about 5e-4 a product)
    and adds in float32; "float32" keeps all 23, in cuDNN's recurrent networks too, where torch
    rounds by default. On a CPU nothing changes. The settings of the process come back afterwards.

    Args:
        precision: Of matrix products in cuBLAS and in cuDNN's recurrent networks.
        device: Device of the model.
    """
    if device.type != "cuda":
        yield
        return
    switches: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn.rnn)
    before = [switch.fp32_precision for switch in switches]
    for switch in switches:
        switch.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    try:
        yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.fp32_precision = value
