"""A trained model with all that it needs to predict, and its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch

from latentode.config import LatentODEConfig
from latentode.config.durations import format_duration
from latentode.data.climatology import CLIMATOLOGY, Climatology
from latentode.data.dataset import TimeSeriesDataset
from latentode.data.labels import Labels
from latentode.data.schema import DataSchema
from latentode.errors import CheckpointError
from latentode.model_card import markdown, with_run, words_of
from latentode.models.calibration import Calibration
from latentode.models.copula import GaussianCopula
from latentode.models.fitted.card_facts import card_facts
from latentode.models.fitted.device import device_of
from latentode.models.fitted.history import Record, from_json, to_json
from latentode.models.fitted.later_training import LaterTraining
from latentode.models.fitted.model_folder import (
    as_arrays,
    as_tensors,
    description_of,
    load_folder,
    load_strictly,
    load_weights,
    save_model,
)
from latentode.models.fitted.training_log import LOG_FIELDS, LOG_PREFIXES, TrainingLog
from latentode.models.latent_ode import LatentODEModel

_FIELDS = {"config", "data", "history", *LOG_FIELDS}
_Part = TypeVar("_Part", Calibration, GaussianCopula)
_SHOWN = 5  # channels that a line names
_CALIBRATION, _COPULA = "calibration.", "copula."


@dataclass(frozen=True)
class FittedModel:
    """Config, data schema, network, training history and what is kept of the log.

    Attributes:
        config: Settings that it was trained with.
        schema: What was learned about the data.
        model: The network, with the best averaged weights.
        history: One record an epoch.
        log: The newest readings of every series, from which it forecasts without a log, and the
            events and labels of the training.
        calibration: What its bands are corrected by.
        copula: What is common to its errors at several times and of several channels.
        later: What it learned after its first training.
    """

    config: LatentODEConfig
    schema: DataSchema
    model: LatentODEModel
    history: list[Record]
    log: TrainingLog
    calibration: Calibration
    copula: GaussianCopula
    later: tuple[LaterTraining, ...] = ()

    @classmethod
    def untrained(
        cls,
        config: LatentODEConfig,
        schema: DataSchema,
        model: LatentODEModel,
        log: TrainingLog,
    ) -> FittedModel:
        """Before training: nothing is known of its errors.

        Args:
            config: Settings.
            schema: What was learned about the data.
            model: The network.
            log: What is kept of the log.
        """
        size = len(schema.channels)
        return cls(config, schema, model, [], log, Calibration(size), GaussianCopula(size))

    @property
    def context(self) -> TimeSeriesDataset:
        """The newest readings of every series."""
        return self.log.dataset

    @property
    def num_parameters(self) -> int:
        """Number of trained numbers."""
        return sum(p.numel() for p in self.model.parameters())

    def save(self, folder: Path) -> None:
        """Write ``model.safetensors``, ``model.json`` and ``MODEL_CARD.md``, by rename."""
        tensors, about = self.log.pack()
        if self.calibration.stretches.any():
            tensors |= {_CALIBRATION + k: v for k, v in self.calibration.state_dict().items()}
        if self.copula.windows.any():
            tensors |= {_COPULA + k: v for k, v in self.copula.state_dict().items()}
        if self.schema.climatology is not None:
            tensors |= as_tensors(self.schema.climatology.pack())
        meta = {
            "config": self.config.to_dict(),
            "data": self.schema.to_dict(),
            "history": to_json(self.history),
            **({"later": [each.to_dict() for each in self.later]} if self.later else {}),
            **about,
        }
        page = self.card(words_of(folder))
        save_model(folder, "model", self.model, tensors, meta, page)

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> FittedModel:
        """Read what `save` wrote.

        Raises:
            ConfigError: If there is no such device.
            CheckpointError: If the folder is broken, tampered with or of another version.
        """
        target = device_of(device)
        tensors, meta = load_folder(folder, "model", _FIELDS, optional={"later"})
        with description_of("a model", folder / "model.json"):
            config = LatentODEConfig.from_dict(meta["config"])
            about = DataSchema.as_of_today(meta["data"])
            schema = DataSchema.from_dict(about)
            _check(schema, about)
            arrays = as_arrays(tensors, CLIMATOLOGY)
            climatology = Climatology.unpack(arrays, len(schema.channels))
            schema = replace(schema, climatology=climatology)
            log = TrainingLog.unpack(tensors, meta, schema)
            history = from_json(meta["history"])
            later = tuple(map(LaterTraining.from_dict, meta.get("later", [])))
        rates = None if log.events is None else torch.ones(log.events.streams.num_marks)
        build = partial(build_model, config, schema, **head_arguments(rates, log.labels))
        path = folder / "model.safetensors"
        others = (*LOG_PREFIXES, CLIMATOLOGY, _CALIBRATION, _COPULA)
        model = load_weights(build, tensors, others, path)
        size = len(schema.channels)
        calibration = _stored(Calibration(size), _CALIBRATION, tensors, path).to(target)
        copula = _stored(GaussianCopula(size), _COPULA, tensors, path).to(target)
        model = model.to(target).eval()
        return cls(config, schema, model, history, log, calibration, copula, later)

    def describe(self, run_dir: Path | None = None) -> dict[str, Any]:
        """What a reader wants to know of the model, JSON types.

        Args:
            run_dir: Its run folder, which knows how the log was read, versions, time and scores.
        """
        data, card = self.schema.to_dict(), card_facts(self)
        if run_dir is not None:
            card = with_run(card, run_dir)
        return {
            "parameters": self.num_parameters,
            "epochs": len(self.history),
            "config": self.config.to_dict(),
            "channels": data["channels"],
            "clock": data["clock"],
            "lengths": data["lengths"],
            "split": data["split"]["kind"],
            "calibration": self.calibration.line(),
            "copula": self.copula.line(),
            "later": [each.to_dict() for each in self.later],
            "model_card": card,
            "card": markdown(card),
        }

    def card(self, words: str = "") -> str:
        """The card of the model alone as a page in Markdown.

        Args:
            words: What its user wrote into it before.
        """
        return markdown(card_facts(self), words)

    def in_short(self) -> str:
        """What it is of and how it was trained, in a line."""
        schema, steps = self.schema, self.history[-1]["step"] if self.history else 0
        shown = ", ".join(schema.channels[:_SHOWN])
        more = len(schema.channels) - _SHOWN
        facts = [
            f"{len(schema.channels)} channels: {shown}" + (f" and {more} more" if more > 0 else ""),
            self._series(),
            f"looks back {format_duration(schema.lengths.context_ns)}, forecasts "
            f"{format_duration(schema.lengths.horizon_ns)}",
            f"{int(steps):,} steps",
            *(f"{each.kind} up to {each.until}" for each in self.later[-1:]),
        ]
        return "; ".join(facts)

    def _series(self) -> str:
        """How many series it remembers."""
        return f"{len(self.context)} series" if len(self.context) else "parts, none remembered"


def _check(schema: DataSchema, about: Mapping[str, Any]) -> None:
    """Refuse a description that holds more than a schema, or what no schema can hold."""
    lengths, scaler = schema.lengths, schema.scaler
    durations = (lengths.context_ns, lengths.horizon_ns, schema.time_scale.unit_ns)
    shape = (len(schema.channels),)
    if (
        schema.to_dict() != about
        or not all(isinstance(n, int) and n > 0 for n in durations)
        or schema.clock.kind not in ("calendar", "elapsed")
        or any(array.shape != shape for array in vars(scaler).values())
        or not bool((scaler.scale > 0).all())
        or not schema.families.valid(shape[0])
    ):
        raise ValueError("data: a field is unknown, of another type, or out of range")


def _stored(part: _Part, prefix: str, tensors: Mapping[str, torch.Tensor], path: Path) -> _Part:
    """What was stored of a part; one that changes nothing for a model from before it.

    Args:
        part: As it leaves the factory; changed in place.
        prefix: Of the names of its tensors.
        tensors: All.
        path: Their file.

    Raises:
        CheckpointError: If it is none.
    """
    stored = {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
    if stored:
        load_strictly(part, stored, path)
        if not part.is_sound:
            raise CheckpointError(f"{path}: tensors {prefix}*: numbers that are out of range.")
    return part


def head_arguments(event_rates: torch.Tensor | None, labels: Labels | None) -> dict[str, Any]:
    """What `build_model` is told of events and labels: nothing for readings alone."""
    arguments: dict[str, Any] = {} if event_rates is None else {"event_rates": event_rates}
    if labels is not None:
        arguments |= {"num_classes": len(labels.classes), "label_kind": labels.kind}
    return arguments


def build_model(config: LatentODEConfig, schema: DataSchema, **heads: Any) -> LatentODEModel:
    """A network of the sizes that settings and data ask for, freshly initialised.

    Args:
        config: Settings.
        schema: What was learned about the data.
        **heads: What `head_arguments` says of events and labels.
    """
    return LatentODEModel(
        config.model,
        config.solver,
        num_channels=len(schema.channels),
        input_dim=schema.input_dim,
        static_dim=len(schema.static_columns),
        scale_floor=torch.from_numpy(schema.scaler.density_floor),
        season=schema.season,
        families=schema.families.scaled(schema.scaler),
        **heads,
    )
