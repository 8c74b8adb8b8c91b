"""Settings: frozen, validated, written as TOML; durations as text.

Every name of a setting is handed on here.
"""

from latentode.config.channels import ChannelsConfig as ChannelsConfig
from latentode.config.data import CellsConfig as CellsConfig
from latentode.config.data import ColumnsConfig as ColumnsConfig
from latentode.config.data import DataConfig as DataConfig
from latentode.config.data import TimeConfig as TimeConfig
from latentode.config.data import WindowConfig as WindowConfig
from latentode.config.latent_ode import LatentODEConfig as LatentODEConfig
from latentode.config.model import FIXED_STEP as FIXED_STEP
from latentode.config.model import ModelConfig as ModelConfig
from latentode.config.model import SolverConfig as SolverConfig
from latentode.config.training import ObjectiveConfig as ObjectiveConfig
from latentode.config.training import OptimizerConfig as OptimizerConfig
from latentode.config.training import RegularizersConfig as RegularizersConfig
from latentode.config.training import TrainConfig as TrainConfig
