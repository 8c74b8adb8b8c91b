"""Runs under torchrun: which process writes, and how a group that was restarted goes on."""

from __future__ import annotations

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


def begun_before_restart(out: Path | None) -> RunFolder | None:
    """The run that this group of processes began before torchrun restarted it, if there is one.

    Args:
        out: Folder of the run, as it was named; None where it was not, which a restart begins anew.
    """
    restarted = told("TORCHELASTIC_RESTART_COUNT", 0) > 0
    if out is None or not restarted or not (out / "run.json").is_file():
        return None
    folder = RunFolder.open(out)
    # the first process is the one that refuses the run of another call, for all
    own = not is_first_rank() or folder.record.get("launcher") == launcher()
    return folder if own else None
