"""Task scale: logs of many series in parts: partition, forecasts by workers and engines, training.

``--only`` takes parts of the task (partition, forecast, engines, training). Every command runs as a
process of its own, as a user starts it; its time, and the peak memory of the largest process of it,
are what the system counted. ``--set series=20000`` runs a fiftieth.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.frame import Options, Report, Run, markdown_table

PROTOCOL: dict[str, Any] = {
    "seed": 0,
    "series": 1_000_000,
    "points": 100,
    "parts": 256,
    "samples": 20,
    "epochs": 2,
    "steps": 100,
    "buffer": 4_000_000,
    "folder": None,
}
SMOKE: dict[str, Any] = {
    "series": 60,
    "points": 20,
    "parts": 4,
    "samples": 4,
    "epochs": 1,
    "steps": 2,
    "buffer": 400,
}
# what was asked for: a greater figure fails --check
CEILINGS = {
    "peak memory of all parts / one part": 1.2,
    "wall of two workers / one": 1 / 1.8,
    "wall of Dask / two workers": 1.15,
    "MiB of the largest process": 2_000.0,
}
PARTS = ("partition", "forecast", "engines", "training")
_BLOCK = 20_000  # series that are simulated at once
_MODEL_SERIES = 2_000  # that the model of the forecasts is trained on


def names(_protocol: Mapping[str, Any]) -> list[str]:
    """Parts."""
    return list(PARTS)


def run(options: Options) -> Report:
    """Write the log, and run the commands on it."""
    protocol = options.protocol
    with tempfile.TemporaryDirectory(prefix="scale-", dir=protocol["folder"]) as name:
        folder = Path(name)
        # Linux counts the peak of a parent as its child's, so this process has to stay small
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as writer:
            for log, series in (("log", protocol["series"]), ("small", _small(protocol))):
                writer.submit(write_log, folder / f"{log}.csv", series, protocol).result()
        return {"runs": list(_runs(options.chosen(PARTS), protocol, folder))}


def _small(protocol: Mapping[str, Any]) -> int:
    return min(_MODEL_SERIES, protocol["series"])


def write_log(path: Path, num_series: int, protocol: Mapping[str, Any]) -> None:
    """Write noisy oscillations of many series as text: id, time in seconds, value.

    Args:
        path: The file.
        num_series: Series.
        protocol: Points of each, and the seed.
    """
    import pyarrow as pa
    from pyarrow import csv

    from latentode.data import synthetic

    schema = pa.schema([("id", pa.int64()), ("seconds", pa.float64()), ("value", pa.float64())])
    with csv.CSVWriter(path, schema) as writer:
        for first in range(0, num_series, _BLOCK):
            size = min(_BLOCK, num_series - first)
            readings = synthetic.make(
                "toy_periodic",
                num_series=size,
                num_points=protocol["points"],
                span=100.0,
                shared_times=False,
                random_state=protocol["seed"] + first,
            ).dataset.readings
            columns = [
                readings.row_series() + first,
                np.round(readings.times / 1e9, 3),
                np.round(readings.values, 4),
            ]
            writer.write_table(pa.table(columns, schema=schema))


def measured(words: Sequence[object], **facts: Any) -> Run:
    """Run a command of the program; its seconds and the peak memory of its largest process.

    Args:
        words: What is typed behind the program.
        **facts: What the run is called.

    Raises:
        RuntimeError: If it fails.
    """
    command = [sys.executable, "-m", "latentode", *map(str, words)]
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}: {said[-2000:]}")
    return facts | {
        "wall_s": time.perf_counter() - began,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
    }


def _runs(chosen: Sequence[str], protocol: Mapping[str, Any], folder: Path) -> Iterator[Run]:
    log, parts, small, run = (folder / name for name in ("log.csv", "parts", "small.csv", "run"))
    size, count = log.stat().st_size / 1e9, protocol["parts"]
    made = measured(["partition", log, parts, "--parts", count], part="partition", what="partition")
    yield made | {"gigabytes": size, "workload": f"{count} parts"}
    if chosen == ["partition"]:
        return
    budget = [f"--set=train.max_epochs={protocol['epochs']}"]
    budget += [f"--set=train.steps_per_epoch={protocol['steps']}"]
    measured(["train", small, "--out", run, *budget])
    if "forecast" in chosen:
        yield from _forecasts(protocol, folder, run, parts)
    if "engines" in chosen:
        yield from _engines(protocol, folder, run, parts)
    if "training" in chosen:
        yield from _trainings(protocol, folder, parts, budget)


def _asked(run: Path, parts: Path, out: Path, protocol: Mapping[str, Any]) -> list[object]:
    return ["forecast", run, parts, "-o", out, "--samples", protocol["samples"]]


def _forecasts(protocol: Mapping[str, Any], folder: Path, run: Path, parts: Path) -> Iterator[Run]:
    """All parts by one and by two workers, and one part alone."""
    one = _first_parts(parts, folder / "one", 1)
    for what, source, workers in (("one part", one, 1), ("1", parts, 1), ("2", parts, 2)):
        out = folder / f"forecast-{len(what)}-{workers}"
        words = [*_asked(run, source, out, protocol), "--workers", workers]
        yield measured(words, part="forecast", what=what, workload=f"{protocol['series']:,} series")


def _first_parts(parts: Path, folder: Path, number: int) -> Path:
    """A folder of the first of some parts."""
    from latentode.scale import Parts, write_parts

    return write_parts(Parts.open(parts).whole(range(number)), folder, 1).folder


def _engines(protocol: Mapping[str, Any], folder: Path, run: Path, parts: Path) -> Iterator[Run]:
    """Two workers of the standard library, and two of Dask."""
    from distributed import LocalCluster

    for turn in range(2):
        words = _asked(run, parts, folder / f"workers-{turn}", protocol)
        yield measured([*words, "--workers", 2], part="engines", what="--workers 2")
        with LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster:
            words = _asked(run, parts, folder / f"dask-{turn}", protocol)
            words += ["--engine", "dask", "--address", cluster.scheduler_address]
            yield measured(words, part="engines", what="Dask, 2 workers")


def _trainings(
    protocol: Mapping[str, Any], folder: Path, parts: Path, budget: Sequence[str]
) -> Iterator[Run]:
    words = ["train", parts, "--out", folder / "from-parts", *budget]
    words += [f"--set=train.buffer_readings={protocol['buffer']}"]
    yield measured(words, part="training", what="from parts")


def figures(runs: Sequence[Run]) -> dict[str, float]:
    """What was asked for, as far as it was measured."""
    of = {(each["part"], each["what"]): each for each in runs}
    pairs = {
        "peak memory of all parts / one part": ("peak_mib", "forecast", "1", "one part"),
        "wall of two workers / one": ("wall_s", "forecast", "2", "1"),
        "wall of Dask / two workers": ("wall_s", "engines", "Dask, 2 workers", "--workers 2"),
    }
    found = {
        name: of[part, one][figure] / of[part, other][figure]
        for name, (figure, part, one, other) in pairs.items()
        if (part, one) in of and (part, other) in of
    }
    return found | {"MiB of the largest process": max(each["peak_mib"] for each in runs)}


def check(report: Report) -> list[str]:
    """Sentences about figures above their ceilings."""
    return [
        f"{name}: {number:.3g} is above {CEILINGS[name]:.3g}"
        for name, number in figures(report["runs"]).items()
        if number > CEILINGS[name]
    ]


def tables(report: Report) -> str:
    """The runs as a table."""
    header = ["part", "what", "wall s", "CPU s", "largest process, MiB"]
    rows = [
        [
            each["part"],
            each["what"],
            f"{each['wall_s']:.1f}",
            f"{each['cpu_s']:.1f}",
            f"{each['peak_mib']:.0f}",
        ]
        for each in report["runs"]
    ]
    return markdown_table(header, rows)
