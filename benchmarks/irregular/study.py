"""Rows of a benchmark: every setting, naive and trained, for every seed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks.frame import Options, Report, Run
from benchmarks.irregular import naive, peers, training
from benchmarks.irregular.task import SeriesTask
from benchmarks.irregular.windows import Floats, Scale, Windows
from latentode import metrics

Build = Callable[[int, Mapping[str, Any]], SeriesTask]
BUILDERS = {"LatentODE": training.latent_ode, "GRU-decay": training.gru_decay}
MODELS = ("naive", *BUILDERS, *peers.PEERS)


def run(settings: Mapping[str, Build], options: Options) -> list[Run]:
    """Score the chosen models on the chosen settings.

    Args:
        settings: What builds the task of a setting from a seed and the protocol, by name.
        options: What to run; ``--only`` takes settings and models.
    """
    runs: list[Run] = []
    for name in options.chosen(list(settings)):
        for seed in options.seeds:
            task = settings[name](seed, options.protocol)
            training_windows = task.draw(np.arange(task.train_size), np.random.default_rng(seed))
            scale = Scale.fit(training_windows, task.span / 4, dated=task.dated)
            for model in peers.present(options.chosen(list(MODELS))):
                if model == "naive":
                    draws = options.protocol["draws"]
                    runs += _naive_rows(task, scale, training_windows, seed, draws)
                elif model in peers.PEERS:
                    runs += _peer_rows(task, scale, model, seed, options.protocol["draws"])
                else:
                    runs += _trained_rows(task, scale, model, seed, options)
    return runs


def figure(report: Report, model: str, setting: str, metric: str) -> float:
    """Mean over seeds of a figure of a report; NaN where it was not measured."""
    wanted = (model, setting, metric)
    for row in report["rows"]:
        if (row["model"], row["setting"], row["metric"]) == wanted:
            return row["mean"]
    return float("nan")


def _naive_rows(
    task: SeriesTask, scale: Scale, training_windows: Windows, seed: int, num_draws: int
) -> list[Run]:
    rows = []
    spread = naive.Climatology.fit(training_windows)
    for setting, windows in task.tests.items():
        for name, answer in naive.predict(task, windows, scale.scaler.mean).items():
            rows += _rows(setting, name, seed, task.metrics(answer, windows), 0, 0.0)
        figures = score(spread.predict(windows, num_draws, seed), task, windows)
        rows += _rows(setting, naive.CLIMATOLOGY, seed, figures, 0, 0.0)
    return rows


def _trained_rows(
    task: SeriesTask, scale: Scale, name: str, seed: int, options: Options
) -> list[Run]:
    config = training.settings(options.protocol, task.name, task.train_size, seed, options.device)
    fitted = training.fit(
        task, scale, config, BUILDERS[name], lambda event: tell(f"{task.name}, {name}", event)
    )
    draws, rows = options.protocol["draws"], []
    for setting, windows in task.tests.items():
        parts = training.predict(fitted.model, windows, fitted.scale, draws, seed=seed, refine=True)
        figures = score(parts, task, windows)
        rows += _rows(setting, name, seed, figures, fitted.num_parameters, fitted.seconds)
    return rows


def _peer_rows(task: SeriesTask, scale: Scale, name: str, seed: int, num_draws: int) -> list[Run]:
    """Rows of means, as those of networks, and the errors of medians beside them."""
    fitted, rows = peers.OnWindows.fit(name, task, scale, seed), []
    for setting, windows in task.tests.items():
        cost = fitted.peer.num_parameters, fitted.seconds
        medians: list[Floats] = []
        parts = _noting(fitted.predict(windows, num_draws, seed), medians)
        rows += _rows(setting, name, seed, score(parts, task, windows), *cost)
        figures = task.metrics(np.concatenate(medians), windows)
        rows += _rows(setting, f"{name}, median", seed, figures, *cost)
    return peers.stamped(name, rows)


def _noting(
    parts: Iterable[training.Prediction], medians: list[Floats]
) -> Iterator[training.Prediction]:
    for part in parts:
        assert part.median is not None
        medians.append(part.median)
        yield part


def score(
    predictions: Iterable[training.Prediction], task: SeriesTask, windows: Windows
) -> dict[str, float]:
    """Metrics of test windows; CRPS and coverage of 90 % bands over held-out readings.

    Args:
        predictions: What a model says of them, some at a time.
        task: The task.
        windows: The windows, all of them.
    """
    means, crps, inside = [], [], []
    for part in predictions:
        asked = part.windows.asked(held_out=True)
        draws, values = part.draw()[:, asked], part.windows.targets[asked]
        low, high = metrics.central_interval(draws, 0.9)
        means.append(part.mean)
        crps.append(metrics.crps_from_draws(draws, values))
        inside.append((low <= values) & (values <= high))
    calibration = {
        "CRPS": float(np.concatenate(crps).mean()),
        "coverage 90": float(np.concatenate(inside).mean()),
    }
    return task.metrics(np.concatenate(means), windows) | calibration


def _rows(
    setting: str,
    model: str,
    seed: int,
    figures: Mapping[str, float],
    parameters: int,
    seconds: float,
) -> list[Run]:
    common = {
        "part": f"{setting}, {model}, seed {seed}",
        "model": model,
        "setting": setting,
        "seed": seed,
        "parameters": parameters,
        "train_seconds": seconds,
    }
    return [common | {"metric": name, "value": value} for name, value in figures.items()]


def tell(name: str, event: Mapping[str, Any]) -> None:
    """Epochs of a long run, on standard error."""
    if event["event"] == "epoch":
        scores = [
            f"{k} {v:.4g}"
            for k, v in event.items()
            if k.startswith(("train_loss", "M", "1 - AUC", "Brier"))
        ]
        sys.stderr.write(
            f"{name}: epoch {event['epoch']}/{event['total_epochs']}, {', '.join(scores)}, "
            f"{event['seconds']:.0f} s\n"
        )
        sys.stderr.flush()
