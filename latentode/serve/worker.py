"""A process that holds a model and answers questions, one after another."""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from latentode.config.memory import VARIABLE
from latentode.errors import LatentODEError, ResourceError, SolverError
from latentode.files.signals import stopping_signals
from latentode.serve.limits import Limits

if TYPE_CHECKING:
    from latentode.serve.answers import Answers

_logger = logging.getLogger(__name__)
_UNPROCESSABLE, _FAILED = 422, 500  # statuses


@dataclass(frozen=True)
class ServedModel:
    """Where a model lies.

    Attributes:
        path: Folder of the model, or a file that `export` wrote.
        device: Where it computes.
    """

    path: str
    device: str = "cpu"

    @property
    def is_exported(self) -> bool:
        """Whether it is a file, which needs no torch."""
        return Path(self.path).is_file()


def work(connection: Connection, served: ServedModel, limits: Limits, folder: str) -> None:
    """Load a model, say what it is of, and answer questions until the other end is closed.

    A question is a head of JSON and a body; an answer likewise.

    Args:
        connection: To the process that listens.
        served: The model.
        limits: What a question may cost.
        folder: A folder of this process alone, in which bodies are files under one name.
    """
    for number in stopping_signals():  # the process that listens ends this one
        signal.signal(number, signal.SIG_IGN)
    os.chdir(folder)
    try:
        _serve(connection, served, limits)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the other end has gone
    finally:
        os.chdir("/")
        rmtree(folder, ignore_errors=True)


def _serve(connection: Connection, served: ServedModel, limits: Limits) -> None:
    # in kB, as a size has at most twelve digits
    os.environ[VARIABLE] = f"{max(limits.memory // 1_000, 1)}kB"
    try:
        answers = _loaded(served, limits)
        answers.warm()
        gc.freeze()  # what is loaded stays, and is not to be looked through again and again
        ready = {"ready": True, "information": answers.information()}
    except BaseException as error:
        _send(connection, {"ready": False, **_failure(error)}, b"")
        return
    _send(connection, ready, b"")
    while True:
        head, content = json.loads(connection.recv_bytes()), connection.recv_bytes()
        _send(connection, *_answered(answers, head, content))


def _loaded(served: ServedModel, limits: Limits) -> Answers:
    from latentode.serve.answers import Answers

    if served.is_exported:
        from latentode.estimators import ExportedLatentODE

        return Answers(ExportedLatentODE.load(served.path), limits)
    from latentode.estimators import LatentODE  # which loads torch

    return Answers(LatentODE.load(served.path, device=served.device), limits)


def _answered(
    answers: Answers, head: dict[str, Any], content: bytes
) -> tuple[dict[str, Any], bytes]:
    from latentode.serve.answers import Question

    try:
        answer = answers.answer(Question(**head, content=content))
    except Exception as error:  # what goes wrong is the answer
        return _failure(error), b""
    return {"status": 200, "media": answer.media, "warnings": answer.warnings}, answer.content


def _failure(error: BaseException) -> dict[str, Any]:
    """What an error means to who asked; of a bug, what only the operator is to see."""
    message = " ".join(str(error).split())
    if isinstance(error, LatentODEError) and error.kind != "shape":
        if isinstance(error, ResourceError):
            message = _for_requests(message)
        status = _FAILED if isinstance(error, SolverError) else _UNPROCESSABLE
        status = getattr(error, "status", status) if error.kind == "body" else status
        return {"status": status, "kind": error.kind, "message": message}
    if isinstance(error, ModuleNotFoundError) and error.name:
        return {"status": _FAILED, "kind": "installation", "message": message, "name": error.name}
    if isinstance(error, MemoryError):
        return {"status": _UNPROCESSABLE, "kind": "resources", "message": "out of memory."}
    _logger.error("internal error", exc_info=error)
    told = f"{type(error).__name__}: {message}"
    return {"status": _FAILED, "kind": "internal", "message": "internal error.", "told": told}


def _for_requests(message: str) -> str:
    """Without the advice that only who runs the server could follow."""
    message = re.sub(rf", or set {VARIABLE}=\S+ where the machine has so much", "", message)
    return re.sub(r"Raise --max-channels, .*", "Send those of the model alone.", message)


def _send(connection: Connection, head: dict[str, Any], content: bytes) -> None:
    connection.send_bytes(json.dumps(head).encode())
    connection.send_bytes(content)
