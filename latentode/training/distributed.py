"""Several processes, started by torchrun: each takes its part of every batch."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from latentode.errors import ConfigError


def rank() -> int:
    """Rank of this process; 0 without torchrun."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def world_size() -> int:
    """Number of processes; 1 without torchrun."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


@contextmanager
def process_group(device: str) -> Iterator[None]:
    """While the block runs, join the group that torchrun's environment describes, if any.

    Raises:
        ConfigError: If there is no such device.
    """
    device_of(device)  # joining over a device that is not there fails less clearly
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        yield
        return
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def wrap(model: nn.Module) -> nn.Module:
    """The model itself, or a replica whose gradients are averaged over the processes."""
    if world_size() == 1:
        return model
    return DistributedDataParallel(model, broadcast_buffers=False)


def agree(values: Tensor) -> Tensor:
    """Elementwise maximum of a small tensor over the processes."""
    if world_size() > 1:
        distributed.all_reduce(values, op=distributed.ReduceOp.MAX)
    return values


def local_part(size: int) -> slice:
    """This process's part of a batch of `size` windows over all processes."""
    share = size // world_size()
    return slice(rank() * share, (rank() + 1) * share)


def device_of(name: str) -> torch.device:
    """The device of this process: with "cuda" under torchrun, the GPU of its local rank.

    Raises:
        ConfigError: If there is no such device.
    """
    if name == "cuda" and world_size() > 1:
        name = f"cuda:{int(os.environ.get('LOCAL_RANK', '0'))}"
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise ConfigError(f"device: expected cpu, cuda or cuda:NUMBER, got {name!r}.")
    device = torch.device(name)
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= found:
        raise ConfigError(
            f"device: expected one that is there, got {name!r}, but torch finds {found} CUDA "
            "devices. Pass --device cpu, or install a torch built for CUDA."
        )
    return device
