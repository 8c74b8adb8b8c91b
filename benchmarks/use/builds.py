"""Builds of the package, and jobs that are done by one of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OURS = "this build"
_WORKER = Path(__file__).with_name("worker.py")


class JobFailedError(RuntimeError):
    """A job ended with an error; the message is its last line."""


@contextmanager
def checked_out(commits: list[str]) -> Iterator[dict[str, Path]]:
    """This build and earlier ones: folders with the package, by name; those are removed at the end.

    Args:
        commits: What `git` knows the earlier ones by.
    """
    folders = {OURS: ROOT}
    with tempfile.TemporaryDirectory(prefix="speed-use-builds-") as parent:
        try:
            for commit in commits:
                folders[commit] = Path(parent) / commit
                _git("worktree", "add", "--detach", str(folders[commit]), commit)
            yield folders
        finally:
            for commit in commits:
                if commit in folders:
                    _git("worktree", "remove", "--force", str(folders[commit]))


def _git(*words: str) -> None:
    subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True)


def done(job: Mapping[str, Any], build: Path) -> dict[str, Any]:
    """Do a job in a fresh process of a build.

    Args:
        job: As in `benchmarks.use.worker`.
        build: Folder with the package.

    Returns:
        What it printed, and ``peak_mib``, the most memory of the process.

    Raises:
        JobFailedError: If it fails.
    """
    with tempfile.TemporaryDirectory(prefix="speed-use-job-") as folder:
        path = Path(folder) / "job.json"
        path.write_text(json.dumps(dict(job)), encoding="utf-8")
        said, complaint = (Path(folder) / name for name in ("out", "err"))
        with said.open("w") as out, complaint.open("w") as err:
            process = subprocess.Popen(
                [sys.executable, "-W", "ignore", str(_WORKER), str(path)],
                env=os.environ | {"PYTHONPATH": str(build)},
                stdout=out,
                stderr=err,
            )
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            lines = complaint.read_text("utf-8").strip().splitlines()
            raise JobFailedError(lines[-1] if lines else f"exit {process.returncode}")
        return json.loads(said.read_text("utf-8")) | {"peak_mib": usage.ru_maxrss / 1024}
