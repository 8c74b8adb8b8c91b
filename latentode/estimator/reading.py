"""Logs as users have them, read as a model reads its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from latentode.config import LatentODEConfig
from latentode.data.dataset import TimeSeriesDataset
from latentode.data.frame import read_log, read_query_times
from latentode.labelled import LabelledPredictor
from latentode.training.fitted import FittedModel

Log = TimeSeriesDataset | pd.DataFrame | str | Path
# arguments of the estimator that stand for a setting
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


def resolved(arguments: Mapping[str, Any], base: LatentODEConfig | None) -> LatentODEConfig:
    """Settings with the arguments of an estimator that were given, those that are not None."""
    values = {setting: arguments[name] for name, setting in _SETTINGS.items()}
    given = {setting: value for setting, value in values.items() if value is not None}
    return (base or LatentODEConfig()).updated(**given)


def read(log: Log, config: LatentODEConfig) -> tuple[TimeSeriesDataset, LatentODEConfig]:
    """A log, and the settings with what was detected of it, for every log to come."""
    if isinstance(log, TimeSeriesDataset):
        return log, config
    dataset, report = read_log(log, config.data)
    return dataset, config.model_copy(update={"data": report.pinned(config.data)})


@dataclass(frozen=True)
class ModelReader:
    """A fitted model, and the settings by which it reads logs.

    Attributes:
        fitted: The model.
        config: Settings, with what was detected of the first log.
    """

    fitted: FittedModel
    config: LatentODEConfig

    def aligned(self, log: Log) -> TimeSeriesDataset:
        """A log with the channels of the model, in their order.

        Raises:
            DataError: If the log cannot be used; the message says where and why.
        """
        return self.fitted.schema.align(read(log, self.config)[0])

    def labelled(self, num_draws: int) -> LabelledPredictor:
        """What predicts with so many draws."""
        return LabelledPredictor(self.fitted, num_draws)

    def at(self, dataset: TimeSeriesDataset, times: Any, num_draws: int, kind: str) -> xr.Dataset:
        """Predict at the ids and times of a frame or file."""
        grid = read_query_times(
            times,
            series_ids=dataset.series_ids,
            clock=self.fitted.schema.clock,
            config=self.config.data,
        )
        return self.labelled(num_draws).at(dataset, grid, kind)
