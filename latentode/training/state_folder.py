"""The states of a run on the disk: written whole, found again by the number of their step."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from latentode.errors import CheckpointError, ResourceError
from latentode.files import atomic_write, clean_stray
from latentode.models.fitted.model_folder import load_folder, read_json, save_folder

Parts = Mapping[str, Mapping[str, Tensor]]
_STEM = "state"
# seconds: a log that is rotated, or another program's file that is moved, has made room by then
_MOMENT = 5.0
_FULL = (errno.ENOSPC, errno.EDQUOT)


def has_states(run_dir: Path) -> bool:
    """Whether a training in a folder can go on from a saved step.

    Args:
        run_dir: Run folder.
    """
    return (run_dir / "checkpoints" / "last.json").is_file()


class StateFolder:
    """The folder ``checkpoints/`` of a run.

    Random numbers are functions of the seed and the step, and are no part of a state.

    Args:
        run_dir: Run folder.
        parts: Names of the parts whose tensors a state holds.
        field: Name of what it holds besides, as JSON.
        wait: Waits so many seconds.

    Attributes:
        path: The folder.
    """

    def __init__(
        self,
        run_dir: Path,
        parts: tuple[str, ...],
        field: str,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = run_dir / "checkpoints"
        self._parts, self._field, self._wait = parts, field, wait

    def prepare(self) -> None:
        """Make the folder, and remove what a killed process left half-written."""
        self.path.mkdir(parents=True, exist_ok=True)
        clean_stray(self.path)

    def save(self, step: int, parts: Parts, values: Any, *, best: int | None = None) -> None:
        """Write a state, point "best" and "last" at theirs, and remove all other states.

        Killed at any moment, it leaves "last" on a whole state whose best one is there as well. A
        disk that is full is tried once more after a moment.

        Args:
            step: Number of its step.
            parts: Tensors of each part by name.
            values: JSON types.
            best: Step of the best state, which is there already or this one.

        Raises:
            ResourceError: If it cannot be written; "last" is where it was.
        """
        try:
            self._save(step, parts, values, best)
        except ResourceError as error:
            if getattr(error.__cause__, "errno", None) not in _FULL:
                raise
            self._wait(_MOMENT)
            self._save(step, parts, values, best)

    def _save(self, step: int, parts: Parts, values: Any, best: int | None) -> None:
        tensors = {f"{part}.{k}": v for part, named in parts.items() for k, v in named.items()}
        save_folder(self.path / _name(step), _STEM, tensors, {self._field: values})
        kept = {_name(step)}
        if best is not None:
            kept.add(_name(best))
            self._point("best", _name(best))
        self._point("last", _name(step))
        for path in self.path.iterdir():
            if path.is_dir() and path.name.isdigit() and path.name not in kept:
                shutil.rmtree(path)

    def load(self, step: int | None = None) -> tuple[Path, dict[str, dict[str, Tensor]], Any]:
        """Read the state of a step; of the last by default.

        Returns:
            Where it lies, the tensors of each part, and the other values.

        Raises:
            CheckpointError: If it is missing, broken, tampered with or of other parts.
        """
        folder = self.path / (self._last() if step is None else _name(step))
        tensors, meta = load_folder(folder, _STEM, {self._field})
        parts: dict[str, dict[str, Tensor]] = {part: {} for part in self._parts}
        for key, value in tensors.items():
            part, _, name = key.partition(".")
            if part not in parts:
                raise CheckpointError(f"{folder}: unknown tensor {key!r}.")
            parts[part][name] = value
        return folder, parts, meta[self._field]

    def _last(self) -> str:
        path = self.path / "last.json"
        name = read_json(path).get("checkpoint")
        if not isinstance(name, str) or not (name.isascii() and name.isdigit()):
            raise CheckpointError(f"{path}: expected the number of a step, got {name!r}.")
        return name

    def _point(self, pointer: str, name: str) -> None:
        atomic_write(self.path / f"{pointer}.json", f'{{"checkpoint": "{name}"}}\n'.encode())


@contextmanager
def fits_this_run(folder: Path) -> Iterator[None]:
    """While the block runs, what does not fit its owner is the state of another run.

    Raises:
        CheckpointError: In place of what the owners raise.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{folder}: not a state of this run ({error}).") from None


def _name(step: int) -> str:
    return f"{step:06d}"
