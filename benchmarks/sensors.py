"""Task sensors: seven logs as users have them, through the public estimator with its defaults.

A pump station and air quality (24 hours ahead), room climate (10 minutes), ETTh1 with half of the
readings dropped (96 hours to 24), C-MAPSS with 30 % of the readings kept (20 cycles), RR Lyrae
stars in five bands (interpolation of 30 % hidden readings), and glucose given insulin and meals
(4 hours). Nothing but columns, units and the horizon of the question is told; split, scales and
windows are the package's. Errors are in training standard deviations of each channel, averaged
over channels, on the test part of the log. The GRU with decay has as many parameters, and the
same windows, trainer and schedule. Boosted trees and a small network on summaries
(`benchmarks.irregular.summaries`) learn from 4,000 windows of the training part, and answer for
the same windows; "naive" stands for all naive rows.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from benchmarks.data.logs import LOGS, SensorLog
from benchmarks.frame import Options, Report, Run, accuracy_rows, accuracy_table
from benchmarks.irregular import peers
from benchmarks.irregular.gru_decay import GRUDecay, of_equal_size
from latentode import LatentODE, LatentODEConfig
from latentode.data.dataset import Float64, TimeSeriesDataset
from latentode.data.reading.log import read_log
from latentode.data.schema import DataSchema
from latentode.data.targets import Targets
from latentode.evaluation.backtest import backtest
from latentode.evaluation.target_scores import ReadingPredictor
from latentode.models.fitted.latent_ode import build_model
from latentode.models.fitted.training_log import TrainingLog
from latentode.training.fit import fit_model

PROTOCOL: dict[str, Any] = {"windows": 400, "draws": 100, "series": None, "config": {}}
SMOKE: dict[str, Any] = {
    "windows": 20,
    "draws": 8,
    "series": 12,
    "config": {"train.max_epochs": 1, "train.steps_per_epoch": 2, "train.batch_size": 8},
}
NETWORKS = ("LatentODE", "GRU-decay")
NAIVE = "naive"
MODELS = (*NETWORKS, NAIVE, *peers.PEERS)
_FIGURES = {"mae": "MAE", "crps": "CRPS", "coverage_90": "coverage 90"}


def names(_protocol: Mapping[str, Any]) -> list[str]:
    """Logs and models, "naive" for all naive rows."""
    return [*LOGS, *MODELS]


def run(options: Options) -> Report:
    """Fit and back-test the chosen models on the chosen logs, naive rows beside them."""
    runs: list[Run] = []
    for name in options.chosen(list(LOGS)):
        for seed in options.seeds:
            for model in peers.present(options.chosen(list(MODELS))):
                sys.stderr.write(f"{name}, {model}, seed {seed}\n")
                runs += _runs(name, model, seed, options)
    return {"runs": runs}


def _runs(name: str, model: str, seed: int, options: Options) -> list[Run]:
    log = LOGS[name]
    frame = log.read(seed)
    if options.protocol["series"] is not None:
        frame = _smaller(frame, options.protocol["series"])
    if model in NETWORKS:
        return _network_rows(name, model, frame, seed, options)
    dataset, schema = learned(log, frame, seed, options)
    if model == NAIVE:
        scores = _scored(dataset, schema, _nothing, options)[log.question]["overall"]
        return [
            row
            for naive, figures in scores["baselines"].items()
            for row in _rows(name, naive, seed, figures)
        ]
    interpolates, draws = log.question == "interpolation", options.protocol["draws"]
    peer = peers.OnLog.fit(
        model, dataset, schema, interpolates=interpolates, num_draws=draws, seed=seed
    )
    scores = _scored(dataset, schema, peer, options)[log.question]["overall"]
    cost = peer.peer.num_parameters, peer.seconds
    return peers.stamped(model, _rows(name, model, seed, scores["model"], *cost))


def _network_rows(name: str, model: str, frame: Any, seed: int, options: Options) -> list[Run]:
    log, protocol = LOGS[name], options.protocol
    clock = time.process_time if options.device == "cpu" else time.monotonic
    began = clock()
    estimator = fitted(model, log, frame, seed, options)
    seconds = clock() - began
    scores = estimator.evaluate(
        frame, max_windows=protocol["windows"], num_draws=protocol["draws"]
    )[log.question]["overall"]
    return _rows(name, model, seed, scores["model"], estimator.fitted_.num_parameters, seconds)


def _settings(log: SensorLog, seed: int, options: Options) -> LatentODEConfig:
    settings = {**log.settings, "train.max_time": None, **options.protocol["config"]}
    return LatentODEConfig().updated(
        **settings, **{"train.seed": seed, "train.device": options.device}
    )


def learned(
    log: SensorLog, frame: Any, seed: int, options: Options
) -> tuple[TimeSeriesDataset, DataSchema]:
    """A log as it is read, and the split, windows and scales that the package would choose."""
    config = _settings(log, seed, options)
    dataset = read_log(frame, config.data)[0]
    schema = DataSchema.fit(dataset, config)
    return schema.align(dataset), schema


def _scored(
    dataset: TimeSeriesDataset, schema: DataSchema, predictor: ReadingPredictor, options: Options
) -> dict[str, Any]:
    windows = options.protocol["windows"]
    return backtest(dataset, schema, predictor, split="test", max_windows=windows)


def _nothing(visible: TimeSeriesDataset, targets: Targets) -> tuple[Float64, Float64]:
    """Says zero, where naive rows alone are asked for."""
    del visible
    return np.zeros((2, len(targets))), np.zeros(len(targets))


def fitted(model: str, log: SensorLog, frame: Any, seed: int, options: Options) -> LatentODE:
    """An estimator fitted to a log, with the network of one model."""
    config = _settings(log, seed, options)
    estimator = LatentODE(config=config)
    if model == "LatentODE":
        return estimator.fit(frame)
    # the estimator holds a network of another kind: back-tests ask nothing else of it
    dataset, report = read_log(frame, config.data)
    estimator.config_ = config.model_copy(update={"data": report.pinned(config.data)})
    estimator.fitted_ = fit_model(TrainingLog(dataset), estimator.config_, build=gru_decay)
    return estimator


def gru_decay(config: LatentODEConfig, schema: DataSchema) -> GRUDecay:
    """A GRU with decay of the size that the package's model would have."""
    return of_equal_size(
        build_model(config, schema),
        config,
        num_channels=len(schema.channels),
        input_dim=schema.input_dim,
        static_dim=len(schema.static_columns),
        scale_floor=torch.from_numpy(schema.scaler.density_floor),
    )


def _smaller(frame: Any, series: int) -> Any:
    """The first series, and the first rows of each."""
    column = next(n for n in ("series", "station", "sensor_id", "node", "date") if n in frame)
    if column == "date":
        return frame.head(1500)
    kept = frame[frame[column].isin(frame[column].unique()[:series])]
    return kept.groupby(column, sort=False).head(1500)


def _rows(
    name: str,
    model: str,
    seed: int,
    figures: Mapping[str, float],
    parameters: int = 0,
    seconds: float = 0.0,
) -> list[Run]:
    common = {
        "part": f"{name}, {model}, seed {seed}",
        "model": model,
        "setting": f"{name}, {LOGS[name].question}",
        "seed": seed,
        "parameters": parameters,
        "train_seconds": seconds,
    }
    return [
        common | {"metric": title, "value": figures[key]}
        for key, title in _FIGURES.items()
        if key in figures
    ]


def summarise(runs: list[Run]) -> list[Run]:
    """Mean and standard deviation over seeds."""
    return accuracy_rows(runs)


def check(report: Report) -> list[str]:
    """Sentences on logs where another row is better, or the bands do not cover."""
    failures = []
    for setting in dict.fromkeys(row["setting"] for row in report["rows"]):
        rows = [row for row in report["rows"] if row["setting"] == setting]
        for metric in ("MAE", "CRPS"):
            found = {row["model"]: row["mean"] for row in rows if row["metric"] == metric}
            best = min(found, key=lambda model, found=found: found[model])
            if best != "LatentODE":
                failures.append(
                    f"sensors, {setting}: expected the least {metric} of LatentODE, got "
                    f"{found.get('LatentODE', float('nan')):.4f}; {best} has {found[best]:.4f}."
                )
        for row in rows:
            is_ours = (row["model"], row["metric"]) == ("LatentODE", "coverage 90")
            if is_ours and not 0.85 <= row["mean"] <= 0.95:
                failures.append(
                    f"sensors, {setting}: expected bands of 90 % to cover 0.85 to 0.95, got "
                    f"{row['mean']:.3f}."
                )
    return failures


def tables(report: Report) -> str:
    """Rows over seeds."""
    return "## Sensor logs\n\n" + accuracy_table(report["rows"]) + peers.NOTE
