"""Time and memory at the edges: `python -m benchmarks.limits` prints the table of docs/limits.md.

Every row is a process of its own with one thread; its CPU time and peak memory are what the system
counted, so that a busy machine changes neither by much.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
TRAIN = ("--set", "train.max_epochs=1", "--set", "train.steps_per_epoch=20", "--time-unit", "s")
IN_PROCESS = """
import resource, sys
import numpy as np, pandas as pd
from latentode import LatentODE
model = LatentODE.load(sys.argv[1] + "/model")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
if sys.argv[2] == "forecasts":
    for number in range(200):
        model.forecast(num_draws=50)
        if number in (9, 199):
            print(f"{peak():.0f}")
else:
    table = pd.read_csv(sys.argv[3])
    last = table["time"].max()
    for number in range(1440):
        row = table.iloc[[number % len(table)]].assign(time=last + 60.0 * (number + 1))
        model = model.append(row)
        if number in (9, 1439):
            print(f"{peak():.0f}")
"""


def write_log(path: Path, series: int, times: int, channels: int) -> None:
    """Sines with noise: a row each minute in every series."""
    random = np.random.default_rng(0)
    place = np.tile(np.arange(times, dtype=float), series)
    phase = np.repeat(random.uniform(0, 6, series), times)
    values = {
        f"c{number}": np.sin(place / 50 + phase + number) + 0.1 * random.standard_normal(len(place))
        for number in range(channels)
    }
    names = np.repeat([f"s{number:06d}" for number in range(series)], times)
    table = pd.DataFrame({"id": names, "time": 60 * place, **values})
    table.round(3).to_csv(path, index=False)


def written(*arguments: object) -> None:
    """Write a log in a process of its own: a child's peak of memory begins with its parent's."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(write_log, *arguments).result()


def measured(*words: object) -> tuple[str, float, float]:
    """What a process wrote, its seconds of CPU, and MiB at its peak."""
    command = [sys.executable, *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "LATENTODE_MAX_MEMORY": "20GB"}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise click.ClickException(f"{words} ended with status {status}")
    return output, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def rows(folder: Path) -> Iterator[tuple[str, str, float, float]]:
    """(log, command, seconds of CPU, MiB) of every edge."""
    edges = {  # series, times and channels, options, and whether it is trained on
        "5,000 channels, 100 rows": (1, 100, 5_000, ("--max-channels", "5000"), False),
        "5,000,000 rows, 50 series": (50, 100_000, 1, (), True),
        "one series of 1,000,000 readings": (1, 1_000_000, 1, (), True),
        "100,000 series of 3 readings": (100_000, 3, 1, (), True),
    }
    for number, (name, (*sizes, options, trains)) in enumerate(edges.items()):
        log, run = folder / f"{number}.csv", folder / f"run-{number}"
        written(log, *sizes)
        commands: dict[str, tuple[object, ...]] = {
            "inspect": ("inspect", log, "--time-unit", "s", *options)
        }
        if trains:
            commands["train, 20 steps"] = ("train", log, *TRAIN, *options, "--out", run)
            commands["forecast, 20 draws"] = ("forecast", run, "--samples", 20)
        for what, words in commands.items():
            yield name, what, *measured("cli.py", *words)[1:]
        log.unlink()
    log, run = folder / "small.csv", folder / "small"
    written(log, 4, 2_000, 1)
    measured("cli.py", "train", log, *TRAIN, "--out", run)
    for what, words in {
        "200 forecasts of 50 draws in one process": ("forecasts",),
        "1,440 calls of append in one process, a row each": ("append", log),
    }.items():
        output, seconds, peak = measured("-c", IN_PROCESS, run, *words)
        first, last = output.split()
        yield (
            "4 series of 2,000 readings",
            f"{what} ({first} MiB after 10, {last} in the end)",
            seconds,
            peak,
        )


@click.command(help=__doc__)
def main() -> None:
    """Measure and print."""
    click.echo("| log | what | CPU s | peak MiB |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        for log, what, seconds, peak in rows(Path(name)):
            click.echo(f"| {log} | {what} | {seconds:.1f} | {peak:,.0f} |")


if __name__ == "__main__":
    main()
