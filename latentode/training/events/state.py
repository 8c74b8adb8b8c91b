"""The state of a run on event streams, saved and taken up again."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from torch import Tensor, nn

from latentode.errors import CheckpointError
from latentode.files import atomic_write, clean_stray
from latentode.flows.adam import AdamW
from latentode.models.fitted.model_folder import load_folder, load_strictly, read_json, save_folder

_STEM = "state"


class EventCheckpoints:
    """The folder ``checkpoints/`` of a run on event streams: its last state.

    Random numbers are functions of the seed and the step, and are no part of it.

    Args:
        run_dir: Run folder.
    """

    def __init__(self, run_dir: Path) -> None:
        self.folder = run_dir / "checkpoints"
        self.folder.mkdir(parents=True, exist_ok=True)
        clean_stray(self.folder)

    def save(
        self,
        losses: list[float],
        model: nn.Module,
        optimizer: AdamW,
        carried: dict[str, Tensor],
    ) -> None:
        """Write the state after as many steps as there are losses, and remove the one before.

        Args:
            losses: Loss of each step.
            model: The model.
            optimizer: Its optimiser.
            carried: What the source of the losses carries from step to step.
        """
        tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
        tensors |= {f"carried.{k}": v for k, v in carried.items()}
        tensors |= {f"optimizer.{k}": v for k, v in optimizer.tensors().items()}
        name = f"{len(losses):06d}"
        save_folder(self.folder / name, _STEM, tensors, {"losses": losses})
        atomic_write(self.folder / "last.json", f'{{"checkpoint": "{name}"}}\n'.encode())
        for path in self.folder.iterdir():
            if path.is_dir() and path.name.isdigit() and path.name != name:
                shutil.rmtree(path)

    def restore(
        self, model: nn.Module, optimizer: AdamW, carried: dict[str, Tensor]
    ) -> list[float]:
        """Load the last state into its owners.

        Returns:
            Loss of each step so far.

        Raises:
            CheckpointError: If it is missing, broken, tampered with or of another model.
        """
        name = read_json(self.folder / "last.json").get("checkpoint")
        if not isinstance(name, str) or not (name.isascii() and name.isdigit()):
            raise CheckpointError(f"{self.folder}: expected the number of a step, got {name!r}.")
        tensors, meta = load_folder(self.folder / name, _STEM, {"losses"})
        where = self.folder / name / f"{_STEM}.safetensors"
        load_strictly(model, _under("model.", tensors), where)
        found, losses = _under("carried.", tensors), meta["losses"]
        sound = (
            isinstance(losses, list)
            and all(isinstance(x, float) and math.isfinite(x) for x in losses)
            and found.keys() == carried.keys()
            and all(found[k].shape == v.shape for k, v in carried.items())
        )
        if not sound:
            raise CheckpointError(f"{where.parent}: not a state of this run. Train again.")
        for key, value in found.items():
            carried[key].copy_(value)
        try:
            optimizer.load(_under("optimizer.", tensors))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(f"{where.parent}: not a state of this run ({error}).") from None
        return losses


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
