"""Who waits for the processes that answer: whatever happens to one, the pool goes on."""

import asyncio
import threading
from multiprocessing import get_context
from typing import ClassVar

import pytest

from latentode.serve import pool as pools
from latentode.serve.app import make_app
from latentode.serve.limits import Limits
from latentode.serve.metrics import Metrics
from latentode.serve.pool import Pool
from latentode.serve.worker import ServedModel


class Worker:
    """A process that answers when it is let: what the pool asks of it is written down."""

    made: ClassVar[list] = []

    def __init__(self, served, limits):
        del served, limits
        self.asked, self.seconds, self.ended, self.at_once = [], [], False, None
        self.let = threading.Event()
        self.process = self
        self.made.append(self)

    def is_alive(self):
        return not self.ended

    def wait_until_ready(self):
        return {}

    def ask(self, head, content, seconds):
        del head
        self.asked.append(content)
        self.seconds.append(seconds)
        self.let.wait()
        if content == b"late":
            raise TimeoutError
        return {"status": 200}, content

    def end(self, *, at_once):
        self.ended, self.at_once = True, at_once


@pytest.fixture
def made(monkeypatch):
    """Processes that were made, the oldest first."""
    monkeypatch.setattr(Worker, "made", [])
    monkeypatch.setattr(pools, "_Worker", Worker)
    monkeypatch.setattr(pools, "_RELOADED", 0.01)
    yield Worker.made
    for worker in Worker.made:
        worker.let.set()


async def until(ready):
    while not ready():
        await asyncio.sleep(0.001)


def begun(**limits):
    said = []
    pool = Pool(ServedModel("nowhere"), Limits(**limits), on_internal=said.append)
    pool.said = said
    pool.start()
    return pool


def test_who_waited_too_long_costs_no_process(made):
    async def all_of_it():
        pool = begun(seconds=0.2)
        first = asyncio.create_task(pool.ask({}, b"first"))
        await until(lambda: made[0].asked)
        waited = await pool.ask({}, b"waited")
        assert (waited.status, "no place within 0.2 seconds" in waited.message) == (503, True)
        # a turn that comes at the last moment is a whole one
        made[0].let.set()
        assert (await first).status == 200
        assert (await pool.ask({}, b"last")).content == b"last"
        assert made[0].asked == [b"first", b"last"]
        assert made[0].seconds == [0.2, 0.2]
        assert (len(made), pool.counts.restarts, pool.is_ready) == (1, 0, True)
        pool.end()

    asyncio.run(all_of_it())


async def asked(app, body, gone):
    """Status of a request, whose client goes away when it is told; None where none was sent."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    sent = []

    async def receive():
        if messages:
            return messages.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    head = [(b"content-type", b"text/csv")]
    scope = {
        "type": "http", "method": "POST", "path": "/forecast", "query_string": b"", "headers": head,
    }  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"]


def test_those_that_went_away_hold_no_place(made):
    async def all_of_it():
        pool = begun(waiting=4)
        app = make_app(pool, Metrics((), "0"), "0", "model")
        gone, stays = asyncio.Event(), asyncio.Event()
        closed = [asyncio.create_task(asked(app, b"%d" % each, gone)) for each in range(4)]
        await until(lambda: pool.counts.waiting == 4)
        assert await asked(app, b"no place", stays) == 503
        gone.set()
        assert await asyncio.gather(*closed) == [499] * 4
        await until(lambda: pool.counts.waiting == 0)
        last = asyncio.create_task(asked(app, b"last", stays))
        made[0].let.set()
        assert await last == 200
        # the first was computed already; the process goes on with it, and with none of the others
        assert made[0].asked == [b"0", b"last"]
        assert len(made) == 1
        pool.end()

    asyncio.run(all_of_it())


def test_who_went_away_and_took_too_long_has_the_process_replaced(made):
    async def all_of_it():
        pool = begun()
        task = asyncio.create_task(pool.ask({}, b"late"))
        await until(lambda: made[0].asked)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        made[0].let.set()
        await until(lambda: len(made) == 2)
        made[1].let.set()
        assert (await pool.ask({}, b"next")).content == b"next"
        assert (made[0].ended, pool.counts.restarts) == (True, 1)
        pool.end()

    asyncio.run(all_of_it())


@pytest.mark.parametrize("step", ["__init__", "wait_until_ready"])
def test_a_process_that_cannot_be_started_is_tried_again(made, monkeypatch, step):
    whole, failures = getattr(Worker, step), [ModuleNotFoundError("x"), OSError("no space")]

    def failing(self, *rest):
        if failures:
            raise failures.pop()
        return whole(self, *rest)

    async def all_of_it():
        pool = begun()
        monkeypatch.setattr(Worker, step, failing)
        late = asyncio.create_task(pool.ask({}, b"late"))
        await until(lambda: made[0].asked)
        made[0].let.set()
        assert (await late).status == 503
        await until(lambda: pool.is_ready)
        made[-1].let.set()
        assert (await pool.ask({}, b"next")).content == b"next"
        said = "the model cannot be loaded again: "
        assert pool.said == [f"{said}no space", f"{said}x"]
        assert [worker.ended for worker in made] == [True] * (len(made) - 1) + [False]
        pool.end()

    asyncio.run(all_of_it())


def test_a_process_that_is_half_made_leaves_nothing(monkeypatch, tmp_path):
    def refused(process):
        raise OSError(f"{process.name}: too many open files")

    monkeypatch.setattr(pools, "_in_memory", lambda: str(tmp_path))
    monkeypatch.setattr(get_context("spawn").Process, "start", refused)
    pool = Pool(ServedModel("nowhere"), Limits())
    with pytest.raises(OSError, match="too many open files"):
        pool.start()
    pool.end()
    assert [*tmp_path.iterdir()] == []


def test_a_stop_while_models_are_loaded_waits_for_none(made, monkeypatch):
    asked = []

    def stopped(worker):
        asked.append(worker)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return {}

    monkeypatch.setattr(Worker, "wait_until_ready", stopped)
    pool = Pool(ServedModel("nowhere"), Limits(), workers=3)
    with pytest.raises(KeyboardInterrupt):
        pool.start()
    pool.end()
    assert len(made) == 3
    assert [worker.at_once for worker in made] == [worker is not asked[0] for worker in made]
