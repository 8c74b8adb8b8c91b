"""Processes that answer, and who waits for them: bounded in number and in time."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from shutil import rmtree
from typing import Any

from latentode.errors import CheckpointError, ConfigError, DataError, LatentODEError, ResourceError
from latentode.serve.limits import Limits
from latentode.serve.worker import ServedModel, work

_logger = logging.getLogger(__name__)
_MEMORY = "/dev/shm"
_LOADING = 300.0  # seconds that a model may take to load
_ENDING = 5.0  # seconds that a process may take to end once nobody asks it any more
_SOON = 1  # seconds after which a request that found no place may try again
_RELOADED = 5  # likewise after a process was ended, and loads its model again
_ERRORS = {each.kind: each for each in (CheckpointError, ConfigError, DataError, ResourceError)}


@dataclass(frozen=True)
class Reply:
    """What comes back for a question.

    Attributes:
        status: Status of HTTP.
        content: Body of an answer.
        media: Its type.
        warnings: What was warned of.
        kind: Of an error, the kind.
        message: Of an error, the message.
        retry_after: Seconds after which to try again; None where that is of no use.
    """

    status: int
    content: bytes = b""
    media: str = "application/json"
    warnings: tuple[str, ...] = ()
    kind: str = ""
    message: str = ""
    retry_after: int | None = None


def busy(message: str, retry_after: int) -> Reply:
    """A reply that asks to try again.

    Args:
        message: Why.
        retry_after: Seconds.
    """
    return Reply(503, kind="busy", message=message, retry_after=retry_after)


class _Worker:
    """One process, its model loaded."""

    def __init__(self, served: ServedModel, limits: Limits) -> None:
        # spawned, not forked: threads of torch and locks of the caller do not survive a fork
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        prefix = f"latentode-serve-{os.getpid()}-"
        with theirs, ExitStack() as undone:
            undone.callback(self.connection.close)
            self._folder = tempfile.mkdtemp(prefix=prefix, dir=_in_memory())
            undone.callback(rmtree, self._folder, ignore_errors=True)
            self.process = context.Process(
                target=work,
                args=(theirs, served, limits, self._folder),
                daemon=True,
                name="latentode-answers",
            )
            self.process.start()
            undone.pop_all()

    def wait_until_ready(self) -> dict[str, Any]:
        """What it is of.

        Raises:
            LatentODEError: If its model cannot be loaded.
            ModuleNotFoundError: If a package is missing for that.
        """
        try:
            if not self.connection.poll(_LOADING):
                raise ResourceError(f"model: not loaded within {_LOADING:g} seconds.")
            head: dict[str, Any] = json.loads(self.connection.recv_bytes())
            self.connection.recv_bytes()
        except (EOFError, OSError):
            raise ResourceError(
                "model: the process that loads it has ended (killed, or out of memory)."
            ) from None
        if not head["ready"]:
            if "name" in head:
                raise ModuleNotFoundError(head["message"], name=head["name"])
            error = _ERRORS.get(head["kind"], LatentODEError)
            raise error(head.get("told", head["message"]))
        found: dict[str, Any] = head["information"]
        return found

    def ask(self, head: bytes, content: bytes, seconds: float) -> tuple[dict[str, Any], bytes]:
        """An answer.

        Raises:
            TimeoutError: If there is none in time.
            EOFError: If the process has died.
        """
        self.connection.send_bytes(head)
        self.connection.send_bytes(content)
        if not self.connection.poll(seconds):
            raise TimeoutError
        return json.loads(self.connection.recv_bytes()), self.connection.recv_bytes()

    def end(self, *, at_once: bool) -> None:
        """End the process: at once, or when it has done what it does."""
        with suppress(OSError):
            self.connection.close()
        if at_once:
            self.process.kill()
        self.process.join(_ENDING)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        rmtree(self._folder, ignore_errors=True)  # which a process that is killed leaves


def _in_memory() -> str | None:
    """A folder whose files are written to no disk, where the system has one."""
    return _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else None


@dataclass
class Counts:
    """What happened in a pool.

    Attributes:
        waiting: Requests that are answered or wait.
        restarts: Processes that took the place of one that was ended or has died.
        refused: Requests that found no place.
        late: Requests that took too long.
        died: Requests whose process died.
    """

    waiting: int = 0
    restarts: int = 0
    refused: int = 0
    late: int = 0
    died: int = 0


@dataclass
class Pool:
    """Some processes that answer questions.

    Attributes:
        served: The model.
        limits: What a question may cost.
        workers: How many processes.
        on_internal: Told what an error is that only the operator is to see.
        counts: What happened.
        information: What the model is of, once it is loaded.
    """

    served: ServedModel
    limits: Limits
    workers: int = 1
    on_internal: Callable[[str], None] = _logger.error
    counts: Counts = field(default_factory=Counts)
    information: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._all: set[_Worker] = set()
        self._ready: set[_Worker] = set()  # whose model is loaded
        self._changing = threading.Lock()
        self._ended = False
        # one for each that is asked, and one for each that is started in the place of another
        self._threads = ThreadPoolExecutor(2 * self.workers, thread_name_prefix="latentode-ask")
        self._starting: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start the processes, and wait until all have loaded their model.

        Raises:
            LatentODEError: If it cannot be loaded.
        """
        for _ in range(self.workers):
            self._all.add(_Worker(self.served, self.limits))
        for worker in self._all:
            self.information = worker.wait_until_ready()
            self._ready.add(worker)
            self._idle.put_nowait(worker)

    @property
    def is_ready(self) -> bool:
        """Whether a process lives that answers."""
        return any(worker.process.is_alive() for worker in self._ready)

    async def ask(self, head: Mapping[str, Any], content: bytes) -> Reply:
        """Ask one of the processes, or say that there is no place or no time.

        Args:
            head: The question, without its body; see `latentode.serve.answers.Question`.
            content: Its body.
        """
        if self.counts.waiting >= self.limits.waiting:
            self.counts.refused += 1
            return busy("server: all places are taken.", _SOON)
        self.counts.waiting += 1
        try:
            try:
                worker = await asyncio.wait_for(self._idle.get(), self.limits.seconds)
            except TimeoutError:
                self.counts.late += 1
                return busy(f"server: no place within {self.limits.seconds:g} seconds.", _RELOADED)
            return await self._asked(worker, head, content)
        finally:
            self.counts.waiting -= 1

    async def _asked(self, worker: _Worker, head: Mapping[str, Any], content: bytes) -> Reply:
        loop = asyncio.get_running_loop()
        packed = json.dumps(head).encode()
        # counted from here: however long it waited for its turn, no process is ended for that
        asking = loop.run_in_executor(
            self._threads, lambda: worker.ask(packed, content, self.limits.seconds)
        )
        try:
            # who asked may go away; the process is not free before it has answered
            found, answer = await asyncio.shield(asking)
        except asyncio.CancelledError:
            self._follow(self._freed(asking, worker))
            raise
        except TimeoutError:
            self.counts.late += 1
            self._follow(self._replaced(worker))
            return busy(
                f"server: not answered within {self.limits.seconds:g} seconds. Ask for fewer "
                "times, samples or series at once.",
                _RELOADED,
            )
        except (EOFError, OSError):
            self.counts.died += 1
            self._follow(self._replaced(worker))
            return busy("server: the process that answered has ended.", _RELOADED)
        self._idle.put_nowait(worker)
        if "told" in found:
            self.on_internal(found["told"])
        return Reply(
            found["status"],
            answer,
            found.get("media", "application/json"),
            tuple(found.get("warnings", ())),
            found.get("kind", ""),
            found.get("message", ""),
        )

    def _follow(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _freed(self, asking: Any, worker: _Worker) -> None:
        try:
            await asking
        except (TimeoutError, EOFError, OSError):
            await self._replaced(worker)
        else:
            self._idle.put_nowait(worker)

    async def _replaced(self, worker: _Worker) -> None:
        """End a process and put another in its place, once its model is loaded."""
        loop = asyncio.get_running_loop()
        self._ready.discard(worker)
        await loop.run_in_executor(self._threads, lambda: worker.end(at_once=True))
        self._all.discard(worker)
        while not self._ended:
            self.counts.restarts += 1
            try:
                other = await loop.run_in_executor(self._threads, self._another)
            except Exception as error:  # no memory, no place, no files: it may be there again soon
                reason = str(error) or type(error).__name__
                self.on_internal(f"the model cannot be loaded again: {reason}")
                await asyncio.sleep(_RELOADED)
                continue
            if other is not None:
                self._ready.add(other)
                self._idle.put_nowait(other)
            return

    def _another(self) -> _Worker | None:
        with self._changing:
            if self._ended:
                return None
            worker = _Worker(self.served, self.limits)
            self._all.add(worker)
        try:
            worker.wait_until_ready()
        except BaseException:
            self._all.discard(worker)
            worker.end(at_once=True)
            raise
        return worker

    def end(self) -> None:
        """End all processes, those that still load their model at once."""
        with self._changing:
            self._ended = True
            everyone = [*self._all]
        for worker in everyone:
            worker.end(at_once=worker not in self._ready)
        self._threads.shutdown(wait=False, cancel_futures=True)
