"""Event models against simulated truths, quakes, badges and coal-mine disasters.

Protocol: five simulated sets (48 sequences to train, the last 16 to test, full windows); the first
2,400 users of StackOverflow to train and the last 600 to test; report times of 180 nodes of a
sensor log to train and 60 to test; San Jacinto quakes and coal-mine disasters split in time at
80 %, where models see the whole past of what they score.

Everything is
nats per event on the test part: absolute ones ("nll", for events per the unit named in the
setting), and gained over the homogeneous process fitted to the training part ("gain", free of
units). "ks_p" is the p-value of time rescaling on the concatenated test part.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from latentode.config import NS_PER_UNIT, DataConfig
from latentode.data.dataset import Clock
from latentode.data.event_frame import read_events
from latentode.data.events import EventStreams
from latentode.event_baselines import (
    HawkesProcess,
    HomogeneousProcess,
    RenewalProcess,
    SelfCorrectingProcess,
)
from latentode.event_model import HistoryFreeProcess
from latentode.point_process import diagnostics
from latentode.training.event_fitting import (
    EventFitting,
    fit_events,
    new_jump_process,
    score_streams,
    typical_gap,
)

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
F64 = torch.float64
PROTOCOL = __doc__.partition("Protocol: ")[2] if __doc__ else ""
MODELS = ("history-free", "jump", "Hawkes", "log-normal mixture")
SIMULATED = ("poisson", "hawkes1", "hawkes2", "self_correcting", "renewal")


@dataclass(frozen=True)
class Task:
    """Training and test part of a data set, and its unit of time."""

    name: str
    train: EventStreams
    test: EventStreams
    unit: str
    jump_steps: int
    truth: Any = None

    @property
    def unit_ns(self) -> int:
        """Nanoseconds in the unit."""
        return NS_PER_UNIT[self.unit]


def run(options: Any) -> dict[str, Any]:
    """Fit and score all models on all tasks.

    Args:
        options: `seeds` (of the neural models), `smoke`, and `only`, names of tasks or models.
    """
    only = set(getattr(options, "only", ()) or ())
    rows: list[dict[str, Any]] = []
    for name, make in TASKS.items():
        if only & set(TASKS) and name not in only:
            continue
        task = make()
        if options.smoke:
            task = _smaller(task)
        wanted = [m for m in MODELS if not only & set(MODELS) or m in only]
        rows += _rows_of(task, wanted, list(options.seeds), bool(options.smoke))
    return {"task": "point-processes", "protocol": PROTOCOL, "rows": rows}


def tables(report: dict[str, Any]) -> str:
    """The report as Markdown: one table a metric, a row a setting, a column a model."""
    parts = []
    for metric in ("gain", "nll", "ks_p", "train_seconds"):
        rows = [row for row in report["rows"] if row["metric"] in (metric, "gain")]
        models = list(dict.fromkeys(row["model"] for row in rows))
        settings = list(dict.fromkeys(row["setting"] for row in rows))
        head = f"| {metric} | " + " | ".join(models) + " |"
        lines = [head, "|" + " --- |" * (len(models) + 1)]
        for setting in settings:
            cells = [_cell(report["rows"], model, setting, metric) for model in models]
            lines.append(f"| {setting} | " + " | ".join(cells) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _cell(rows: list[dict[str, Any]], model: str, setting: str, metric: str) -> str:
    wanted = "gain" if metric == "train_seconds" else metric
    for row in rows:
        if (row["model"], row["setting"], row["metric"]) == (model, setting, wanted):
            if metric == "train_seconds":
                return f"{row['train_seconds']:.0f}"
            spread = f" ± {row['std']:.4f}" if row["seeds"] > 1 else ""
            return f"{row['mean']:.4f}{spread}"
    return ""


def _rows_of(task: Task, models: list[str], seeds: list[int], smoke: bool) -> list[dict[str, Any]]:
    homogeneous = HomogeneousProcess(torch.from_numpy(task.train.rates(task.unit_ns)))
    base = _figures(homogeneous, task)
    found = _row_set(task, "homogeneous", [base], base, homogeneous, 0.0)
    if task.truth is not None:
        found += _row_set(task, "truth", [_figures(task.truth, task)], base, task.truth, 0.0)
    for name in models:
        fitted = []
        for seed in seeds if name in ("jump", "history-free") else seeds[:1]:
            torch.manual_seed(seed)
            started = time.process_time()
            model = BUILDERS[name](task, seed, smoke)
            seconds = time.process_time() - started
            fitted.append((_figures(model, task), model, seconds))
        figures = [f for f, _, _ in fitted]
        seconds = float(np.mean([s for _, _, s in fitted]))
        found += _row_set(task, name, figures, base, fitted[0][1], seconds)
    return found


def _figures(model: Any, task: Task) -> dict[str, float]:
    """Nats and p-value on the test part."""
    scores, events = score_streams(model, task.test, task.unit_ns)
    test = diagnostics.time_rescaling(diagnostics.rescale(scores, events))
    count = max(1, task.test.num_scored)
    return {"nll": -float(scores.log_prob().sum()) / count, "ks_p": test.p_value}


def _row_set(
    task: Task,
    name: str,
    figures: list[dict[str, float]],
    base: dict[str, float],
    model: torch.nn.Module,
    seconds: float,
) -> list[dict[str, Any]]:
    values = {
        "nll": [f["nll"] for f in figures],
        "gain": [base["nll"] - f["nll"] for f in figures],
        "ks_p": [f["ks_p"] for f in figures],
    }
    return [
        {
            "model": name,
            "setting": f"{task.name} ({task.unit})",
            "metric": metric,
            "mean": float(np.mean(got)),
            "std": float(np.std(got)),
            "seeds": len(got),
            "parameters": sum(p.numel() for p in model.parameters()),
            "train_seconds": seconds,
        }
        for metric, got in values.items()
    ]


def _jump(task: Task, seed: int, smoke: bool) -> torch.nn.Module:
    model = new_jump_process(task.train, task.unit_ns)
    steps = 4 if smoke else task.jump_steps
    fit_events(model, task.train, task.unit_ns, EventFitting(steps=steps, lr=1e-2, seed=seed))
    return model


def _history_free(task: Task, seed: int, smoke: bool) -> torch.nn.Module:
    span = float(task.train.exposure(task.unit_ns).max())
    model = HistoryFreeProcess(8, 32, torch.from_numpy(task.train.rates(task.unit_ns)), span)
    fitting = EventFitting(steps=4 if smoke else 150, lr=5e-3, batch=16, seed=seed)
    fit_events(model, task.train, task.unit_ns, fitting)
    return model


def _hawkes(task: Task, seed: int, smoke: bool) -> torch.nn.Module:
    rates = torch.from_numpy(task.train.rates(task.unit_ns))
    decay = rates.sum() * torch.tensor([0.3, 5.0], dtype=F64)
    return _baseline(HawkesProcess(rates, decay), task, seed, smoke)


def _renewal(task: Task, seed: int, smoke: bool) -> torch.nn.Module:
    rates = torch.from_numpy(task.train.rates(task.unit_ns))
    gap = typical_gap(task.train, task.unit_ns)
    return _baseline(RenewalProcess(rates, gap), task, seed, smoke)


def _baseline(model: torch.nn.Module, task: Task, seed: int, smoke: bool) -> torch.nn.Module:
    fitting = EventFitting(
        steps=4 if smoke else 200, lr=0.05, batch=64, weight_decay=0.0, seed=seed
    )
    fit_events(model, task.train, task.unit_ns, fitting)
    return model


BUILDERS: dict[str, Callable[[Task, int, bool], torch.nn.Module]] = {
    "history-free": _history_free,
    "jump": _jump,
    "Hawkes": _hawkes,
    "log-normal mixture": _renewal,
}


def _smaller(task: Task) -> Task:
    few = [range(min(4, part.num_series)) for part in (task.train, task.test)]
    train, test = task.train.select(few[0]), task.test.select(few[1])
    if train.num_series == 1 and train.num_scored > 500:
        edge = int(train.times[300])
        train, test = train.between(0, edge), train.between(edge + 1, int(train.times[400]))
    return Task(task.name, train, test, task.unit, task.jump_steps, task.truth)


def _truths() -> dict[str, torch.nn.Module]:
    """What the simulated sets were drawn from (MATHS.md, oracle table)."""
    sd = math.sqrt(math.log(37.0))

    def hawkes(alpha: list[float], beta: list[float]) -> HawkesProcess:
        branching = torch.tensor([[[a] for a in alpha]], dtype=F64)
        return HawkesProcess.of(
            torch.tensor([0.2], dtype=F64), branching, torch.tensor(beta, dtype=F64)
        )

    return {
        "poisson": HomogeneousProcess(torch.ones(1, dtype=F64)),
        "hawkes1": hawkes([0.8], [1.0]),
        "hawkes2": hawkes([0.4, 0.4], [1.0, 20.0]),
        "self_correcting": SelfCorrectingProcess.of(0.0, 1.0, 1.0),
        "renewal": RenewalProcess.of(-(sd**2) / 2, sd),
    }


def simulated(name: str) -> Task:
    """One of the five sets of 64 sequences with 1,024 events."""
    arrivals = np.load(DATA / "point_processes" / f"{name}.npz")["arrival_times"]
    times = np.rint(arrivals * NS_PER_UNIT["s"]).astype(np.int64)
    count, length = times.shape
    streams = EventStreams.build(
        np.repeat(np.arange(count), length),
        times.ravel(),
        np.zeros(times.size, np.int64),
        series_ids=[str(i) for i in range(count)],
        mark_names=["event"],
        windows=np.stack([np.zeros(count, np.int64), times[:, -1]], axis=1),
        clock=Clock("elapsed", None, "s"),
    ).spread_ties()
    train, test = streams.select(range(48)), streams.select(range(48, 64))
    return Task(name, train, test, "s", 80 if name == "poisson" else 400, _truths()[name])


def stackoverflow() -> Task:
    """Badges of 3,000 users in 22 kinds over two years."""
    frame = pd.read_csv(DATA / "stackoverflow_badges.csv.gz")
    config = DataConfig.model_validate({"time": {"unit": "d"}})
    users = sorted(frame["series"].unique())
    windows = pd.DataFrame({"id": users, "start": 0.0, "end": 731.0})
    streams = read_events(frame, config, windows=windows).spread_ties()
    return Task(
        "stackoverflow", streams.select(range(2400)), streams.select(range(2400, 3000)), "d", 420
    )


def quakes() -> Task:
    """One catalogue of ten years, split in time; magnitudes are not used."""
    frame = pd.read_csv(DATA / "earthquakes_sanjac.csv.gz")[["series", "time"]]
    config = DataConfig.model_validate({"time": {"unit": "d"}})
    windows = pd.DataFrame({"id": ["sanjac"], "start": 0.0, "end": float(frame["time"].max())})
    return _split_in_time("quakes", read_events(frame, config, windows=windows).spread_ties(), 280)


def coal() -> Task:
    """Coal-mine disasters, 1851 to 1962, in days since 1851."""
    dates = pd.read_csv(DATA / "point_processes" / "coal_disasters.csv")["date"]
    frame = pd.DataFrame({"series": "coal", "time": (dates - 1851.0) * 365.25})
    config = DataConfig.model_validate({"time": {"unit": "d"}})
    windows = pd.DataFrame({"id": ["coal"], "start": 0.0, "end": 112.0 * 365.25})
    return _split_in_time("coal", read_events(frame, config, windows=windows).spread_ties(), 60)


def report_times() -> Task:
    """When 240 wireless nodes report: regular, with jitter and drop-outs; 180 nodes to train.

    A window ends with the last report of any node of the same room.
    """
    frame = pd.read_parquet(DATA / "room_climate_A.parquet", columns=["series", "time"])
    last = frame.groupby("series", observed=True)["time"].max()
    room = last.groupby(last.index.astype(str).str.split("-").str[0]).transform("max")
    windows = pd.DataFrame({"id": last.index.astype(str), "start": 0.0, "end": room.to_numpy()})
    config = DataConfig.model_validate({"time": {"unit": "s"}})
    streams = read_events(frame, config, windows=windows).spread_ties()
    return Task(
        "report_times", streams.select(range(180)), streams.select(range(180, 240)), "s", 480
    )


def _split_in_time(name: str, streams: EventStreams, steps: int) -> Task:
    start, end = streams.windows[0, 0].tolist()
    edge = start + round(0.8 * (end - start))
    train, test = streams.between(start, edge), streams.between(edge + 1, end)
    return Task(name, train, test, "d", steps)


TASKS: dict[str, Callable[[], Task]] = {
    **{name: (lambda name=name: simulated(name)) for name in SIMULATED},
    "stackoverflow": stackoverflow,
    "quakes": quakes,
    "report_times": report_times,
    "coal": coal,
}
