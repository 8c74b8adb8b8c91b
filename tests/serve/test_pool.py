"""Who waits for the processes that answer: whatever happens to one, the pool goes on."""

import asyncio
import threading
from typing import ClassVar

import pytest

from latentode.serve import pool as pools
from latentode.serve.limits import Limits
from latentode.serve.pool import Pool
from latentode.serve.worker import ServedModel


class Worker:
    """A process that answers when it is let: what the pool asks of it is written down."""

    made: ClassVar[list] = []

    def __init__(self, served, limits):
        del served, limits
        self.asked, self.seconds, self.ended = [], [], False
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
        del at_once
        self.ended = True


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
