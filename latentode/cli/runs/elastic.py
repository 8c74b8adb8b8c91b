"""Runs under torchrun: which process writes, and how a group that was restarted goes on."""

from __future__ import annotations

import os
from pathlib import Path

from latentode.cli.runs.provenance import launcher
from latentode.cli.runs.run_folder import RunFolder
from latentode.config.launch import processes_told, told


def is_first_rank() -> bool:
    """True outside torchrun, and for its rank 0."""
    return num_processes() < 2 or told("RANK", 0) == 0


def num_processes() -> int:
    """Processes that train together."""
    return processes_told()


def begun_by_same_call(out: Path | None, command: list[str]) -> RunFolder | None:
    """The run that this call of torchrun has begun before it started its processes again.

    Args:
        out: Folder of the run, as it was named; None where it was not, which begins anew.
        command: What was typed.
    """
    name = launcher()
    if out is None or name is None or not (out / "run.json").is_file():
        return None
    folder = RunFolder.open(out)
    record = folder.record
    same = (record.get("launcher"), record.get("command")) == (name, command)
    if record.get("status") == "done" or folder.model_path.exists():
        same = False  # what is trained is not begun again, whatever its checkpoints
    # the first process is the one that refuses the run of another call, for all
    return folder if same or not is_first_rank() else None


def doubt_of_restarts() -> str | None:
    """What to say of torchrun on several nodes whose processes would not meet after a restart.

    See `latentode.training.execution.distributed`, which mends it for one node.
    """
    several = os.environ.get("GROUP_WORLD_SIZE", "1") != "1"
    restarts = os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0") != "0"
    if not (several and restarts and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"):
        return None
    return (
        "torchrun: restarted processes of several nodes may fail to meet. Start torchrun with "
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 in its environment"
    )
