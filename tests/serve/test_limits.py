"""What is refused: who may ask, how much, and nothing of the server's own files."""

import asyncio
import gzip
import json

import pytest
from prometheus_client.parser import text_string_to_metric_families
from served import serving

from latentode.serve.guard import Guard
from latentode.serve.limits import Limits
from latentode.serve.metrics import Metrics

ZEROS = b"0" * 400  # of a whole number that is beyond all types
TOKEN = "a-token-of-more-than-sixteen-signs"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/forecast?horizon=9999h", "horizon: expected at most 2.5d, got"),
        ("/forecast?every=1s", "times: expected at most 500, got 21,600"),
        ("/interpolate?every=1s", "times: expected at most 500, got"),
        ("/forecast?horizon=490min&every=1min&samples=300", "a shorter --horizon or fewer series."),
        ("/forecast?horizon=490min&every=1min&samples=300", "expected at most 0.01 GB of memory"),
        ("/forecast?samples=301", "samples: expected at most 300, got 301"),
        ("/forecast?samples=0", "samples: Input should be greater than or equal to 1"),
        ("/forecast?samples=200&horizon=6h&samples=3", "samples: expected once, got several times"),
        ("/inspect?rows=3&rows=3", "rows: expected once, got several times"),
        ("/forecast?sample=3", "sample: unknown parameter"),
        ("/forecast?query=SELECT+1", "query: unknown parameter"),
        ("/forecast?max-channels=99999999", "max-channels: unknown parameter"),
        ("/forecast?quantiles=2", "quantiles: expected probabilities between 0 and 1"),
        ("/forecast?horizon=soon", "duration: expected a number with a unit"),
        ("/forecast?encoding=zlib", "--encoding: expected the name of an encoding"),
        ("/forecast?encoding=undefined", "--encoding: expected the name of an encoding"),
        ("/forecast?tz=../../etc/passwd", "zone"),
        ("/forecast?time-column=nowhere", "nowhere"),
        ("/inspect", "accept application/json"),
    ],
)
def test_what_is_too_much_or_unknown_is_refused_by_name(server, body, path, said):
    reply = server.csv(path, body)
    assert reply.status in (406, 422)
    assert said in reply.message
    assert len(reply.message.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"{", 400, "expected JSON"),
        (b'{"readings": [{"time": NaN}]}', 400, "NaN is no number of JSON"),
        (b'{"series": ["a"], "series": ["b"]}', 400, "twice"),
        (b"[" * 90_000, 400, "expected JSON"),
        (b'{"a":' * 30_000, 400, "expected JSON"),
        (b'{"series": ["\xff"]}', 400, "expected JSON"),
        (b"[1]", 400, "expected an object"),
        (b'{"series": []}', 422, "expected a list of ids"),
        (b'{"series": "north"}', 422, "expected a list of ids"),
        (b'{"log": "/etc/passwd"}', 422, "expected series, readings, times, plan"),
        (b'{"readings": "/etc/passwd"}', 422, "expected a list of records"),
        (b'{"readings": ["/etc/passwd"]}', 422, "expected a record"),
        (b'{"readings": [{"time": [1]}]}', 422, "expected text, a number or null"),
        (b'{"readings": [{"time": "x"}], "series": ["north"]}', 422, "no place with readings"),
        (b'{"series": ["north"], "times": "/etc/passwd"}', 422, "expected a list of records"),
        (b'{"series": ["north"], "plan": {}}', 422, "expected a plan"),
        (
            b'{"readings": [{"time": 1e999, "id": "x", "flow": 1, "level": 1e999}]}',
            422,
            "expected times in 'time', got 1 other cells",
        ),
        (
            b'{"readings": [{"time": 1%s, "id": "x", "flow": 1, "level": 1}]}' % ZEROS,
            422,
            "values inf are not an epoch",
        ),
        (
            b'{"readings": [{"time": "2025-03-01", "id": "x", "flow": 1, "level": 1%s}]}' % ZEROS,
            422,
            "column 'level': '1000",
        ),
        (b'{"readings": [{"time": 1%s}]}' % (b"0" * 5_000), 400, "expected JSON"),
        (
            b'{"series": ["north"], "times": [{"id": "north", "time": 1%s}]}' % ZEROS,
            422,
            "values inf are not an epoch",
        ),
    ],
)
def test_json_that_is_none_or_names_files_is_refused(server, content, status, said):
    reply = server.post("/forecast", content)
    assert reply.status == status
    assert said in reply.message


@pytest.mark.parametrize(
    ("width", "separators", "said"),
    [
        (
            2_000,
            ",",
            "expected at most 1000 channels, got 2002 columns. Send those of the model alone.",
        ),
        (
            10_000,
            ",;\t |",
            "expected at most 10,000 columns, got 10,002. Send those of the model alone.",
        ),
    ],
)
def test_tables_that_are_too_wide_are_refused_before_they_are_read(server, width, separators, said):
    row = {"time": "2025-03-01T00:00:00Z", "id": "x", **{f"c{each}": 1 for each in range(width)}}
    for separator in separators:
        log = f"{separator.join(row)}\n{separator.join(map(str, row.values()))}\n".encode()
        reply = server.csv("/forecast", log)
        assert (reply.status, said in reply.message) == (422, True), reply.message
    reply = server.post("/forecast", {"readings": [row]})
    assert (reply.status, said in reply.message) == (422, True), reply.message


def test_a_log_is_text_whatever_it_says_it_is(server, body):
    assert server.csv("/forecast", gzip.compress(body)).status == 415
    packed = server.csv("/forecast", gzip.compress(body), content_encoding="gzip")
    assert (packed.status, "content-encoding" in packed.message) == (415, True)
    for start in (b"SQLite format 3\x00", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"PAR1", b"ARROW1"):
        reply = server.csv("/forecast", start + b"\0" * 600)
        assert reply.status in (415, 422), start
    for name in (b"postgresql://127.0.0.1/x", b"/etc/passwd", b"-", b"*.csv"):
        reply = server.csv("/forecast", name)
        assert reply.status == 422
        assert b"root:" not in reply.content


def test_paths_lead_nowhere(server):
    for path in (
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/static/../../x",
        "//etc/passwd",
    ):
        reply = server.get(path)
        assert (reply.status, b"root:" in reply.content) == (404, False)
    assert server.get("/forecast").status == 405
    assert server.ask("DELETE", "/info").status == 405


def test_large_bodies_are_refused_before_and_while_they_come(server):
    reply = server.csv("/forecast", b"x" * 200_001)
    assert (reply.status, reply.message) == (
        413, "body: expected at most 200,000 bytes, got more.",
    )  # fmt: skip
    chunks = (b"a,b\n" * 1_000 for _ in range(100))
    assert server.csv("/forecast", chunks).status == 413
    many = b"time,id,level\n" + b"\n" * 199_900
    assert server.csv("/forecast", many).status == 422


def test_only_bodies_of_known_types_are_read(server, body):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert server.csv("/forecast", body, content_type=kind).status == 415
    assert server.csv("/forecast", body, content_type="text/csv; charset=utf-8").status == 200
    assert server.csv("/forecast", body, accept="image/png").status == 406
    assert server.csv("/forecast", body, accept="image/png, */*").status == 200


def test_pages_of_others_may_ask_nothing(server):
    assert server.get("/info", host="evil.example").status == 421
    assert server.get("/info", host="forecasts.example").status == 200
    assert server.get("/info", host="FORECASTS.example:8000").status == 200
    assert server.get("/info", host="192.168.1.7:8000").status == 200
    assert server.get("/info", host="127.0.0.1.evil.example").status == 421
    assert server.get("/info", origin="http://evil.example").status == 403
    assert server.get("/info", origin="null").status == 403
    assert server.get("/info", origin=server.address.rstrip("/")).status == 200
    assert server.get("/info", sec_fetch_site="cross-site").status == 403
    assert server.get("/info", origin="https://forecasts.example:8443").status == 200
    other = server.get("/info", origin="https://other.example", host="forecasts.example")
    assert (other.status, "'https://other.example'" in other.message) == (403, True)
    assert "--allowed-host" in other.message
    preflight = server.ask("OPTIONS", "/forecast", origin="http://evil.example")
    assert preflight.status == 403
    assert not [name for name in preflight.headers if name.startswith("access-control")]


LINK = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}


def test_a_link_of_another_site_opens_the_page_and_nothing_else(server, body):
    assert server.get("/", **LINK).status == 200
    for path in ("/info", "/metrics", "/openapi.json", "/health"):
        assert server.get(path, **LINK).status == 403
    assert server.csv("/forecast", body, **LINK).status == 403
    assert server.ask("POST", "/", **LINK).status == 403
    for changed in (
        {"sec_fetch_mode": "no-cors"}, {"sec_fetch_mode": "cors"}, {"sec_fetch_dest": "iframe"},
        {"sec_fetch_dest": "empty"}, {"origin": "https://evil.example"},
    ):  # fmt: skip
        assert server.get("/", **{**LINK, **changed}).status == 403, changed


def guarded(path, token, **headers):
    """Status that a guard with a token gives a request, and whether the app was asked."""
    asked, sent = [], []

    async def app(scope, receive, send):
        asked.append((scope["path"], await receive()))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    guard = Guard(app, Limits(), Metrics((path,), "0"), token)
    names = {"host": "localhost:8000", **headers}
    head = [(name.encode(), value.encode("latin-1")) for name, value in names.items()]
    scope = {"type": "http", "method": "GET", "path": path, "headers": head}
    asyncio.run(guard(scope, receive, send))
    return sent[0]["status"], bool(asked)


@pytest.mark.parametrize(
    "given", ["", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}",
              "Bearer \xe9", TOKEN],
)  # fmt: skip
def test_another_token_asks_nothing(given):
    headers = {"authorization": given} if given else {}
    assert guarded("/info", TOKEN, **headers) == (401, False)
    assert guarded("/nowhere", TOKEN, **headers) == (401, False)
    assert guarded("/health", TOKEN, **headers) == (200, True)
    assert guarded("/info", None, **headers) == (200, True)


def test_the_token_asks_everything():
    assert guarded("/info", TOKEN, authorization=f"Bearer {TOKEN}") == (200, True)
    assert guarded("/metrics", TOKEN, authorization=f"bearer  {TOKEN} ") == (200, True)


@pytest.mark.slow
def test_a_token_is_asked_for_everywhere_but_where_nothing_is_told(folder, body):
    with serving(folder / "run", environment={"LATENTODE_TOKEN": TOKEN}) as server:
        for path in ("/info", "/metrics", "/nowhere"):
            reply = server.get(path)
            assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
        for given in ("Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer \xe9", TOKEN):
            assert server.csv("/forecast", body, authorization=given).status == 401
        assert server.csv("/forecast", body, authorization=f"Bearer {TOKEN}").status == 200
        assert [server.get(path).status for path in ("/", "/health", "/openapi.json")] == [200] * 3
        status, errors = server.stop()
    assert status == 143
    assert TOKEN not in errors


METRICS = {
    "requests": "counter", "request_seconds": "histogram", "open_requests": "gauge",
    "build": "gauge", "pool_waiting": "gauge", "pool_restarts": "counter",
    "pool_refused": "counter", "pool_late": "counter", "pool_died": "counter",
}  # fmt: skip


def test_numbers_for_prometheus_count_what_was_asked(server, body):
    server.csv("/forecast", body)
    server.get("/somewhere/else")
    found = {
        family.name: family
        for family in text_string_to_metric_families(server.get("/metrics").content.decode())
    }
    counts = {
        (each.labels["address"], each.labels["status"]): each.value
        for each in found["latentode_requests"].samples
        if each.name == "latentode_requests_total"
    }
    assert counts["/forecast", "200"] >= 1
    assert counts["other", "404"] >= 1
    kinds = {name: found[f"latentode_{name}"].type for name in METRICS}
    assert kinds == METRICS
    for name in ("restarts", "refused", "late", "died"):
        samples = found[f"latentode_pool_{name}"].samples
        assert [each.name for each in samples] == [f"latentode_pool_{name}_total"]
    assert found["latentode_pool_restarts"].samples[0].value == 0
    assert "unknown" not in {family.type for family in found.values()}


def test_the_description_is_whole(server):
    found = json.loads(server.get("/openapi.json").content)
    questions = {"/forecast", "/interpolate", "/score", "/events", "/inspect"}
    assert questions | {"/info", "/health", "/metrics"} == set(found["paths"])
    for path in questions:
        responses = found["paths"][path]["post"]["responses"]
        assert {"200", "400", "401", "413", "415", "422", "503"} <= set(responses)
