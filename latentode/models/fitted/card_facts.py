"""What a model knows of itself, as the records of its card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from latentode.config import LatentODEConfig
from latentode.data.dataset import TimeSeriesDataset
from latentode.data.reading.second_look.log_rows import instant
from latentode.data.schema import DataSchema
from latentode.data.splits import PARTS
from latentode.model_card import limits
from latentode.models.calibration import FEWEST, KINDS, Calibration
from latentode.models.copula import GaussianCopula
from latentode.models.fitted.history import Record, to_json
from latentode.models.fitted.later_training import LaterTraining
from latentode.models.fitted.training_log import TrainingLog

SCHEMA = 1
_OF_AN_EPOCH = (
    "validation_crps", "forecast_crps", "interpolation_crps", "coverage_90", "label_loss",
)  # fmt: skip


class Described(Protocol):
    """What a card is of: a `FittedModel`, which is above this module."""

    @property
    def config(self) -> LatentODEConfig:
        """Settings that it was trained with."""

    @property
    def schema(self) -> DataSchema:
        """What was learned about the data."""

    @property
    def history(self) -> list[Record]:
        """One record an epoch."""

    @property
    def log(self) -> TrainingLog:
        """What is kept of the log."""

    @property
    def context(self) -> TimeSeriesDataset:
        """The newest readings of every series."""

    @property
    def calibration(self) -> Calibration:
        """What its bands are corrected by."""

    @property
    def copula(self) -> GaussianCopula:
        """What is common to its errors."""

    @property
    def later(self) -> tuple[LaterTraining, ...]:
        """What it learned after its first training."""

    @property
    def num_parameters(self) -> int:
        """Number of trained numbers."""


def card_facts(fitted: Described) -> dict[str, Any]:
    """Records of a card, JSON types; what only a run folder knows is None.

    Args:
        fitted: The model.
    """
    config, lengths, best = fitted.config, fitted.schema.lengths, best_epoch(fitted.history)
    records: dict[str, Any] = {
        "schema": SCHEMA,
        "model": {
            "kind": "Latent ODE",
            "parameters": fitted.num_parameters,
            "encoder": config.model.encoder,
            "latent_dim": config.model.latent_dim,
            "dynamics": config.model.dynamics,
            "likelihood": config.model.likelihood,
            "solver": config.solver.method,
            "solver_step": config.solver.step_size,
        },
        "windows": {
            "history_ns": lengths.context_ns,
            "horizon_ns": lengths.horizon_ns,
            "reason": lengths.reason,
        },
        "data": _data(fitted),
        "settings": dict(_changed(config.to_dict(), LatentODEConfig().to_dict())),
        "training": _training(fitted, best),
        "scores": {"validation": {} if best is None else _judged(best), "evaluation": None},
        "calibration": {
            "bands": list(_bands(fitted)),
            "line": fitted.calibration.line(),
            "paths": fitted.copula.line(),
        },
        "provenance": None,
    }
    return {**records, "limits": limits(records)}


def _training(fitted: Described, best: Record | None) -> dict[str, Any]:
    train = fitted.config.train
    return {
        "epochs": len(fitted.history),
        "steps": int(fitted.history[-1]["step"]) if fitted.history else 0,
        "best_epoch": None if best is None else int(best["epoch"]),
        "seed": train.seed,
        "device": train.device,
        "batch_size": train.batch_size,
        "max_time": train.max_time,
        "seconds": None,
        "threads": None,
        "trainings": 1 + len(fitted.later),
        "later": [line for each in fitted.later for line in each.lines()],
    }


def best_epoch(history: list[Record]) -> Record | None:
    """The epoch whose weights were kept: by labels, where they were judged; None before any."""

    def score(record: Record) -> float:
        found = record.get("label_loss", record.get("validation_crps", np.inf))
        return float(np.nan_to_num(found, nan=np.inf))

    return min(history, key=score, default=None)


def _judged(best: Record) -> dict[str, float | None]:
    [record] = to_json([best])
    return {name: record[name] for name in _OF_AN_EPOCH if name in record}


def _data(fitted: Described) -> dict[str, Any]:
    schema, remembered = fitted.schema, fitted.context.readings
    times, known = remembered.times, schema.climatology
    last = int(times.max()) if len(times) else None
    gaps = np.diff(times)[np.diff(remembered.row_series()) == 0]
    return {
        "source": None,
        "sha256": None,
        "clock": schema.to_dict()["clock"],
        "first": instant(schema.origin_ns, schema.clock),
        "last": None if last is None else instant(last, schema.clock),
        "span_ns": None if last is None else last - schema.origin_ns,
        "series": len(fitted.context) or None,
        "rows": None,
        "readings": None,
        "training_readings": None if known is None else int(known.counts.sum()),
        "median_step_ns": int(np.median(gaps)) if len(gaps) else None,
        "split": schema.split.line(schema.clock),
        "split_kind": schema.split.kind,
        "parts": list(_parts(schema, last)),
        "channels": list(_channels(schema)),
        "planned_inputs": list(schema.input_channels),
        "static_covariates": list(schema.static_columns),
        "beside": fitted.log.lines(),
        "left_out": None,
        "decisions": None,
    }


def _parts(schema: DataSchema, last: int | None) -> Iterator[dict[str, Any]]:
    """Part, first and last time, and series; None of what differs from series to series."""
    split = schema.split
    cuts = split.cuts.get("*")
    edges: list[int | None] = [None] * 4
    if split.kind == "time" and cuts is not None:
        edges = [schema.origin_ns, *cuts, last]
    members = [*split.members.values()]
    for place, part in enumerate(PARTS):
        first, end = edges[place : place + 2]
        empty = first is not None and end is not None and place > 0 and end <= first
        ends = [None if edge is None else instant(edge, schema.clock) for edge in (first, end)]
        yield {
            "part": part,
            "first": None if empty else ends[0],
            "last": None if empty else ends[1],
            "series": members.count(part) if split.kind == "series" else None,
            "empty": empty or (split.kind == "series" and part not in members),
        }


def _channels(schema: DataSchema) -> Iterator[dict[str, Any]]:
    units, families, known = dict(schema.units), schema.families, schema.climatology
    for index, name in enumerate(schema.channels):
        least, greatest = families.least[index], families.greatest[index]
        if known is not None and known.counts[index] and not np.isfinite([least, greatest]).all():
            of_it = known.quantiles[:, index]  # of states and counts extremes are not kept
            least, greatest = of_it.min(), of_it.max()
        bounds = (families.lower[index], families.upper[index])
        yield {
            "name": name,
            "unit": units.get(name),
            "kind": families.kinds[index],
            "lower": _finite(bounds[0]),
            "upper": _finite(bounds[1]),
            "why": families.reasons[index],
            "least": _finite(least),
            "greatest": _finite(greatest),
            "training_readings": None if known is None else int(known.counts[index]),
            "known": bool(schema.known[index]),
            "constant": bool(schema.scaler.constant[index]),
            "counter": name in schema.counters.names,
        }


def _finite(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None


def _bands(fitted: Described) -> Iterator[dict[str, Any]]:
    found = fitted.calibration
    of_kinds = zip(KINDS, found.stretches.tolist(), found.covered.tolist(), strict=True)
    for kind, horizons, (before, after) in of_kinds:
        learned = horizons >= FEWEST
        yield {
            "of": kind,
            "horizons": int(horizons),
            "calibrated": learned,
            "coverage_90_before": before if learned else None,
            "coverage_90": after if learned else None,
        }


def _changed(
    settings: Mapping[str, Any], usual: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Settings that are not the default, by dotted name."""
    for name, value in settings.items():
        default = usual.get(name)
        if isinstance(value, Mapping) and isinstance(default, Mapping):
            yield from _changed(value, default, f"{prefix}{name}.")
        elif value != default:
            yield prefix + name, value
