"""What a model is asked of a part: forecasts, interpolations, densities."""

from __future__ import annotations

import io
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from latentode import results
from latentode.config.durations import exact_duration, parse_duration
from latentode.data.dataset import Int64, Readings, TimeSeriesDataset
from latentode.errors import ConfigError, DataError, LatentODEWarning
from latentode.files import atomic_write
from latentode.scale.manifest import Manifest
from latentode.scale.model_file import ModelFile
from latentode.scale.parts import Parts

if TYPE_CHECKING:
    import xarray as xr

    from latentode.estimators import ExportedLatentODE, LatentODE
    from latentode.prediction.grids import Align

# a log of such series alone is refused; a part may be of them by chance
_SILENT = (
    "all series left out: they have neither a reading nor a planned input, after which a forecast "
    "begins."
)


def _one_spelling(value: Any) -> Any:
    """A duration in its largest whole unit, as 1000ms and 1s are the same; all else as it is."""
    try:
        return exact_duration(parse_duration(value)) if isinstance(value, str) else value
    except ConfigError:  # another word, or a number in the unit of the log
        return value


@dataclass(frozen=True, kw_only=True)
class PartPrediction(ABC):
    """A question to a model, the same for all parts.

    Attributes:
        model: The model.
        num_draws: Predictive draws.
        quantiles: Levels of a table.
        allow_missing: Whether parts may lack channels of the model.
    """

    model: ModelFile
    num_draws: int
    quantiles: tuple[float, ...]
    allow_missing: bool = False

    def __call__(self, parts: Parts, index: int, file: Path) -> Mapping[str, Any]:
        """Answer it for a part.

        Args:
            parts: The parts.
            index: Which of them.
            file: File of the answer.

        Returns:
            ``series`` and ``rows`` of the answer.
        """
        result = self.asked(self.model.loaded(), parts.read(index), file)
        results.write(result, file, quantiles=self.quantiles, overwrite=True)
        times = result["time"]
        return {"series": times.sizes["series"], "rows": int(times.notnull().sum())}

    @abstractmethod
    def asked(
        self, model: LatentODE | ExportedLatentODE, dataset: TimeSeriesDataset, file: Path
    ) -> xr.Dataset:
        """The answer.

        Args:
            model: The model.
            dataset: A part.
            file: Its file, beside which others may lie.
        """

    def request(self) -> dict[str, Any]:
        """What decides the answers, for `map_parts`."""
        asked = {name: _one_spelling(value) for name, value in asdict(self).items()}
        return {"what": type(self).__name__, **asked, **self.model.request()}


@dataclass(frozen=True, kw_only=True)
class PartForecast(PartPrediction):
    """Forecasts of a part, as `ReadingPredictions.forecast` makes them.

    Attributes:
        every: From step to step, for all parts; see `usual_step`.
        horizon: How far; None is that of the training.
        align: As there.
    """

    every: str
    horizon: str | None = None
    align: Align = "clock"

    def asked(
        self, model: LatentODE | ExportedLatentODE, dataset: TimeSeriesDataset, file: Path
    ) -> xr.Dataset:
        """See `PartPrediction`.

        Args:
            model: The model.
            dataset: A part.
            file: Its file.
        """
        del file
        dataset = model.fitted_.schema.align(dataset, allow_missing=self.allow_missing)
        if _is_silent(dataset):
            warnings.warn(_SILENT, LatentODEWarning, stacklevel=2)
            nothing = model.interpolate(dataset, every=self.every, num_draws=self.num_draws)
            return nothing.assign_attrs(kind="forecast")
        return model.forecast(
            dataset,
            horizon=self.horizon,
            every=self.every,
            align=self.align,
            num_draws=self.num_draws,
        )


@dataclass(frozen=True, kw_only=True)
class PartInterpolation(PartPrediction):
    """Interpolations of a part, as `ReadingPredictions.interpolate` makes them.

    Attributes:
        every: From step to step, for all parts; None where missing cells are filled in.
        at_missing: Whether they are.
        align: As there.
    """

    every: str | None
    at_missing: bool = False
    align: Align = "clock"

    def asked(
        self, model: LatentODE | ExportedLatentODE, dataset: TimeSeriesDataset, file: Path
    ) -> xr.Dataset:
        """See `PartPrediction`.

        Args:
            model: The model.
            dataset: A part.
            file: Its file.
        """
        del file
        return model.interpolate(
            dataset,
            every=self.every,
            at_missing=self.at_missing,
            align=self.align,
            allow_missing_channels=self.allow_missing,
            num_draws=self.num_draws,
        )


@dataclass(frozen=True, kw_only=True)
class PartDensity(PartPrediction):
    """Anomaly score of each reading of a part, and beside it the log-density of each series."""

    def asked(
        self, model: LatentODE | ExportedLatentODE, dataset: TimeSeriesDataset, file: Path
    ) -> xr.Dataset:
        """See `PartPrediction`.

        Args:
            model: A model that is no exported one.
            dataset: A part.
            file: Its file; that of the series is called ``series-`` in place of ``part-``.
        """
        from latentode.estimators import LatentODE

        assert isinstance(model, LatentODE), "exported models have no densities"
        dataset = model.fitted_.schema.align(dataset, allow_missing=self.allow_missing)
        scores = model.score(dataset, num_draws=self.num_draws)
        names = ("series", "log_prob", "standard_error", "num_readings")
        sink = io.BytesIO()
        parquet.write_table(pa.table({name: scores[name].values for name in names}), sink)
        surprise = model.surprise(dataset, num_draws=self.num_draws)
        name = f"series-{file.stem.removeprefix('part-')}.parquet"
        atomic_write(file.with_name(name), sink.getvalue())
        return surprise


def check_channels(
    model: LatentODE | ExportedLatentODE, parts: Parts, *, allow_missing: bool = False
) -> None:
    """Refuse parts that a model cannot read, before any is read.

    Args:
        model: The model.
        parts: The parts.
        allow_missing: Whether they may lack channels of the model.

    Raises:
        DataError: If a channel, planned input or static covariate is absent, or the clock or a unit
            is another.
    """
    model.fitted_.schema.align(_like(parts.manifest), allow_missing=allow_missing)


def usual_step(
    model: LatentODE | ExportedLatentODE,
    parts: Parts,
    *,
    horizon: str | None = None,
    inside: bool = False,
) -> str:
    """A round step near that of the readings, for all parts alike.

    It is that of the readings that the model remembers; those of the first part with readings stand
    for them where it remembers none, as after a training on parts.

    Args:
        model: The model.
        parts: The parts.
        horizon: Of a forecast; None is that of the training.
        inside: Whether it is for interpolations.

    Raises:
        DataError: If it takes a part, and none can be read.
    """
    rows = parts.manifest.rows / parts.manifest.series if inside else None
    log = None if model.fitted_.context.readings.num_rows else _first(parts)
    return model.usual_step(log, horizon=horizon, rows=rows)


def _first(parts: Parts) -> TimeSeriesDataset:
    """The first part that can be read and has readings."""
    problem = DataError(f"{parts.folder}: expected a part with readings, got none.")
    for index in range(len(parts)):
        try:
            dataset = parts.read(index)
        except DataError as error:
            problem = error
            continue
        if dataset.readings.num_rows:
            return dataset
    raise problem


def _is_silent(dataset: TimeSeriesDataset) -> bool:
    """Whether a log has neither readings nor known inputs."""
    sources = [dataset.readings, *([] if dataset.inputs is None else [dataset.inputs])]
    return not any(each.num_rows for each in sources)


def _like(manifest: Manifest) -> TimeSeriesDataset:
    """A data set of one silent series, with all that the manifest says of the log."""
    static = tuple(name for name, _ in manifest.static_columns)
    inputs = tuple(each.name for each in manifest.inputs)
    return TimeSeriesDataset(
        series_ids=("",),
        readings=_silent(tuple(each.name for each in manifest.channels)),
        clock=manifest.clock_of,
        inputs=_silent(inputs) if inputs else None,
        static_columns=static,
        static=np.zeros((1, len(static))) if static else None,
        units=manifest.units,
    )


def _silent(names: tuple[str, ...]) -> Readings:
    none: Int64 = np.zeros(0, dtype=np.int64)
    return Readings.from_triplets(none, none, none, np.zeros(0), num_series=1, channels=names)
