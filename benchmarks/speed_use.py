"""Task speed-use: what users wait for, beside earlier builds of the package.

``--only`` takes logs. Earlier builds are commits (``--set 'before=["8b36431"]'``), which are
checked out beside this one for the run; each fits and asks a model of its own.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.data.logs import LOGS
from benchmarks.frame import Options, Report, Run, below_floors, markdown_table
from benchmarks.use.builds import OURS, JobFailedError, checked_out, done

PROTOCOL: dict[str, Any] = {
    "before": ["8b36431", "c0aa75e"],
    "fit": {},
    "steps": [5, 30],
    "windows": 400,
    "rounds": 3,
    "series": 2000,
}
SMOKE: dict[str, Any] = {
    "before": [],
    "fit": {"train.max_epochs": 1, "train.steps_per_epoch": 2, "train.batch_size": 8},
    "steps": [1, 2],
    "windows": 5,
    "rounds": 1,
    "series": 20,
}
MANY = "many short series"
NAMES = ("pump-station", "air-quality", "room-climate", MANY)
ASKED = ("forecast", "interpolate", "evaluate", "score")
_ROWS = 50  # of a short series
_NEAR = 1.01  # of the best validation CRPS: where a training might have ended
_SHOWN = 12  # parts of a table of where time goes

#: Least ratio of the CPU time of the first earlier build to that of this one.
FLOORS = {
    f"{name}: {what}": floor
    for name in NAMES
    for what, floor in (
        ("training step", 2.0),
        ("fit to 1 % of the best validation CRPS", 2.0),
        ("forecast", 4.0),
        ("interpolate", 4.0),
        ("evaluate", 6.0),
        ("evaluate, peak memory", 1.0),
    )
}


def names(_protocol: Mapping[str, Any]) -> list[str]:
    """Logs."""
    return list(NAMES)


def run(options: Options) -> Report:
    """Fit and ask a model of every log with every build, in turn."""
    runs: list[Run] = []
    with checked_out(options.protocol["before"]) as builds:
        for name in options.chosen(NAMES):
            with tempfile.TemporaryDirectory(prefix="speed-use-") as folder:
                runs += _of_log(name, builds, options, Path(folder))
    return {"runs": runs}


def many_series(count: int) -> pd.DataFrame:
    """Sines with noise, each at times of its own."""
    generator = np.random.default_rng(0)
    hours = np.sort(generator.uniform(0.0, 50.0, (count, _ROWS)), axis=1)
    phase = generator.uniform(0.0, 6.0, (count, 1))
    values = np.sin(hours + phase) + generator.normal(0.0, 0.1, hours.shape)
    times = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(hours.ravel(), unit="h")
    names = np.repeat([f"s{number:06d}" for number in range(count)], _ROWS)
    return pd.DataFrame({"id": names, "time": times.floor("ms"), "value": values.ravel()})


def _of_log(name: str, builds: Mapping[str, Path], options: Options, folder: Path) -> Iterator[Run]:
    protocol, settings = options.protocol, {} if name == MANY else dict(LOGS[name].settings)
    log = folder / "log.parquet"
    frame = many_series(protocol["series"]) if name == MANY else LOGS[name].read(0)
    frame.to_parquet(log)
    common: dict[str, Any] = {
        "log": str(log),
        "threads": options.threads,
        "windows": protocol["windows"],
        "grid": {"every": "1h"} if name == MANY else {},
        "profile": False,
    }
    short = {"train.max_epochs": 1, "train.max_time": None}
    for build, path in builds.items():
        model = str(folder / build)
        jobs: dict[str, dict[str, Any]] = {
            f"fit of {steps} steps": settings | short | {"train.steps_per_epoch": steps}
            for steps in protocol["steps"]
        }
        jobs["fit"] = settings | {"train.max_time": None} | protocol["fit"]
        for what, chosen in jobs.items():
            fit = {"ask": "fit", "model": model, "settings": chosen}
            yield _run(name, what, build, common | fit, path)
    for _ in range(protocol["rounds"]):
        for what in ASKED:
            for build, path in builds.items():
                asked = common | {"ask": what, "model": str(folder / build)}
                yield _run(name, what, build, asked, path)
    profile = common | {"ask": "evaluate", "model": str(folder / OURS), "profile": True}
    yield _run(name, "evaluate by part", OURS, profile, builds[OURS])


def _run(name: str, what: str, build: str, job: Mapping[str, Any], path: Path) -> Run:
    sys.stderr.write(f"{name}, {what}, {build}\n")
    head = {"part": name, "model": build, "setting": what}
    try:
        return head | done(job, path)
    except JobFailedError as error:
        return head | {"error": str(error)}


def summarise(runs: Sequence[Run]) -> list[Run]:
    """One row for each log, build and thing: least CPU time and most memory of its rounds."""
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for each in runs:
        if "error" not in each and "cpu_s" in each:
            groups.setdefault((each["part"], each["setting"], each["model"]), []).append(each)
    rows = []
    for (part, what, build), members in groups.items():
        figures = {
            "cpu_s": min(each["cpu_s"] for each in members),
            "peak_mib": max(each["peak_mib"] for each in members),
        }
        rows.append({"part": part, "setting": what, "model": build, **figures})
        if what == "fit":
            near = figures | {"cpu_s": _seconds_to_near(members[0]["epochs"])}
            rows.append({**rows[-1], **near, "setting": "fit to 1 % of the best validation CRPS"})
    return [*rows, *_steps(rows)]


def _seconds_to_near(epochs: Sequence[tuple[float, float | None]]) -> float:
    """CPU seconds until the validation CRPS is near its best."""
    scores = [(seconds, score) for seconds, score in epochs if score is not None]
    best = min(score for _, score in scores)
    return next(seconds for seconds, score in scores if score <= _NEAR * best)


def _steps(rows: Sequence[Run]) -> list[Run]:
    """A training step of each log and build: what the longer of two short fits takes more."""
    short: dict[tuple[str, str], dict[int, Run]] = {}
    for row in rows:
        if row["setting"].startswith("fit of"):
            steps = int(row["setting"].split()[2])
            short.setdefault((row["part"], row["model"]), {})[steps] = row
    found = []
    for (part, build), fits in short.items():
        if len(fits) > 1:
            low, high = min(fits), max(fits)
            each = (fits[high]["cpu_s"] - fits[low]["cpu_s"]) / (high - low)
            facts = {"cpu_s": each, "peak_mib": fits[high]["peak_mib"]}
            found.append({"part": part, "setting": "training step", "model": build, **facts})
    return found


def ratios(report: Report) -> dict[str, float]:
    """What the first earlier build takes over what this one takes."""
    before = next(iter(report["protocol"]["before"]), None)
    rows = {(row["part"], row["setting"], row["model"]): row for row in report["rows"]}
    found = {}
    for (part, what, build), ours in rows.items():
        theirs = rows.get((part, what, before or ""))
        if build == OURS and theirs is not None:
            found[f"{part}: {what}"] = theirs["cpu_s"] / ours["cpu_s"]
            found[f"{part}: {what}, peak memory"] = theirs["peak_mib"] / ours["peak_mib"]
    return found


def check(report: Report) -> list[str]:
    """Floors that were missed, of the logs that were measured."""
    measured = {run["part"] for run in report["runs"]}
    floors = {key: floor for key, floor in FLOORS.items() if key.partition(":")[0] in measured}
    return below_floors(ratios(report), floors)


def tables(report: Report) -> str:
    """Every log, where the time of `evaluate` goes, and the ratios with their floors."""
    builds = [OURS, *report["protocol"]["before"]]
    parts = [_explanation(report)]
    for name in NAMES:
        rows = [row for row in report["rows"] if row["part"] == name]
        if rows:
            parts.append(f"### {name.capitalize()}\n\n{_table(rows, builds)}")
        parts += [
            f"Where `evaluate` spends its time: {_shares(each['parts'])}.\n"
            for each in report["runs"]
            if each["part"] == name and "parts" in each
        ]
    missing = [each for each in report["runs"] if "error" in each]
    parts += [
        f"Not measured: {each['part']}, {each['setting']}, {each['model']}: {each['error']}\n"
        for each in missing
    ]
    rows = [(key, value, FLOORS.get(key)) for key, value in ratios(report).items()]
    parts.append("### Ratios\n\n" + markdown_table(("before / ours", "measured", "at least"), rows))
    return "\n".join(parts)


def _explanation(report: Report) -> str:
    protocol = report["protocol"]
    return (
        "## Speed of use\n\n"
        "CPU seconds of one thread and the most resident memory of a process of its own for each "
        f"figure; the least and the most of {protocol['rounds']} rounds, builds in turn. Every "
        f"build fits and asks a model of its own, with the defaults{_but_for(protocol['fit'])}. "
        "The last column of the ratios is what was asked for. A training step is what a fit "
        f"of {max(protocol['steps'])} steps takes more than one of {min(protocol['steps'])}, a "
        f"step. `forecast`, `interpolate` and `score` have 200 draws and answer for all series, "
        f"`evaluate` has at most {protocol['windows']} origins. Short series: "
        f"{protocol['series']:,} of {_ROWS} readings.\n"
    )


def _but_for(settings: Mapping[str, Any]) -> str:
    told = ", ".join(f"{name} = {value}" for name, value in settings.items())
    return f", but for {told}" if told else ""


def _table(rows: Sequence[Run], builds: Sequence[str]) -> str:
    """A line for each thing; CPU and memory of each build."""
    cells = {(row["setting"], row["model"]): row for row in rows}
    lines = []
    for what in dict.fromkeys(row["setting"] for row in rows):
        figures = [cells.get((what, build), {}) for build in builds]
        lines.append([what, *(each.get(key) for key in ("cpu_s", "peak_mib") for each in figures)])
    header = ["", *(f"{build}, CPU s" for build in builds), *(f"{each}, MiB" for each in builds)]
    return markdown_table(header, lines)


def _shares(parts: Mapping[str, float]) -> str:
    shown = list(parts.items())[:_SHOWN]
    return ", ".join(f"{part} {100 * share:.0f} %" for part, share in shown)
