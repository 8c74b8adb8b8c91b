"""Requests that mean harm, or come from broken programs: raw bytes, and how they are sent."""

import gzip
import json
import socket
import time
from contextlib import suppress

HEAD = "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n"
CSV, JSON = "Content-Type: text/csv\r\n", "Content-Type: application/json\r\n"


def request(path, body, kind, *, more="", length=None):
    size = len(body) if length is None else length
    head = HEAD.format(path=path, more=f"{kind}Content-Length: {size}\r\n{more}")
    return head.encode("latin-1") + body


def kinds(draw, log):
    """Name -> bytes of a request, each drawn anew."""
    rows = json.dumps(
        [{"time": f"2025-03-01T00:00:{i % 60:02}Z", "level": i} for i in range(2_000)]
    )
    times = json.dumps([{"time": f"2025-03-{i % 28 + 1:02}", "id": "north"} for i in range(4_000)])
    cut = draw.randrange(1, len(log))
    noise = bytes(draw.randrange(256) for _ in range(draw.randrange(1, 3_000)))
    place = draw.randrange(len(log))
    flipped = log[:place] + bytes([draw.randrange(256)]) + log[place + 1 :]
    deep = draw.choice([b"[", b'{"a":', b'{"readings":[']) * 15_000
    name = draw.choice(["../" * 9 + "etc/passwd", "file:///etc/passwd", "/proc/self/environ", "-"])
    word = draw.choice(["1e400", "NaN", "-Infinity", "9" * 5_000, '"\\ud800"', "null", "[]"])
    codec, method = draw.choice(["zlib", "idna", "punycode"]), draw.choice([b"TRACE", b"PUT", b"X"])
    many = draw.choice([10_000_000, 2**31, 2**63, 2**64])
    return {
        "truncated log": request("/forecast", log[:cut], CSV),
        "truncated body": request("/forecast", log[:cut], CSV, length=len(log)),
        "changed byte": request(draw.choice(["/forecast", "/score"]), flipped, CSV),
        "noise": request("/forecast", noise, draw.choice([CSV, JSON])),
        "noise instead of HTTP": noise,
        "one long line": request("/forecast", b"time,level\n" + b"9" * 150_000, CSV),
        "many columns": request("/forecast", b"time" + b",a" * 60_000 + b"\n1" + b",1" * 30, CSV),
        "quotes": request("/forecast", b'time,level\n"' * 9_000, CSV),
        "bomb": request("/forecast", gzip.compress(bytes(90_000_000)), CSV),
        "encoded bomb": request(
            "/forecast", gzip.compress(b"1,2\n" * 900_000), CSV, more="Content-Encoding: gzip\r\n"
        ),
        "codec": request(f"/forecast?encoding={codec}", log, CSV),
        "deep": request("/forecast", deep, JSON),
        "huge": request("/forecast", f'{{"readings": {rows}}}'.encode(), JSON),
        "times": request("/forecast", f'{{"series":["north"],"times":{times}}}'.encode(), JSON),
        "odd value": request("/forecast", f'{{"readings":[{{"time":{word}}}]}}'.encode(), JSON),
        "name of a file": request("/forecast", json.dumps({"readings": name}).encode(), JSON),
        "path": request("/" + name, b"", CSV),
        "steps": request(f"/forecast?horizon={many}h&every=1ns", log, CSV),
        "draws": request(f"/forecast?samples={many}", log, CSV),
        "declared length": request("/forecast", b"", CSV, length=many),
        "two lengths": request("/forecast", log, CSV, more="Content-Length: 3\r\n"),
        "chunks": HEAD.format(
            path="/forecast", more=f"{CSV}Transfer-Encoding: chunked\r\n"
        ).encode() + b"ffffffff\r\n" + log,
        "headers": request("/forecast", b"", CSV, more="X: y\r\n" * 5_000),
        "long header": request("/forecast", b"", CSV, more=f"X: {'y' * 100_000}\r\n"),
        "long query": request(f"/forecast?tz={'a' * 9_000}", log, CSV),
        "method": request("/forecast", b"", CSV).replace(b"POST", method),
        "format": request(f"/forecast?time-format={'%25d' * 60}", log, CSV),
        "goes away": request("/score", log, CSV),
    }  # fmt: skip


def send(port, content, *, stays=True, seconds=60.0):
    """First line of the answer, empty where there was none."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        with suppress(OSError):  # it may be refused before all is sent
            connection.sendall(content)
        if not stays:
            return b""
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            return connection.recv(65_536).split(b"\r\n")[0]
    return b""


def drip(port, number, seconds):
    """Connections that send a byte of a head now and then, till the server has closed them all."""
    dripping = [socket.create_connection(("127.0.0.1", port)) for _ in range(number)]
    until = time.monotonic() + seconds
    while dripping and time.monotonic() < until:
        for connection in [*dripping]:
            try:
                connection.sendall(b"G")
                connection.setblocking(False)
                with suppress(BlockingIOError):
                    if not connection.recv(1_000):
                        raise OSError
                connection.setblocking(True)
            except OSError:
                connection.close()
                dripping.remove(connection)
        time.sleep(0.2)
    left = len(dripping)
    for connection in dripping:
        connection.close()
    return left
