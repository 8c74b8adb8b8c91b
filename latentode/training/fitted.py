"""A trained model with all that it needs to predict, and its folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latentode.config import LatentODEConfig, format_duration
from latentode.data.dataset import Readings, TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.data.windows import cut
from latentode.errors import CheckpointError, ConfigError
from latentode.model import LatentODEModel
from latentode.training.checkpoint import load_folder, load_strictly, save_folder
from latentode.training.history import Record

# Least scale over the step to which a channel is rounded: the density of a value that repeats has no
# bound, and would outweigh all other channels.
_FLOOR = 0.01
_ARRAYS = ("series_starts", "times", "row_starts", "channel_index", "values")


@dataclass(frozen=True)
class FittedModel:
    """Config, data schema, network, training history and the last context of every series.

    Attributes:
        config: Settings that it was trained with.
        schema: What was learned about the data.
        model: The network, with the best averaged weights.
        history: One record an epoch.
        context: The newest readings of every series, from which it forecasts without a log.
    """

    config: LatentODEConfig
    schema: DataSchema
    model: LatentODEModel
    history: list[Record]
    context: TimeSeriesDataset

    @property
    def num_parameters(self) -> int:
        """Number of trained numbers."""
        return sum(p.numel() for p in self.model.parameters())

    def save(self, folder: Path) -> None:
        """Write ``model.safetensors``, ``model.json`` and ``MODEL_CARD.md``, by rename."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= _pack(self.context)
        meta = {
            "config": self.config.to_dict(),
            "data": self.schema.to_dict(),
            "history": self.history,
            "context_ids": list(self.context.series_ids),
        }
        card = {"MODEL_CARD.md": self.card().encode()}
        save_folder(folder, "model", tensors, meta, card)

    @classmethod
    def load(cls, folder: Path, device: str | torch.device = "cpu") -> FittedModel:
        """Read what `save` wrote.

        Raises:
            CheckpointError: If the folder is broken, tampered with or of another version.
        """
        tensors, meta = load_folder(folder, "model")
        try:
            config = LatentODEConfig.from_dict(meta["config"])
            schema = DataSchema.from_dict(meta["data"])
            context = _unpack(tensors, meta["context_ids"], schema)
            history = list(meta["history"])
        except (KeyError, TypeError, ValueError, ConfigError) as error:
            raise CheckpointError(
                f"{folder / 'model.json'}: not the description of a model "
                f"({type(error).__name__}: {error})."
            ) from None
        model = build_model(config, schema)
        weights = {
            k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")
        }
        load_strictly(model, weights, folder / "model.safetensors")
        return cls(config, schema, model.to(device).eval(), history, context)

    def card(self) -> str:
        """A page about the model, in Markdown."""
        schema, config = self.schema, self.config
        best = min(self.history, key=lambda r: r.get("validation_crps", np.inf), default={})
        lines = [
            "# Model card",
            "",
            f"Latent ODE, {self.num_parameters:,} parameters: {config.model.encoder} encoder, latent "
            f"dimension {config.model.latent_dim}, {config.model.dynamics} dynamics, "
            f"{config.model.likelihood} likelihood.",
            "",
            f"- Channels: {', '.join(schema.channels)}",
            f"- Time: {schema.clock.kind}, zone {schema.clock.zone or 'none'}",
            f"- Context {format_duration(schema.lengths.context_ns)}, horizon "
            f"{format_duration(schema.lengths.horizon_ns)}",
            f"- Series in training log: {len(self.context)}",
            f"- Epochs: {len(self.history)}; best validation CRPS "
            f"{best.get('validation_crps', float('nan')):.4g} training standard deviations",
            "",
            "Predictions hold for series like those of the training log. A draw gives each reading its own "
            "noise, so bands hold at each time; they are not bands of whole paths.",
            "",
        ]
        return "\n".join(lines)


def build_model(config: LatentODEConfig, schema: DataSchema) -> LatentODEModel:
    """A network of the sizes that settings and data ask for, freshly initialised."""
    return LatentODEModel(
        config.model,
        config.solver,
        num_channels=len(schema.channels),
        input_dim=schema.input_dim,
        static_dim=len(schema.static_columns),
        scale_floor=torch.from_numpy(_FLOOR * schema.scaler.resolution / schema.scaler.scale),
    )


def last_context(dataset: TimeSeriesDataset, schema: DataSchema) -> TimeSeriesDataset:
    """The newest context of every series, and the known inputs from it on."""
    readings = dataset.readings
    counts = np.diff(readings.series_starts)
    ends = np.zeros(len(dataset), dtype=np.int64)
    ends[counts > 0] = readings.times[readings.series_starts[1:][counts > 0] - 1]
    return cut(dataset, np.arange(len(dataset)), ends - schema.lengths.context_ns, ends)


def _pack(context: TimeSeriesDataset) -> dict[str, Tensor]:
    parts: dict[str, Any] = {f"context.{k}": getattr(context.readings, k) for k in _ARRAYS}
    if context.inputs is not None:
        parts |= {f"inputs.{k}": getattr(context.inputs, k) for k in _ARRAYS}
    if context.static is not None:
        parts["static"] = context.static
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in parts.items()}


def _unpack(tensors: dict[str, Tensor], ids: list[str], schema: DataSchema) -> TimeSeriesDataset:
    def readings(prefix: str, channels: tuple[str, ...]) -> Readings:
        return Readings(channels, *(tensors[f"{prefix}.{name}"].numpy() for name in _ARRAYS))

    dataset = TimeSeriesDataset(
        series_ids=tuple(str(name) for name in ids),
        readings=readings("context", schema.channels),
        clock=schema.clock,
        static_columns=schema.static_columns,
        static=tensors["static"].numpy() if "static" in tensors else None,
        units=schema.units,
    )
    if schema.input_channels:
        dataset = replace(dataset, inputs=readings("inputs", schema.input_channels))
    return dataset
