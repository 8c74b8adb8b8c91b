"""A thousand hostile requests, some of them slow: the server goes on, and takes no more memory."""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hostile_requests import drip, kinds, send
from served import serving

NUMBER, AT_ONCE = 1_000, 8
GREATEST = 150  # MB that the process that listens may take, with FastAPI and pandas loaded
ANSWERS = {200, 400, 403, 404, 405, 406, 408, 411, 413, 414, 415, 421, 422, 431, 501, 503}


def megabytes(process):
    """The most memory that a process took."""
    text = Path(f"/proc/{process}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) / 1_000


def children(process):
    return [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/stat")
        if int(path.read_text().rpartition(")")[2].split()[1]) == process
    ]


def storm(server, log, number, seed):
    """Send a number of requests, some at once; statuses that came back, by name of the request."""
    draw = random.Random(seed)
    asked = []
    while len(asked) < number:
        asked += kinds(draw, log).items()
    draw.shuffle(asked)

    def one(item):
        name, content = item
        first = send(server.port, content, stays=name != "goes away")
        return name, int(first.split()[1]) if first else None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, asked[:number]))


def test_hostile_requests_are_answered_by_what_is_wrong(server, body):
    expected = server.csv("/forecast", body).content
    for name, status in storm(server, body, 60, seed=1):
        assert status is None or status in ANSWERS, (name, status)
    assert server.csv("/forecast", body).content == expected


@pytest.mark.slow
def test_a_thousand_hostile_requests_leave_the_server_as_it_was(folder, body):
    with serving(folder / "run", "--max-body", "200kB", "--time-limit", "20s") as server:
        expected = server.csv("/forecast", body).content
        with ThreadPoolExecutor(1) as pool:
            dripping = pool.submit(drip, server.port, 40, 60.0)
            found = storm(server, body, NUMBER, seed=2)
            assert dripping.result() == 0
        for name, status in found:
            assert status is None or status in ANSWERS, (name, status)
        assert server.csv("/forecast", body).content == expected
        assert megabytes(server.process.pid) < GREATEST
        counts = server.get("/metrics").content.decode()
        assert "latentode_pool_waiting 0.0" in counts
        assert server.stop()[0] == 143
