"""Task point-processes: event models on simulated truths, badges, quakes and disasters.

Five simulated sets (48 sequences to train, the last 16 to test, full windows); the first 2,400
users of StackOverflow to train and the last 600 to test; report times of 180 nodes of a sensor log
to train and 60 to test; San Jacinto quakes and coal-mine disasters split in time at 80 %, where
models see the whole past of what they score.

Nats per event on the test part: absolute ones ("nll", for events per the unit named in the
setting), and gained over the homogeneous process fitted to the training part ("gain", free of
units). Among the report times, four of the nodes that are tested report every 0.7 s or so, and all
that are trained on every 4 s; "jump alone" is the jump model without its share of the rate that a
stream has had of late. "ks_p" is the p-value of time rescaling on the concatenated test part.
Many events ahead: "otd" of the next ten, in mean gaps (less is better), and "t_map" of those within
ten mean gaps (more is better), beside the naive forecasts of HoTPP; see
`latentode.evaluation.long_horizon`.
``--only`` takes data sets and models.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.frame import Options, Report, Run, accuracy_rows, markdown_table
from latentode.config import DataConfig
from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Clock
from latentode.data.events import EventStreams
from latentode.data.reading.events import read_events
from latentode.evaluation.long_horizon import long_horizon_scores
from latentode.models.point_processes import (
    HawkesProcess,
    HistoryFreeProcess,
    HomogeneousProcess,
    JumpProcess,
    RenewalProcess,
    SelfCorrectingProcess,
    goodness_of_fit,
)
from latentode.training.events.fit import (
    EventFitting,
    fit_events,
    new_jump_process,
    typical_gap,
)
from latentode.training.events.scoring import score_streams

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
F64 = torch.float64
PROTOCOL: dict[str, Any] = {"series": None, "steps": None}
SMOKE: dict[str, Any] = {"series": 4, "steps": 4}
MOMENTS = {None: 100, 4: 4}  # that are foretold from, by the series of the protocol
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


def names(_protocol: Mapping[str, Any]) -> list[str]:
    """Data sets and models."""
    return [*TASKS, *MODELS]


def run(options: Options) -> Report:
    """Fit and score the chosen models on the chosen data sets."""
    runs = []
    for name in options.chosen(list(TASKS)):
        task = TASKS[name]()
        if options.protocol["series"] is not None:
            task = _smaller(task, options.protocol["series"])
        runs += _runs_of(task, options)
    return {"runs": runs}


def summarise(runs: list[Run]) -> list[Run]:
    """Mean and standard deviation over seeds."""
    return accuracy_rows(runs)


def check(report: Report) -> list[str]:
    """The jump model is within 0.02 nat of the truth where the truth is known."""
    mean = {
        (row["model"], row["setting"]): row["mean"]
        for row in report["rows"]
        if row["metric"] == "nll"
    }
    return [
        f"{setting}: expected the jump model within 0.02 nat of {truth:.4f}, got "
        f"{mean['jump', setting]:.4f}."
        for (model, setting), truth in mean.items()
        if model == "truth" and mean.get(("jump", setting), truth) > truth + 0.02
    ]


def tables(report: Report) -> str:
    """The report as Markdown: a section a metric, a row a data set, a column a model."""
    parts = ["## Point processes\n"]
    models = list(dict.fromkeys(row["model"] for row in report["rows"]))
    settings = list(dict.fromkeys(row["setting"] for row in report["rows"]))
    for metric in ("gain", "nll", "ks_p", "otd", "t_map"):
        cells = {
            (row["setting"], row["model"]): f"{row['mean']:.4f}"
            + (f" ± {row['std']:.4f}" if row["std"] is not None else "")
            for row in report["rows"]
            if row["metric"] == metric
        }
        if not cells:
            continue
        rows = [[name, *(cells.get((name, model)) for model in models)] for name in settings]
        parts.append(markdown_table((metric, *models), rows))
    seconds = {(row["setting"], row["model"]): row["train_seconds"] for row in report["rows"]}
    rows = [[name, *(seconds.get((name, model)) for model in models)] for name in settings]
    parts.append(markdown_table(("CPU s of training", *models), rows))
    return "\n".join(parts)


def _runs_of(task: Task, options: Options) -> list[Run]:
    homogeneous = HomogeneousProcess(torch.from_numpy(task.train.rates(task.unit_ns)))
    base = _figures(homogeneous, task)
    runs = _runs(task, "homogeneous", options.seeds[0], homogeneous, base, base, 0.0)
    if task.truth is not None:
        figures = _figures(task.truth, task)
        runs += _runs(task, "truth", options.seeds[0], task.truth, figures, base, 0.0)
    for name in options.chosen(list(MODELS)):
        # the baselines start from the data, not from a seed
        for seed in options.seeds if name in ("jump", "history-free") else options.seeds[:1]:
            torch.manual_seed(seed)
            started = time.process_time()
            model = BUILDERS[name](task, seed, options.protocol["steps"])
            seconds = time.process_time() - started
            runs += _runs(task, name, seed, model, _figures(model, task), base, seconds)
            if isinstance(model, JumpProcess):
                runs += _ahead(task, seed, model, MOMENTS[options.protocol["series"]], seconds)
                model.share = None
                figures = _figures(model, task)
                runs += _runs(task, "jump alone", seed, model, figures, base, seconds)
    return runs


def _ahead(task: Task, seed: int, model: JumpProcess, most: int, seconds: float) -> list[Run]:
    """Scores of many events ahead; naive forecasts are rows of their own."""
    gap = 1 / float(task.train.rates(task.unit_ns).sum())
    scores = long_horizon_scores(model, task.test, task.unit_ns, gap, most=most, seed=seed)
    metrics = [metric for metric in ("otd", "t_map") if metric in scores]
    runs = []
    for name in scores.get("t_map", {}):
        values = {metric: scores[metric][name] for metric in metrics}
        known = {metric: value for metric, value in values.items() if value is not None}
        if name == "model":
            runs += _rows(task, "jump", seed, model, known, seconds)
        else:
            runs += _rows(task, name, seed, None, known, 0.0)
    return runs


def _figures(model: Any, task: Task) -> dict[str, float]:
    """Nats and p-value on the test part."""
    scores, events = score_streams(model, task.test, task.unit_ns)
    test = goodness_of_fit.time_rescaling(goodness_of_fit.rescale(scores, events))
    count = max(1, task.test.num_scored)
    return {"nll": -float(scores.log_prob().sum()) / count, "ks_p": test.p_value}


def _runs(
    task: Task,
    name: str,
    seed: int,
    model: torch.nn.Module,
    figures: dict[str, float],
    base: dict[str, float],
    seconds: float,
) -> list[Run]:
    values = figures | {"gain": base["nll"] - figures["nll"]}
    return _rows(task, name, seed, model, values, seconds)


def _rows(
    task: Task,
    name: str,
    seed: int,
    model: torch.nn.Module | None,
    values: dict[str, float],
    seconds: float,
) -> list[Run]:
    common = {
        "part": f"{task.name}, {name}, seed {seed}",
        "model": name,
        "setting": f"{task.name} ({task.unit})",
        "seed": seed,
        "parameters": sum(p.numel() for p in model.parameters()) if model else 0,
        "train_seconds": seconds,
    }
    return [common | {"metric": metric, "value": value} for metric, value in values.items()]


def _jump(task: Task, seed: int, most_steps: int | None) -> torch.nn.Module:
    model = new_jump_process(task.train, task.unit_ns)
    steps = most_steps or task.jump_steps
    fit_events(model, task.train, task.unit_ns, EventFitting(steps=steps, lr=1e-2, seed=seed))
    return model


def _history_free(task: Task, seed: int, most_steps: int | None) -> torch.nn.Module:
    span = float(task.train.exposure(task.unit_ns).max())
    model = HistoryFreeProcess(8, 32, torch.from_numpy(task.train.rates(task.unit_ns)), span)
    fitting = EventFitting(steps=most_steps or 150, lr=5e-3, batch=16, seed=seed)
    fit_events(model, task.train, task.unit_ns, fitting)
    return model


def _hawkes(task: Task, seed: int, most_steps: int | None) -> torch.nn.Module:
    rates = torch.from_numpy(task.train.rates(task.unit_ns))
    decay = rates.sum() * torch.tensor([0.3, 5.0], dtype=F64)
    return _baseline(HawkesProcess(rates, decay), task, seed, most_steps)


def _renewal(task: Task, seed: int, most_steps: int | None) -> torch.nn.Module:
    rates = torch.from_numpy(task.train.rates(task.unit_ns))
    gap = typical_gap(task.train, task.unit_ns)
    return _baseline(RenewalProcess(rates, gap), task, seed, most_steps)


def _baseline(
    model: torch.nn.Module, task: Task, seed: int, most_steps: int | None
) -> torch.nn.Module:
    fitting = EventFitting(steps=most_steps or 200, lr=0.05, batch=64, weight_decay=0.0, seed=seed)
    fit_events(model, task.train, task.unit_ns, fitting)
    return model


BUILDERS: dict[str, Callable[[Task, int, int | None], torch.nn.Module]] = {
    "history-free": _history_free,
    "jump": _jump,
    "Hawkes": _hawkes,
    "log-normal mixture": _renewal,
}


def _smaller(task: Task, series: int) -> Task:
    few = [range(min(series, part.num_series)) for part in (task.train, task.test)]
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
    return Task(name, train, test, "s", 80 if name == "poisson" else 700, _truths()[name])


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
