"""The device of a process, and which of several processes it is."""

from __future__ import annotations

import re

import torch
from torch import distributed

from latentode.config.launch import told
from latentode.errors import ConfigError


def rank() -> int:
    """Rank of this process; 0 without torchrun."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def world_size() -> int:
    """Number of processes; 1 without torchrun."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def device_of(name: str) -> torch.device:
    """The device of this process: with "cuda" under torchrun, the GPU of its local rank.

    Raises:
        ConfigError: If there is no such device.
    """
    if name == "cuda" and world_size() > 1:
        name = f"cuda:{told('LOCAL_RANK', 0)}"
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise ConfigError(f"device: expected cpu, cuda or cuda:NUMBER, got {name!r}.")
    device = torch.device(name)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= count:
        raise ConfigError(
            f"device: expected one that is there, got {name!r}, but torch finds {count} CUDA "
            "devices. Pass --device cpu, or install a torch built for CUDA."
        )
    return device
