"""Load on a server, from a process of its own: one kept connection, one request after another."""

from __future__ import annotations

import http.client
import json
import statistics
import sys
import time
from pathlib import Path


def load(port: int, path: str, body: bytes, number: int) -> dict[str, float]:
    """Ask a number of times; milliseconds of the median and of the 99th percentile, and a rate.

    Args:
        port: Of the server on this machine.
        path: What is asked, with its parameters.
        body: A log.
        number: How often.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    head = {"Content-Type": "text/csv", "Accept": "text/csv"}
    taken = []
    for _ in range(number):
        begun = time.perf_counter()
        connection.request("POST", path, body, head)
        answer = connection.getresponse()
        content = answer.read()
        taken.append(1e3 * (time.perf_counter() - begun))
        if answer.status != 200:
            raise SystemExit(content.decode())
    taken = sorted(taken)
    return {
        "median_ms": statistics.median(taken),
        "p99_ms": taken[int(0.99 * (len(taken) - 1))],
        "per_second": 1e3 * number / sum(taken),
    }


if __name__ == "__main__":
    _port, _path, _file, _number = sys.argv[1:]
    sys.stdout.write(json.dumps(load(int(_port), _path, Path(_file).read_bytes(), int(_number))))
