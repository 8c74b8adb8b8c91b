"""Servers that tests start, each in a process of its own, and what is asked of them."""

import json
import os
import re
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection

from places import ROOT
from programs import PATIENCE, started


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: dict
    content: bytes

    @property
    def json(self):
        return json.loads(self.content, parse_constant=refuse_constant)

    @property
    def message(self):
        return self.json["error"]["message"]


def refuse_constant(name):
    raise AssertionError(f"{name} in JSON")


@dataclass
class Server:
    """A running server."""

    process: object
    address: str

    @property
    def port(self):
        return int(self.address.rstrip("/").rpartition(":")[2])

    def ask(self, method, path, body=None, **headers):
        """One request on a connection of its own; names of headers with _ for -."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, names)
            answer = connection.getresponse()
            head = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, head, answer.read())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def csv(self, path, body, **headers):
        """Send a log as CSV, take CSV."""
        kinds = {"content_type": "text/csv", "accept": "text/csv"}
        return self.ask("POST", path, body, **{**kinds, **headers})

    def post(self, path, content, **headers):
        """Send JSON, take JSON."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        kinds = {"content_type": "application/json", "accept": "application/json"}
        return self.ask("POST", path, body, **{**kinds, **headers})

    def stop(self, number=signal.SIGTERM):
        """Ask it to stop; what it wrote, and its exit code."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, errors


@contextmanager
def serving(run, *options, environment=None, program=ROOT / "cli.py"):
    """A server of a run while the block runs."""
    variables = {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})}
    words = [sys.executable, program, "serve", run, "--port", 0, *options]
    with started(*words, env=variables, cwd="/") as process:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if match := re.search(r"serving .* at (http://\S+)", line):
                try:
                    yield Server(process, match[1])
                finally:
                    if process.poll() is None:  # its end leaves nothing behind
                        process.terminate()
                        process.communicate(timeout=PATIENCE)
                return
        raise AssertionError("".join(lines))
