"""What a worker does: one part, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from latentode.errors import DataError, LatentODEError, LatentODEWarning
from latentode.scale.parts import Parts

#: Asks something of a part: of these parts, of this number, into this file, which it writes whole
#: or not at all (`latentode.files.atomic_write`). What it returns are facts, JSON types.
PartFunction = Callable[[Parts, int, Path], Mapping[str, Any]]
#: What is noted of a part that was done or has failed, JSON types.
Record = dict[str, Any]
# of a process with several threads: warnings, and threads of torch, are of the whole process
_ONE_AT_A_TIME = threading.Lock()


def sum_of(parts: Parts) -> str:
    """Sum of all that the parts hold, by their manifest."""
    return hashlib.sha256(parts.manifest.to_json()).hexdigest()


@dataclass(frozen=True)
class PartWork:
    """Does a part, by its number, in whichever process: paths and settings, and no data.

    Attributes:
        function: What is asked of a part.
        parts: Folder of the parts.
        sha256: `sum_of` the parts.
        out: Folder of the results.
        suffix: Ending of the results, with its dot.
    """

    function: PartFunction
    parts: Path
    sha256: str
    out: Path
    suffix: str

    def __call__(self, index: int) -> Record:
        """Do a part.

        Args:
            index: Its number, from 0.

        Returns:
            ``part``, ``file``, ``bytes``, ``sha256``, ``seconds`` and ``facts``, with ``warnings``
            where there were any; of one that failed ``part``, ``kind`` and ``message``. No error of
            a part ends the process, or the run.
        """
        with _ONE_AT_A_TIME:
            return self._done(index)

    def _done(self, index: int) -> Record:
        began, target = time.perf_counter(), None
        try:
            use_one_thread()
            parts = _opened(self.parts, self.sha256)
            target = self.out / f"{Path(parts.manifest.parts[index].file).stem}{self.suffix}"
            with _heard() as heard:
                facts = dict(self.function(parts, index, target))
            json.dumps(facts)  # what cannot be noted is a fault of this part
            content = target.read_bytes()
        except Exception as error:
            if target is not None and target.is_file():
                target.unlink()
            return failure(index, error)
        return {
            "part": int(index),
            "file": target.name,
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "seconds": round(time.perf_counter() - began, 3),
            "facts": facts,
            **({"warnings": list(dict.fromkeys(heard))} if heard else {}),
        }


def failure(index: int, error: BaseException) -> Record:
    """What is noted of a part that has failed.

    Args:
        index: The part.
        error: Why.
    """
    expected = isinstance(error, LatentODEError)
    name, text = type(error).__name__, " ".join(str(error).split())
    kind = error.kind if isinstance(error, LatentODEError) else name
    return {"part": int(index), "kind": kind, "message": text if expected else f"{name}: {text}"}


def use_one_thread() -> None:
    """Compute on one thread: sums have the same bits in every worker, and workers do not fight."""
    with contextlib.suppress(ModuleNotFoundError):  # exported models are asked without it
        import torch

        torch.set_num_threads(1)


@contextlib.contextmanager
def threads_kept() -> Iterator[None]:
    """Put the number of threads back as it was before the block."""
    try:
        import torch
    except ModuleNotFoundError:
        yield
        return
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@lru_cache(maxsize=4)  # a worker opens the folder once
def _opened(folder: Path, sha256: str) -> Parts:
    parts = Parts.open(folder)
    if sum_of(parts) != sha256:
        raise DataError(
            f"{folder}: expected the parts that the run was started on, got others. Start it again."
        )
    return parts


@contextlib.contextmanager
def _heard() -> Iterator[list[str]]:
    """Collect what the library warns of, which would be said once a part, by every worker."""
    texts: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", LatentODEWarning)
        plain = warnings.showwarning

        def show(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, LatentODEWarning):
                texts.append(str(message))
            else:
                plain(message, category, *where, **more)

        warnings.showwarning = show
        yield texts
