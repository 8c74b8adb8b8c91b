"""What is asked under which address, and what comes back."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from latentode.serve import metrics as metric_texts
from latentode.serve.described import body_schema, failures, successes
from latentode.serve.guard import MEDIA, error_body, media_of
from latentode.serve.metrics import Metrics
from latentode.serve.page import page
from latentode.serve.pool import Pool, Reply
from latentode.serve.questions import Events, Forecast, Inspection, Interpolation, Score

#: All addresses.
ADDRESSES = (
    "/", "/forecast", "/interpolate", "/score", "/events", "/inspect", "/info", "/health",
    "/metrics", "/openapi.json",
)  # fmt: skip
_GONE = 499  # status that is counted, and sent to nobody
_LONGEST_HEADER = 4_000  # characters of warnings in the head of an answer
_ABOUT = """\
Forecasts, interpolations and anomaly scores by one trained model.

Parameters are the options of the command line without their dashes. A body is a log, in CSV or as
JSON records; without one, what the model remembers of its training is asked about. The answer is
JSON, or CSV with `Accept: text/csv`, which is what the command line writes, byte for byte.
"""


def make_app(pool: Pool, metrics: Metrics, version: str, title: str) -> FastAPI:
    """The addresses of the server.

    Args:
        pool: What answers.
        metrics: What is told to Prometheus.
        version: Version of the package.
        title: What is served.
    """
    # the pages of FastAPI load scripts from elsewhere
    app = FastAPI(
        title="latentode", version=version, description=_ABOUT, docs_url=None, redoc_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    app.add_exception_handler(RequestValidationError, _refused_parameters)
    app.add_exception_handler(HTTPException, _refused_address)
    _add_questions(app, pool)
    shown = page()

    @app.get("/", response_class=HTMLResponse, summary="The page", include_in_schema=False)
    async def the_page() -> HTMLResponse:
        return HTMLResponse(shown)

    @app.get("/info", summary="What the model is of", responses=failures(401, 403, 421))
    async def info() -> Response:
        facts = {"version": version, "model": title, **pool.information, "limits": _limits(pool)}
        return Response(json.dumps(facts, allow_nan=False), media_type="application/json")

    @app.get(
        "/health", summary="Whether it can answer", responses={503: {"description": "It cannot."}}
    )
    async def health() -> Response:
        ready = pool.is_ready
        text = json.dumps({"status": "ok" if ready else "loading"})
        head = None if ready else {"retry-after": "5"}
        return Response(text, 200 if ready else 503, head, "application/json")

    @app.get(
        "/metrics", summary="Numbers for Prometheus", responses=_METRICS | failures(401, 403, 421),
        response_class=Response,
    )  # fmt: skip
    async def numbers() -> Response:
        return Response(metrics.text(), media_type=metric_texts.MEDIA)

    return app


_METRICS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Text.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


def _limits(pool: Pool) -> dict[str, Any]:
    limits = pool.limits
    names = ("body", "readings", "times", "draws", "horizons", "memory", "seconds", "waiting")
    return {name: getattr(limits, name) for name in names}


def _add_questions(app: FastAPI, pool: Pool) -> None:
    """Add what is asked of the model; each with its parameters, body and answers."""

    def add(what: str, summary: str, tables: Sequence[str], handler: Callable[..., Any]) -> None:
        app.post(
            f"/{what}",
            summary=summary,
            responses=successes(what) | failures(),
            response_class=Response,
            openapi_extra={"requestBody": body_schema(tables)},
        )(handler)

    async def forecast(request: Request, asked: Annotated[Forecast, Query()]) -> Response:
        return await _asked(pool, "forecast", request, asked)

    async def interpolate(request: Request, asked: Annotated[Interpolation, Query()]) -> Response:
        return await _asked(pool, "interpolate", request, asked)

    async def score(request: Request, asked: Annotated[Score, Query()]) -> Response:
        return await _asked(pool, "score", request, asked)

    async def events(request: Request, asked: Annotated[Events, Query()]) -> Response:
        return await _asked(pool, "events", request, asked)

    async def inspect(request: Request, asked: Annotated[Inspection, Query()]) -> Response:
        return await _asked(pool, "inspect", request, asked)

    add("forecast", "Beyond the last readings", ("readings", "times", "plan"), forecast)
    add("interpolate", "Between the readings", ("readings", "times"), interpolate)
    add("score", "How well each series and reading fits the model", ("readings",), score)
    add("events", "Rates of events, and what comes next", ("readings", "events"), events)
    add("inspect", "What is detected in a log", ("readings",), inspect)


async def _asked(pool: Pool, what: str, request: Request, asked: BaseModel) -> Response:
    wanted = _wanted(request.headers.get("accept", ""))
    if wanted is None:
        message = f"accept: {' or '.join(MEDIA)} is answered."
        return _answered(Reply(406, kind="request", message=message))
    if twice := _given_twice(request):
        message = f"{twice[:80]}: expected once, got several times."
        return _answered(Reply(422, kind="usage", message=message))
    given = asked.model_dump(by_alias=True, exclude_defaults=True)
    if (samples := getattr(asked, "samples", None)) is not None:
        given["samples"] = samples  # its default has to be within the limits too
    head = {
        "what": what,
        "asked": given,
        "media": media_of(request.headers.get("content-type", "")) or MEDIA[1],
        "wanted": wanted,
    }
    content = await request.body()
    reply = await _unless_gone(pool.ask(head, content), request)
    return Response(status_code=_GONE) if reply is None else _answered(reply)


async def _unless_gone(work: Coroutine[Any, Any, Reply], request: Request) -> Reply | None:
    """What comes of it; None, and the work is given up, where nobody is there any more to read it.

    Tabs that were closed, and clients that lost their patience, are not to hold places of others.
    """

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    asking, going = asyncio.create_task(work), asyncio.create_task(gone())
    try:
        await asyncio.wait((asking, going), return_when=asyncio.FIRST_COMPLETED)
        return asking.result() if asking.done() else None
    finally:
        asking.cancel()
        going.cancel()


def _given_twice(request: Request) -> str | None:
    """A parameter that stands twice, of which one would count in silence."""
    counts = Counter(name for name, _ in request.query_params.multi_items())
    return next((name for name, count in counts.items() if count > 1), None)


def _wanted(accept: str) -> str | None:
    """What is answered: the first type that is accepted, JSON where that leaves it open."""
    if not accept.strip():
        return MEDIA[1]
    for part in accept.split(","):
        media, *rest = (word.strip().lower() for word in part.split(";"))
        if "q=0" in rest:
            continue
        if media in MEDIA:
            return media
        if media in ("*/*", "application/*"):
            return MEDIA[1]
        if media == "text/*":
            return MEDIA[0]
    return None


def _answered(reply: Reply) -> Response:
    if reply.status == 200:
        head = {"content-disposition": "attachment"} if reply.media == MEDIA[0] else {}
        if reply.warnings:
            # JSON in ASCII; whole warnings, as many as there is room for
            said, room = [], _LONGEST_HEADER
            for each in reply.warnings:
                room -= len(json.dumps(each)) + 2
                if room < 0:
                    break
                said.append(each)
            head["latentode-warnings"] = json.dumps(said)
        media = "text/csv; charset=utf-8" if reply.media == MEDIA[0] else reply.media
        return Response(reply.content, 200, head, media)
    head = {} if reply.retry_after is None else {"retry-after": str(reply.retry_after)}
    return Response(error_body(reply.kind, reply.message), reply.status, head, "application/json")


async def _refused_parameters(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, RequestValidationError)
    said = []
    for each in error.errors():
        name = str(each["loc"][-1])[:80]
        if each["type"] == "extra_forbidden":
            said.append(f"{name}: unknown parameter.")
            continue
        message = each["msg"].removeprefix("Value error, ").rstrip(".")
        got = "" if ", got " in message else f", got {str(each.get('input'))[:80]!r}"
        said.append(f"{name}: {message}{got}.")
    return Response(error_body("usage", " ".join(said)), 422, media_type="application/json")


async def _refused_address(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {404: "no such address", 405: "method not allowed"}
    message = f"{words.get(error.status_code, error.detail)}: {request.method} "
    message += request.url.path[:200]
    return Response(
        error_body("request", message), error.status_code, error.headers, "application/json"
    )
