"""Peak memory of the three gradients, each solve in a process of its own.

Measured as the peak resident size of the process (VmHWM of /proc, so on Linux alone) less its size
before the solve, which counts all that is held, by autograd, by our own functions, or by the
backward pass. Not ``ru_maxrss``, which a child process inherits from its parent.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.engine import ours
from benchmarks.engine.workloads import build
from benchmarks.frame import Run

# the dense output keeps this many intervals however many steps are taken between its points, but
# with checkpoints the root of their number
INTERVALS = 40


def measure(protocol: Mapping[str, Any]) -> list[Run]:
    """Runs on W1's field for every gradient and number of steps of the protocol."""
    root = Path(__file__).resolve().parents[2]
    runs = []
    for gradient in ours.GRADIENTS:
        for steps in protocol["memory_steps"]:
            command = [sys.executable, "-m", "benchmarks.engine.memory", gradient, str(steps)]
            done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout)
            label = {"part": "memory", "workload": "W1", "method": f"ours {_method(gradient)}"}
            runs.append(label | {"gradient": gradient, "steps": steps} | found)
    return runs


def solve_once(gradient: str, steps: int) -> dict[str, float]:
    """Peak MiB and CPU milliseconds of one solve and its backward pass in this process."""
    sizes, batch = build("W1", 0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        dynamics = ours.make_dynamics(sizes)
        z0 = torch.randn(sizes.draws, batch.size, sizes.latent).requires_grad_()

    def both(count: int) -> None:
        substeps = math.isqrt(count) if gradient == "checkpoint" else max(1, count // INTERVALS)
        config = ours.solver(_method(gradient), batch.upper / count, gradient, substeps)
        states = ours.solve(dynamics, z0, batch, config).at(batch.query_times, check=False)
        torch.autograd.backward(states.square().mean())

    # loads and starts whatever the first solve does
    both(4)
    before, begin = _resident_kib("VmRSS"), time.process_time()
    both(steps)
    spent = time.process_time() - begin
    return {"peak_mib": (_resident_kib("VmHWM") - before) / 1024, "cpu_ms": spent * 1e3}


def _method(gradient: str) -> str:
    # the continuous adjoint is torchdiffeq's, which has no ab4
    return "rk4" if gradient == "adjoint" else ours.METHOD


def _resident_kib(name: str) -> int:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(solve_once(sys.argv[1], int(sys.argv[2]))))
