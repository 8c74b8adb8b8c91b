"""Training: one loop, checkpoints that survive anything, the same bits after a resume."""

from latentode.training.execution.interrupt import Interrupted
from latentode.training.trainer import Trainer

__all__ = ["Interrupted", "Trainer"]
