"""The state of a run on event streams, saved and taken up again."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from latentode.flows.adam import AdamW
from latentode.models.fitted.model_folder import load_strictly
from latentode.training.state_folder import StateFolder, fits_this_run


@dataclass
class EventProgress:
    """How far a run is.

    Attributes:
        losses: Loss of each step.
        total_steps: Steps of the schedule where a budget of time shortened it; else 0.
    """

    losses: list[float]
    total_steps: int = 0


class EventCheckpoints:
    """The last state of a run on event streams.

    Args:
        run_dir: Run folder.
    """

    def __init__(self, run_dir: Path) -> None:
        self._states = StateFolder(run_dir, ("model", "carried", "optimizer"), "losses")
        self._states.prepare()

    def save(
        self,
        progress: EventProgress,
        model: nn.Module,
        optimizer: AdamW,
        carried: dict[str, Tensor],
    ) -> None:
        """Write the state after as many steps as there are losses, and remove the one before.

        Args:
            progress: How far the run is.
            model: The model.
            optimizer: Its optimiser.
            carried: What the source of the losses carries from step to step.
        """
        parts = {"model": model.state_dict(), "carried": carried, "optimizer": optimizer.tensors()}
        self._states.save(len(progress.losses), parts, asdict(progress))

    def restore(
        self, model: nn.Module, optimizer: AdamW, carried: dict[str, Tensor]
    ) -> EventProgress:
        """Load the last state into its owners.

        Args:
            model: The model.
            optimizer: Its optimiser.
            carried: As in `save`, changed in place.

        Returns:
            How far the run is.

        Raises:
            CheckpointError: If it is missing, broken, tampered with or of another model.
        """
        folder, parts, values = self._states.load()
        load_strictly(model, parts["model"], folder)
        with fits_this_run(folder):
            progress = _progress(values)
            _check(parts["carried"], carried)
            optimizer.load(parts["optimizer"])
        for name, value in parts["carried"].items():
            carried[name].copy_(value)
        return progress


def _progress(values: Any) -> EventProgress:
    # version 0.2.0 stored the losses alone
    progress = EventProgress(values) if isinstance(values, list) else EventProgress(**values)
    losses, total = progress.losses, progress.total_steps
    if not isinstance(losses, list) or not all(
        isinstance(loss, float) and math.isfinite(loss) for loss in losses
    ):
        raise ValueError("losses: expected a list of finite numbers")
    if type(total) is not int or total < 0:
        raise ValueError(f"total_steps: expected a number of steps, got {total!r}")
    return progress


def _check(stored: dict[str, Tensor], carried: dict[str, Tensor]) -> None:
    one, other = ({name: v.shape for name, v in named.items()} for named in (stored, carried))
    if one != other:
        raise ValueError(f"carried: expected tensors of {other}, got {one}")
