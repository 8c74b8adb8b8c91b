"""What `LatentODE` is given: logs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from latentode.config import LatentODEConfig
from latentode.data.dataset import TimeSeriesDataset
from latentode.data.frame import read_log
from latentode.training.fitted import FittedModel

Log = TimeSeriesDataset | pd.DataFrame | str | Path
_SETTINGS = {
    "latent_dim": "model.latent_dim",
    "encoder": "model.encoder",
    "prior": "model.prior",
    "posterior": "model.posterior",
    "likelihood": "model.likelihood",
    "context": "windows.context",
    "horizon": "windows.horizon",
    "max_time": "train.max_time",
    "device": "train.device",
    "random_state": "train.seed",
}


def resolved(
    config: LatentODEConfig | None, arguments: Mapping[str, Any], columns: Mapping[str, Any]
) -> LatentODEConfig:
    """Settings with those that were given.

    Args:
        config: What is left as it is; None for the defaults.
        arguments: Arguments of `LatentODE`; None is not given.
        columns: Settings by dotted name, likewise.
    """
    given = {name: arguments[argument] for argument, name in _SETTINGS.items()} | dict(columns)
    base = config or LatentODEConfig()
    return base.updated(**{k: v for k, v in given.items() if v is not None})


def read(log: Log, config: LatentODEConfig) -> tuple[TimeSeriesDataset, LatentODEConfig]:
    """A log, and the settings with what was detected of it, for every log to come."""
    if isinstance(log, TimeSeriesDataset):
        return log, config
    dataset, report = read_log(log, config.data)
    return dataset, config.model_copy(update={"data": report.pinned(config.data)})


def aligned(fitted: FittedModel, log: Log) -> TimeSeriesDataset:
    """A log as the model's own was read, its channels in the order of the model."""
    return fitted.schema.align(read(log, fitted.config)[0])
