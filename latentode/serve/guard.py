"""What every request passes before it is looked at: host, origin, token, form and size of the body.

Written for ASGI itself, not for a framework, as it has to hold for addresses that do not exist too.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from latentode.serve.limits import Limits
from latentode.serve.metrics import Metrics

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

#: Bodies that are read.
MEDIA = ("text/csv", "application/json")
#: Addresses that hold nothing of the model, so that they need no token.
OPEN = frozenset({"/", "/health", "/openapi.json"})
_LINGER = 2.0  # seconds in which what is sent to a refused request is taken, and thrown away
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone.

    Args:
        host: Name or number.

    Example:
        >>> from latentode.serve.guard import is_loopback
        >>> [is_loopback(each) for each in ("127.0.0.1", "localhost", "::1", "0.0.0.0")]
        [True, True, True, False]
    """
    if host.lower() == "localhost":
        return True
    number = _number(host)
    return number is not None and number.is_loopback


def _number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def error_body(kind: str, message: str) -> bytes:
    """An error as it is answered.

    Args:
        kind: Its kind, as the command line has it.
        message: What is wrong, and what to do.
    """
    content = {"error": {"kind": kind, "message": message}}
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


@dataclass(frozen=True)
class _Refusal:
    status: int
    message: str
    kind: str = "request"
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass
class Guard:
    """Lets requests through to an app, their bodies whole, or refuses them.

    Attributes:
        app: The app.
        limits: What a request may cost.
        metrics: Counts what is refused.
        token: What requests have to bring; None where nothing is asked.
        hosts: Names under which the server may be asked, besides numbers and localhost.
    """

    app: App
    limits: Limits
    metrics: Metrics
    token: str | None = None
    hosts: frozenset[str] = field(default_factory=frozenset)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request.

        Args:
            scope: As in ASGI.
            receive: Likewise.
            send: Likewise.
        """
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        answering = self.metrics.answering(scope)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                answering.begin(message["status"])
                message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
            # who does not read what he asked for is not waited for
            await asyncio.wait_for(send(message), self.limits.seconds)

        with answering:
            refusal = self._refused(scope)
            if refusal is not None:
                await _refuse(refusal, receive, told)
                return
            try:
                body = await asyncio.wait_for(self._body(receive), self.limits.seconds)
            except TimeoutError:
                await _refuse(_Refusal(408, "body: not received in time."), receive, told)
                return
            if isinstance(body, _Refusal):
                await _refuse(body, receive, told)
            elif body is not None:
                await self.app(scope, _once(body, receive), told)

    def _refused(self, scope: Mapping[str, Any]) -> _Refusal | None:
        """Why a request is not even read; None for one that is."""
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key = name.decode("latin-1")
            if key in headers and key in ("host", "content-length", "content-type", "origin"):
                return _Refusal(400, f"{key}: expected once, got twice.")
            headers[key] = value.decode("latin-1")
        return (
            self._under_another_name(headers)
            or self._of_another_site(scope, headers)
            or self._without_token(scope["path"], headers)
            or self._of_another_form(headers)
        )

    def _under_another_name(self, headers: Mapping[str, str]) -> _Refusal | None:
        """Names may be made to point here by others (DNS rebinding); numbers cannot."""
        name = _host_name(headers.get("host", ""))
        if name == "localhost" or _number(name) is not None or name in self.hosts:
            return None
        return _Refusal(
            421,
            f"host: expected the name of this server, got {name[:80]!r}. Allow it with "
            "--allowed-host.",
        )

    def _of_another_site(
        self, scope: Mapping[str, Any], headers: Mapping[str, str]
    ) -> _Refusal | None:
        """A page of somebody else, which the browser of the user was led to, may ask nothing."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if origin is not None:
            theirs = origin.partition("://")[2].lower()
            # a proxy may hand on another host than the browser asked
            if theirs != host.lower() and _host_name(theirs) not in self.hosts:
                return _Refusal(
                    403,
                    f"origin: expected a page of {host[:80]!r}, got one of {origin[:80]!r}. Where "
                    "a proxy gave this server another name than its page has, allow that with "
                    "--allowed-host.",
                )
        site = headers.get("sec-fetch-site", "none")
        if site not in ("none", "same-origin") and not _opens_the_page(scope, headers):
            return _Refusal(
                403, f"sec-fetch-site: expected a page of this server, got {site[:40]!r}."
            )
        return None

    def _without_token(self, path: str, headers: Mapping[str, str]) -> _Refusal | None:
        if self.token is None or path in OPEN:
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        # of equal length whatever is given, so that the time tells nothing
        same = hmac.compare_digest(given.strip().encode("latin-1"), self.token.encode())
        if scheme.lower() == "bearer" and same:
            return None
        message = "authorization: expected the token of this server, as Bearer, got "
        message += "another." if given else "none."
        return _Refusal(401, message, headers=((b"www-authenticate", b"Bearer"),))

    def _of_another_form(self, headers: Mapping[str, str]) -> _Refusal | None:
        coding = headers.get("content-encoding", "identity").lower()
        if coding != "identity":
            return _Refusal(
                415, f"content-encoding: expected none, got {coding[:40]!r}. Send it unpacked."
            )
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            return _Refusal(400, "content-length: expected a number.")
        if int(length[:18]) > self.limits.body or len(length) > 18:
            return self._too_large()
        has_body = length.strip("0") != "" or "transfer-encoding" in headers
        media = media_of(headers.get("content-type", ""))
        if has_body and media not in MEDIA:
            return _Refusal(
                415, f"content-type: expected {' or '.join(MEDIA)}, got {media[:40]!r}."
            )
        return None

    def _too_large(self) -> _Refusal:
        return _Refusal(413, f"body: expected at most {self.limits.body:,} bytes, got more.")

    async def _body(self, receive: Receive) -> bytes | _Refusal | None:
        """The whole body; None where who sent it went away."""
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            part = message.get("body", b"")
            size += len(part)
            if size > self.limits.body:
                return self._too_large()
            parts.append(part)
            if not message.get("more_body"):
                return b"".join(parts)


def media_of(content_type: str) -> str:
    """The type without its parameters.

    Args:
        content_type: Value of the header.
    """
    return content_type.partition(";")[0].strip().lower()


def _opens_the_page(scope: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    """Whether somebody follows a link to the page, or comes from where one logs in.

    It is opened as a page of its own then, which the other site cannot look into.
    """
    mode, of = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    is_page = scope["method"] == "GET" and scope["path"] == "/"
    return is_page and mode == "navigate" and of == "document"


def _host_name(host: str) -> str:
    """A host without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower().rstrip(".")


def _once(body: bytes, receive: Receive) -> Receive:
    """What gives a body that was received already, and then what comes after it."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


async def _refuse(refusal: _Refusal, receive: Receive, send: Send) -> None:
    """Answer, and take what is still sent for a moment: a connection that is closed hides it."""
    content = error_body(refusal.kind, refusal.message)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
        *refusal.headers,
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": True})

    async def drain() -> None:
        while True:
            message = await receive()
            if message["type"] != "http.request" or not message.get("more_body"):
                return

    with suppress(TimeoutError):
        await asyncio.wait_for(drain(), _LINGER)
    await send({"type": "http.response.body", "body": b"", "more_body": False})
