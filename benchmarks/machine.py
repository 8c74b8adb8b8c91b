"""The machine that figures belong to, and the number of threads they were measured with."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = ("torch", "torchdiffeq", "torchode", "jax", "diffrax", "optax", "zuko")
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC")


def limit_threads(threads: int) -> None:
    """Hold this process, and all numerical libraries loaded later, to a number of threads.

    JAX starts a pool of its own beside its documented switches; binding the process to as many
    cores as threads is what makes the competitors equal. To be called before torch is imported.
    """
    for name in _THREAD_VARIABLES:
        os.environ[name] = str(threads)
    os.environ["JAX_PLATFORMS"] = "cpu"  # as all others, where there is a GPU
    if threads == 1:
        os.environ["XLA_FLAGS"] = (
            "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:threads])


def describe(device: str = "cpu") -> dict[str, str]:
    """Processor, system and the versions of the packages that are compared.

    Args:
        device: Device of the models; a GPU is named, as its figures belong to it.
    """
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    if device != "cpu":
        import torch

        versions["device"] = torch.cuda.get_device_name(device)
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": platform.system(),
        "python": platform.python_version(),
        **versions,
    }


def commit() -> str:
    """Commit of the code that runs, "-dirty" where tracked files differ from it."""
    root = Path(__file__).resolve().parents[1]
    try:
        answers = [
            subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)
            for words in (("rev-parse", "--short", "HEAD"), ("diff", "HEAD", "--name-only"))
        ]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    head, changed = (answer.stdout.strip() for answer in answers)
    # results and tables are what a run writes
    code = [name for name in changed.splitlines() if not _is_output(name)]
    return head + ("-dirty" if code else "")


def _is_output(name: str) -> bool:
    return name == "benchmarks/RESULTS.md" or name.startswith("benchmarks/results/")


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
