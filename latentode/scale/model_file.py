"""A model as it is sent to workers: where it lies, and what it is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

from latentode.errors import CheckpointError

if TYPE_CHECKING:
    from latentode.estimators import ExportedLatentODE, LatentODE


@dataclass(frozen=True)
class ModelFile:
    """A model folder, or a file that `export` wrote.

    Attributes:
        path: The folder or file.
        sha256: Sum of its content.
        device: Where it computes.
        far_readings: As in `ReadingPredictions.set_far_readings`; None as it was trained.
    """

    path: Path
    sha256: str
    device: str = "cpu"
    far_readings: str | None = None

    @classmethod
    def of(cls, path: Path, *, device: str = "cpu", far_readings: str | None = None) -> Self:
        """A model that lies somewhere.

        Args:
            path: Folder or file; of a run its model folder.
            device: Where it computes.
            far_readings: What is done with readings absurdly far out.
        """
        return cls(path.absolute(), content_sum(path), device, far_readings)

    def request(self) -> dict[str, str]:
        """What of it decides answers, for `latentode.scale.map_parts`."""
        far = {} if self.far_readings is None else {"far_readings": self.far_readings}
        return {"model": self.sha256, "device": self.device, **far}

    def loaded(self) -> LatentODE | ExportedLatentODE:
        """The model, read once a process.

        Raises:
            CheckpointError: If the file is another than it was, or broken.
        """
        return _loaded(self)


def content_sum(path: Path) -> str:
    """Sum of a file, or of the names and contents of all files in a folder."""
    digest = hashlib.sha256()
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    for each in files:
        name = each.relative_to(path).as_posix()
        with each.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{name}\0{content}\n".encode())
    return digest.hexdigest()


@lru_cache(maxsize=1)  # a worker is asked of one model at a time
def _loaded(model: ModelFile) -> LatentODE | ExportedLatentODE:
    from latentode.estimators import ExportedLatentODE, LatentODE

    if not model.path.exists() or content_sum(model.path) != model.sha256:
        raise CheckpointError(
            f"{model.path}: expected the model that the run was started with, got another or none. "
            "Start it again."
        )
    if model.path.is_dir():
        found: LatentODE | ExportedLatentODE = LatentODE.load(model.path, device=model.device)
    else:
        found = ExportedLatentODE.load(model.path)
    if model.far_readings is not None:
        found.set_far_readings(model.far_readings)
    return found
