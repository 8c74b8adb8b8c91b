"""Several processes, started by torchrun: each takes its part of every batch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from latentode.config.launch import processes_told
from latentode.models.fitted.device import device_of, rank, world_size


@contextmanager
def process_group(device: str) -> Iterator[None]:
    """While the block runs, join the group that torchrun's environment describes, if any.

    Raises:
        ConfigError: If there is no such device, or no such group.
    """
    device_of(device)  # joining over a device that is not there fails less clearly
    if processes_told() == 1 or distributed.is_initialized():
        yield
        return
    backend = "nccl" if device.startswith("cuda") else "gloo"
    distributed.init_process_group(backend, **_meeting_place())
    try:
        yield
    finally:
        distributed.destroy_process_group()


def _meeting_place() -> dict[str, Any]:
    """Where processes of one node find each other: a place of their own after every restart.

    The store of torchrun outlives a restart, and tells of the processes that have ended, too:
    https://github.com/pytorch/pytorch/issues/135712. Nodes count their restarts each for itself, so
    that several need ``TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1``.
    """
    if os.environ.get("GROUP_WORLD_SIZE") != "1":
        return {}
    store, rank, size = next(distributed.rendezvous("env://"))
    restart = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    own = distributed.PrefixStore(f"restart {restart}", store)
    return {"store": own, "rank": rank, "world_size": size}


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


def largest(*numbers: float, device: torch.device) -> list[float]:
    """The largest of each number over the processes; all of them wait for each other.

    Args:
        *numbers: Numbers of this process.
        device: Its device.
    """
    if world_size() == 1:
        return [*numbers]
    return agree(torch.tensor(numbers, dtype=torch.float64, device=device)).tolist()


def local_part(size: int) -> slice:
    """This process's part of a batch of `size` windows over all processes."""
    share = size // world_size()
    return slice(rank() * share, (rank() + 1) * share)
