"""Settings: frozen, validated, written as TOML; durations as text.

Every name of a setting is handed on here.
"""

from latentode.config.latent_ode import (
    CellsConfig,
    ColumnsConfig,
    DataConfig,
    Duration,
    LatentODEConfig,
    ModelConfig,
    ObjectiveConfig,
    OptimizerConfig,
    RegularizersConfig,
    SolverConfig,
    TimeConfig,
    TrainConfig,
    WindowConfig,
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
