"""Frozen, validated settings of every part; unknown keys are errors, TOML in and out.

All durations are strings with a unit ("90s", "10min", "48h", "7d") or plain numbers in the unit
of an elapsed clock. ``None`` means "chosen from the data, and stated".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, model_validator

from latentode.config.base import Config
from latentode.config.channels import ChannelsConfig
from latentode.config.data import DataConfig, WindowConfig
from latentode.config.messages import explain
from latentode.config.model import ModelConfig, SolverConfig
from latentode.config.toml import read_toml, render_toml, set_dotted
from latentode.config.training import TrainConfig
from latentode.errors import ConfigError


class LatentODEConfig(Config):
    """Every setting of a run."""

    data: DataConfig = DataConfig()
    channels: ChannelsConfig = ChannelsConfig()
    windows: WindowConfig = WindowConfig()
    model: ModelConfig = ModelConfig()
    solver: SolverConfig = SolverConfig()
    train: TrainConfig = TrainConfig()

    @model_validator(mode="after")
    def _noise_goes_with_all_else(self) -> Self:
        """Penalties of smooth paths, and solvers that look ahead, know no noise."""
        if self.model.dynamics_noise == "none":
            return self
        used = [name for name, weight in self.train.regularizers if weight]
        if used:
            raise ValueError(
                'expected no regularizers of the latent path with model.dynamics_noise = "learned",'
                f" got train.regularizers.{used[0]} above 0"
            )
        solver = self.solver
        if solver.method not in ("ab4", "rk4") or solver.gradient != "backprop":
            raise ValueError(
                'expected solver.method "ab4" or "rk4" and solver.gradient "backprop" with '
                f'model.dynamics_noise = "learned", got {solver.method!r} and {solver.gradient!r}'
            )
        return self

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LatentODEConfig:
        """Build from nested dictionaries, defaults for what is absent.

        Raises:
            ConfigError: If a key is unknown (with the nearest known) or a value is out of range.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(explain(cls, error)) from None

    @classmethod
    def from_toml(cls, path: str | Path) -> LatentODEConfig:
        """Read a TOML file; see `from_dict`."""
        return cls.from_dict(read_toml(path))

    def to_dict(self) -> dict[str, Any]:
        """Nested dictionaries of JSON types, from which `from_dict` builds the same config."""
        return self.model_dump(mode="json")

    def updated(self, **values: Any) -> LatentODEConfig:
        """Replace settings by dotted name, for example ``updated(**{"model.latent_dim": 8})``."""
        merged = self.to_dict()
        for name, value in values.items():
            set_dotted(merged, name, value)
        return type(self).from_dict(merged)

    def to_toml(self) -> str:
        """Write as TOML that `from_toml` reads back exactly."""
        return render_toml(self.to_dict(), type(self)().to_dict())
