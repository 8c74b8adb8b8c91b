"""Task serve: forecasts over HTTP, asked by a process beside the server, one after another.

Every request holds a series as CSV, which is read anew, and takes the forecast as CSV. What a
forecast takes of a processor is counted in both processes of the server; on a machine that does
nothing else its inverse is the rate of one core.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.frame import Options, Report, Run, markdown_table
from benchmarks.speed_use import many_series

PROTOCOL: dict[str, Any] = {
    "requests": 300,
    "warm": 20,
    "steps": 100,
    "series": 200,
    "export": True,
}
SMOKE: dict[str, Any] = {"requests": 3, "warm": 1, "steps": 2, "series": 20, "export": False}
NAMES = ("short series", "pump station")
_ROOT = Path(__file__).resolve().parent.parent
_PUMP_ROWS = 100  # newest readings of the pump that is asked about
_SETTINGS = {
    "short series": ("--context", "48h", "--horizon", "12h"),
    "pump station": (),
}
_ASKED = {"short series": "/forecast?every=1h", "pump station": "/forecast"}


def names(_protocol: Mapping[str, Any]) -> list[str]:
    """Logs."""
    return list(NAMES)


def run(options: Options) -> Report:
    """Train a model of each log, serve it with torch and as a file, and ask it."""
    runs: list[Run] = []
    for name in options.chosen(NAMES):
        with tempfile.TemporaryDirectory(prefix="serve-") as folder:
            runs += _of_log(name, options.protocol, Path(folder))
    return {"runs": runs}


def _of_log(name: str, protocol: Mapping[str, Any], folder: Path) -> Iterator[Run]:
    log, asked, model = folder / "log.csv", folder / "asked.csv", folder / "run"
    frame = _log(name, protocol["series"])
    frame.to_csv(log, index=False)
    first = frame.iloc[:, 0] if name == "short series" else frame["sensor_id"]
    series = frame[first == first.iloc[-1]].tail(_PUMP_ROWS)
    series.to_csv(asked, index=False)
    steps = ("--epochs", "1", "--set", f"train.steps_per_epoch={protocol['steps']}")
    _program("train", log, "--out", model, "--no-report", "--no-refit", *steps, *_SETTINGS[name])
    models = {"torch": model}
    if protocol["export"]:
        models["onnx"] = folder / "model.onnx"
        _program("export", model, models["onnx"])
    for runtime, path in models.items():
        head = {"part": name, "model": runtime, "readings": len(series)}
        yield head | _asked(path, _ASKED[name], asked, protocol)


def _log(name: str, series: int) -> pd.DataFrame:
    if name == "short series":
        return many_series(series)
    return pd.read_csv(_ROOT / "datasets" / "pump_station.csv", dtype=str)


def _program(*words: object) -> None:
    sys.stderr.write(f"{' '.join(map(str, words[:2]))}\n")
    command = [sys.executable, str(_ROOT / "cli.py"), "-q", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _asked(model: Path, path: str, log: Path, protocol: Mapping[str, Any]) -> Run:
    with _served(model) as (process, port):
        _load(port, path, log, protocol["warm"])
        before = _cpu_seconds(process)
        found = _load(port, path, log, protocol["requests"])
        cpu = 1e3 * (_cpu_seconds(process) - before) / protocol["requests"]
    return {**found, "cpu_ms": cpu, "per_core_second": 1e3 / cpu}


@contextmanager
def _served(model: Path) -> Iterator[tuple[int, int]]:
    words = [sys.executable, str(_ROOT / "cli.py"), "serve", str(model), "--port", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if match := re.search(r"serving .*:(\d+)/", line):
                    yield process.pid, int(match[1])
                    return
            raise SystemExit(f"{model} is not served")
        finally:
            process.terminate()


def _load(port: int, path: str, log: Path, number: int) -> dict[str, float]:
    words = [sys.executable, "-m", "benchmarks.serve_load", str(port), path, str(log), str(number)]
    done = subprocess.run(words, check=True, capture_output=True, text=True, cwd=_ROOT)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _cpu_seconds(process: int) -> float:
    """Processor time of a process and of those that it started, on Linux."""
    total = 0.0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "stat").read_text()
        except OSError:
            continue  # it has ended
        fields = text.rpartition(")")[2].split()
        if int(entry.name) == process or int(fields[1]) == process:
            total += sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
    return total


def tables(report: Report) -> str:
    """Every log by runtime."""
    head = ["", "by", "median ms", "p99 ms", "a second", "CPU ms each", "a second of a free core"]
    rows = [
        [
            each["part"],
            each["model"],
            f"{each['median_ms']:.1f}",
            f"{each['p99_ms']:.1f}",
            f"{each['per_second']:.0f}",
            f"{each['cpu_ms']:.1f}",
            f"{each['per_core_second']:.0f}",
        ]
        for each in report["rows"]
    ]
    return (
        "A series as CSV there, its forecast by 200 sample paths as CSV back, one request after "
        "another on one connection, of a server with one thread.\n\n" + markdown_table(head, rows)
    )
