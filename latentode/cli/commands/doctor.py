"""``doctor``: what is installed, what it runs on, what is missing, and whether it works."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from latentode.cli.command import command
from latentode.cli.installation import NOT_INSTALLED
from latentode.cli.machine import describe_machine
from latentode.cli.requirements import Needed, needed, of_extras
from latentode.cli.runs.provenance import versions
from latentode.cli.session import Outcome, Session
from latentode.cli.table import aligned
from latentode.errors import LatentODEError

_LITTLE_DISK, _LITTLE_MEMORY = 500_000_000, 1_000_000_000  # bytes: of a few runs, of one training


class InstallationError(LatentODEError, kind="installation", exit_code=NOT_INSTALLED):
    """Something that every command needs is missing or broken."""


@command("doctor")
def doctor_command(session: Session) -> Outcome:
    """Describe this installation, and try it: one step of training and a forecast.

    Versions are compared with what latentode needs; extras that are not installed are named with
    what to type. Ends with code 9 where something is broken that every command needs.
    """
    packages, machine = needed(), describe_machine()
    device = _device()
    faults = [*_faults(packages, machine, device)]
    tried = {"ok": False, "seconds": None, "error": "not tried"} if faults else _try()
    if tried["error"] is not None and not faults:
        faults.append(
            f"self-check: expected a forecast after a step of training, got {tried['error']}"
        )
    facts = {
        "versions": versions(),
        "needed": [{**vars(each), "fits": each.fits} for each in packages],
        "extras": of_extras(packages),
        **machine,
        "device": device,
        "self_check": tried,
        "faults": faults,
        "doubts": [*_doubts(machine, device)],
    }
    found = Outcome(data=facts, text="\n".join(_lines(facts)))
    if not faults:
        return found
    session.found = found
    more = f" ({len(faults)} faults)" if len(faults) > 1 else ""
    raise InstallationError(f"installation: {faults[0]}{more}.")


def _device() -> dict[str, Any]:
    """Threads and GPUs as torch sees them; the error where it cannot be loaded."""
    try:
        import torch
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    there = torch.cuda.is_available()
    return {
        "error": None,
        "threads": torch.get_num_threads(),
        "cuda_built_for": torch.version.cuda,
        "cuda": [
            torch.cuda.get_device_name(index)
            for index in range(torch.cuda.device_count() if there else 0)
        ],
    }


def _faults(
    packages: list[Needed], machine: Mapping[str, Any], device: Mapping[str, Any]
) -> Iterator[str]:
    """What every command needs and does not have."""
    yield from (each.fault for each in packages if not each.extra and each.fault is not None)
    if device["error"] is not None:
        yield f"expected torch to load, got {device['error']}. Install it anew"
    if not machine["temporary"]["writable"]:
        folder = machine["temporary"]["folder"]
        yield f"expected a temporary folder to write into, got {folder}. Set TMPDIR"
    if not machine["time_zone"]["names_known"]:
        yield (
            f"expected time zones by name, got none. Type `{sys.executable} -m pip install tzdata`"
        )


def _doubts(machine: Mapping[str, Any], device: Mapping[str, Any]) -> Iterator[str]:
    """What works, and may be slow or stop."""
    limits = [machine["processors"][name] for name in ("usable", "container_limit")]
    most = min((limit for limit in limits if limit), default=None)
    threads = device.get("threads")
    if most is not None and threads is not None and threads > max(1, round(most)):
        yield (
            f"torch takes {threads} threads, and {most:g} processors may be used: it is faster "
            f"with OMP_NUM_THREADS={max(1, int(most))}, or --threads"
        )
    if device.get("cuda_built_for") and not device["cuda"]:
        yield (
            f"torch is built for CUDA {device['cuda_built_for']} and finds no GPU: the driver is "
            "older, or there is none. The CPU is used"
        )
    for name in ("disk", "temporary"):
        free = machine[name]["free"]
        if free is not None and free < _LITTLE_DISK:
            yield f"{machine[name]['folder']} has {_bytes(free)} free"
    memory = machine["memory"]
    room = min((memory[k] for k in ("available", "container_limit") if memory[k]), default=None)
    if room is not None and room < _LITTLE_MEMORY:
        yield f"{_bytes(room)} of memory can be taken: a training may need more"
    if machine["locale"]["file_names"].lower().replace("-", "") != "utf8":
        yield f"file names are {machine['locale']['file_names']}: set PYTHONUTF8=1"


def _try() -> dict[str, Any]:
    """Train a small model for a step, and forecast with it."""
    began = time.perf_counter()
    try:
        import numpy as np

        from latentode.config import LatentODEConfig
        from latentode.data import synthetic
        from latentode.estimators import LatentODE

        small = {
            "model.latent_dim": 2, "model.hidden_dim": 8, "train.max_epochs": 1,
            "train.steps_per_epoch": 1, "train.batch_size": 4, "train.max_time": None,
            "solver.step_size": 0.5,
        }  # fmt: skip
        sizes = {"num_series": 4, "num_points": 40}
        log = synthetic.make("oscillator", random_state=0, **sizes).dataset
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a model that has hardly learned
            model = LatentODE(config=LatentODEConfig().updated(**small), random_state=0)
            values = model.fit(log, on_event=lambda _: None).forecast(num_draws=4)["value"]
        if not np.isfinite(values).any():
            raise ArithmeticError("a forecast without a finite value")
    except Exception as error:  # whatever it is, it is what is asked about
        return {"ok": False, "seconds": None, "error": f"{type(error).__name__}: {error}"}
    return {"ok": True, "seconds": round(time.perf_counter() - began, 2), "error": None}


def _lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """What a person reads."""
    rows = [[name, version or "none"] for name, version in facts["versions"].items()]
    processors, memory, device = facts["processors"], facts["memory"], facts["device"]
    limit = processors["container_limit"]
    rows += [
        ["platform", facts["platform"]],
        ["interpreter", facts["python"]],
        [
            "processors",
            f"{processors['of_machine']}, {processors['usable']} usable"
            + ("" if limit is None else f", container limit {limit:g}"),
        ],
        ["threads of torch", str(device.get("threads", "none"))],
        ["GPUs", ", ".join(device.get("cuda") or ["none"])],
        ["memory", f"{_bytes(memory['total'])}, {_bytes(memory['available'])} available"],
        ["memory of an answer", f"{_bytes(memory['limit_of_an_answer'])} at most"],
        *(
            [title, f"{facts[name]['folder']}, {_bytes(facts[name]['free'])} free"]
            for name, title in (("disk", "folder"), ("temporary", "temporary folder"))
        ),
        ["locale", ", ".join(str(each or "none") for each in facts["locale"].values())],
        ["time zone", " / ".join(facts["time_zone"]["local"])],
        *([f"variable {name}", value] for name, value in facts["variables"].items()),
    ]
    yield aligned(rows)
    for extra, found in facts["extras"].items():
        missing = ", ".join(found["missing"])
        yield f"extra {extra}: " + (
            f"not installed (no {missing}); if you want it: {found['install']}"
            if missing
            else "installed"
        )
    tried = facts["self_check"]
    yield "self-check: " + (f"fine ({tried['seconds']:g}s)" if tried["ok"] else tried["error"])
    yield from (f"doubt: {each}" for each in facts["doubts"])
    yield from (f"fault: {each}" for each in facts["faults"])


def _bytes(number: int | None) -> str:
    return "unknown" if number is None else f"{number / 1e9:.3g} GB"
