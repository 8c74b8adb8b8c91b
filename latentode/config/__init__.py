"""Settings: frozen, validated, written as TOML; durations as text.

Every name of a setting is handed on here.
"""

from latentode.config.base import Duration
from latentode.config.data import (
    CellsConfig,
    ColumnsConfig,
    DataConfig,
    TimeConfig,
    WindowConfig,
)
from latentode.config.latent_ode import LatentODEConfig
from latentode.config.model import ModelConfig, SolverConfig
from latentode.config.training import (
    ObjectiveConfig,
    OptimizerConfig,
    RegularizersConfig,
    TrainConfig,
)

__all__ = [
    "CellsConfig",
    "ColumnsConfig",
    "DataConfig",
    "Duration",
    "LatentODEConfig",
    "ModelConfig",
    "ObjectiveConfig",
    "OptimizerConfig",
    "RegularizersConfig",
    "SolverConfig",
    "TimeConfig",
    "TrainConfig",
    "WindowConfig",
]
