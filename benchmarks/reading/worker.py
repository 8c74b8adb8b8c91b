"""Measure one reader in processes of their own.

``python -m benchmarks.reading.worker READER PATH THREADS ROUNDS`` reads once, then ROUNDS times
with a clock, and prints what it held as JSON. `measure` starts it and adds what the system charged.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.reading.readers import READERS, Reader

ROOT = Path(__file__).resolve().parents[2]


class ReadingFailedError(RuntimeError):
    """A reader ended with an error; the message is its last line."""


def measure(reader: str, path: Path, threads: int, rounds: int) -> dict[str, Any]:
    """Read a log in fresh processes: `rounds` that read once, and one that reads again and again.

    Args:
        reader: Name in `READERS`.
        path: The log.
        threads: Threads that the reader may use.
        rounds: See above.

    Returns:
        What the reader held (``rows``, and ``arrays`` in bytes); ``warm_s``, least CPU time of a
        later read; ``cold_s``, least CPU time of a process that read once, and ``peak_mib``, the
        most memory of one.

    Raises:
        ReadingFailedError: If the reader fails.
    """
    cold = [_run(reader, path, threads, 0) for _ in range(rounds)]
    warm = _run(reader, path, threads, rounds)
    return {
        "rows": warm["rows"],
        "arrays": warm["arrays"],
        "warm_s": min(warm["warm_s"]),
        "cold_s": min(run["cpu_s"] for run in cold),
        "peak_mib": max(run["peak_mib"] for run in cold),
    }


def _run(reader: str, path: Path, threads: int, rounds: int) -> dict[str, Any]:
    """One process: what it printed, the CPU time that it was charged and its peak of memory."""
    words = [reader, str(path), str(threads), str(rounds)]
    with tempfile.TemporaryFile("w+") as complaint:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.reading.worker", *words],
            cwd=ROOT,
            env=os.environ | {"POLARS_MAX_THREADS": str(threads)},
            stdout=subprocess.PIPE,
            stderr=complaint,
            text=True,
        )
        assert process.stdout is not None, "a pipe was asked for"
        with process.stdout:
            said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            complaint.seek(0)
            lines = complaint.read().strip().splitlines() or [f"exit {process.returncode}"]
            raise ReadingFailedError(lines[-1])
    charged = {"cpu_s": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss / 1024}
    return json.loads(said) | charged


def main(reader: str, path: str, threads: str, rounds: str) -> None:
    """Read, and print what was held and the CPU time of each later round.

    Args:
        reader: Name in `READERS`.
        path: The log.
        threads: Threads that the reader may use.
        rounds: Number of later rounds.
    """
    _, read = READERS[reader]
    held = read(Path(path), int(threads))
    warm = [_cpu_time(read, Path(path), int(threads)) for _ in range(int(rounds))]
    found = {"rows": held.rows, "arrays": held.arrays, "warm_s": warm}
    sys.stdout.write(json.dumps(found) + "\n")


def _cpu_time(read: Reader, path: Path, threads: int) -> float:
    start = time.process_time()
    read(path, threads)
    return time.process_time() - start


if __name__ == "__main__":
    main(*sys.argv[1:])
