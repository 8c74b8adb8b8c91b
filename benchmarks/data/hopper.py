"""Trajectories of MuJoCo's hopper, thrown into the air without control, as in the 2019 set.

``python -m benchmarks.data.hopper`` makes 10,000 of them (about 100 s) and keeps them in the cache;
it needs ``dm_control==1.0.50`` and ``mujoco==3.17.0`` (extra ``bench``) and nothing of torch.

Reference:
    Rubanova, Chen, Duvenaud (2019), https://arxiv.org/abs/1907.03907, section 5.2. Their file is
    gone, and was made with another MuJoCo; see the figures of naive interpolation for how near
    this one comes.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.data.folders import cache_folder, public_file
from latentode.errors import DataError
from latentode.files import atomic_write

SEED, STEPS, DIMENSIONS = 123, 200, 14
COUNT, _SHARD = 10_000, 2_000
_POSITION, _ANGLE, _SPEED = 0.5, 2.0, 5.0

Trajectories = NDArray[np.float32]


def load(count: int) -> Trajectories:
    """The first trajectories of the set, (trajectory, 200, 14): 7 positions, then 7 velocities.

    Args:
        count: Number of trajectories; up to 1,000 come from the public file, more from the cache,
            which is filled first where it is empty.

    Raises:
        DataError: If the set must be generated and dm_control is absent, or it has fewer than
            `count` trajectories.
    """
    if count > COUNT:
        raise DataError(f"hopper: expected at most {COUNT} trajectories, got {count}.")
    if count <= 1_000:
        return np.load(public_file("mujoco_hopper_1000.npz"))["data"][:count]
    paths = [_shard(start) for start in range(0, count, _SHARD)]
    if not all(path.exists() for path in paths):
        fill_cache()
    return np.concatenate([np.load(path)["data"] for path in paths])[:count]


def fill_cache() -> None:
    """Generate all trajectories and write them to the cache, in parts of a size easily moved."""
    data = generate(COUNT)
    for start in range(0, COUNT, _SHARD):
        buffer = io.BytesIO()
        np.savez_compressed(buffer, data=data[start : start + _SHARD])
        atomic_write(_shard(start), buffer.getvalue())


def generate(count: int) -> Trajectories:
    """Simulate `count` trajectories from numpy's seed 123.

    Start: x and z from U(0, 0.5), joint angles from U(-2, 2), velocities from U(-5, 5); 200 steps
    of the model's own time step (0.005 s).

    Raises:
        DataError: If dm_control is not installed.
    """
    try:
        from dm_control import suite
    except ImportError:
        raise DataError(
            "hopper: expected dm_control to generate trajectories, it is not installed. Install "
            "dm_control==1.0.50 and mujoco==3.17.0, or run 'python -m benchmarks.data.hopper' in "
            "an environment that has them."
        ) from None
    physics = suite.load("hopper", "stand").physics
    rng = np.random.RandomState(SEED)
    data = np.zeros((count, STEPS, DIMENSIONS), np.float32)
    half = DIMENSIONS // 2
    for trajectory in data:
        with physics.reset_context():
            physics.data.qpos[:2] = rng.uniform(0, _POSITION, size=2)
            physics.data.qpos[2:] = rng.uniform(-_ANGLE, _ANGLE, size=half - 2)
            physics.data.qvel[:] = rng.uniform(-_SPEED, _SPEED, size=half)
        for row in trajectory:
            row[:half], row[half:] = physics.data.qpos, physics.data.qvel
            physics.step()
    return data


def _shard(start: int) -> Path:
    return cache_folder() / f"hopper-seed{SEED}-{start:05d}.npz"


if __name__ == "__main__":
    fill_cache()
    sys.stdout.write(f"{COUNT} trajectories in {cache_folder()}\n")
