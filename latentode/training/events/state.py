"""The state of a run on event streams, saved and taken up again."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from latentode.flows.adam import AdamW
from latentode.models.fitted.model_folder import load_strictly
from latentode.training.state_folder import StateFolder, fits_this_run


class EventCheckpoints:
    """The last state of a run on event streams.

    Args:
        run_dir: Run folder.
    """

    def __init__(self, run_dir: Path) -> None:
        self._states = StateFolder(run_dir, ("model", "carried", "optimizer"), "losses")
        self._states.prepare()

    def save(
        self, losses: list[float], model: nn.Module, optimizer: AdamW, carried: dict[str, Tensor]
    ) -> None:
        """Write the state after as many steps as there are losses, and remove the one before.

        Args:
            losses: Loss of each step.
            model: The model.
            optimizer: Its optimiser.
            carried: What the source of the losses carries from step to step.
        """
        parts = {"model": model.state_dict(), "carried": carried, "optimizer": optimizer.tensors()}
        self._states.save(len(losses), parts, losses)

    def restore(
        self, model: nn.Module, optimizer: AdamW, carried: dict[str, Tensor]
    ) -> list[float]:
        """Load the last state into its owners.

        Args:
            model: The model.
            optimizer: Its optimiser.
            carried: As in `save`, changed in place.

        Returns:
            Loss of each step so far.

        Raises:
            CheckpointError: If it is missing, broken, tampered with or of another model.
        """
        folder, parts, losses = self._states.load()
        load_strictly(model, parts["model"], folder)
        with fits_this_run(folder):
            _check(losses, parts["carried"], carried)
            optimizer.load(parts["optimizer"])
        for name, value in parts["carried"].items():
            carried[name].copy_(value)
        return losses


def _check(losses: Any, stored: dict[str, Tensor], carried: dict[str, Tensor]) -> None:
    if not isinstance(losses, list) or not all(
        isinstance(loss, float) and math.isfinite(loss) for loss in losses
    ):
        raise ValueError("losses: expected a list of finite numbers")
    one, other = ({name: v.shape for name, v in named.items()} for named in (stored, carried))
    if one != other:
        raise ValueError(f"carried: expected tensors of {other}, got {one}")
