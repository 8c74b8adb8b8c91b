"""Listening: one socket, one loop, and an end that lets what was asked be answered."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from latentode.errors import ConfigError, ResourceError
from latentode.files.signals import handling
from latentode.serve.app import ADDRESSES, make_app
from latentode.serve.guard import Guard, error_body, is_loopback
from latentode.serve.limits import Limits
from latentode.serve.metrics import Metrics
from latentode.serve.pool import Pool

_BACKLOG = 128  # connections that wait to be accepted
_KEPT = 15  # seconds that a connection is kept without a request
_HEAD = 10.0  # seconds in which the head of a request has to be there
_HEAD_BYTES = 16_384  # of a head


@dataclass(frozen=True)
class Address:
    """Where to listen, and to whom.

    Attributes:
        host: Name or number of the interface.
        port: Port; 0 takes a free one.
        token: What requests have to bring; None for nothing.
        open_to_all: Whether there need be no token where others can reach the server.
        hosts: Names under which it may be asked, besides numbers and localhost.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    open_to_all: bool = False
    hosts: tuple[str, ...] = field(default_factory=tuple)

    def check(self) -> None:
        """Refuse to be reached by others without a token.

        Raises:
            ConfigError: If it would.
        """
        if self.token is None and not is_loopback(self.host) and not self.open_to_all:
            raise ConfigError(
                f"--host: expected a token where others can reach the server, got {self.host} "
                "without one. Set LATENTODE_TOKEN or pass --token-file, or pass --no-token where "
                "something in front of it asks who they are."
            )

    def bound(self) -> socket.socket:
        """The socket, which listens already.

        Raises:
            ResourceError: If it cannot.
        """
        try:
            info = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            return socket.create_server(info[4][:2], family=info[0], backlog=_BACKLOG)
        except OSError as error:
            raise ResourceError(
                f"{self.host}:{self.port}: cannot be listened on ({error.strerror or error}). "
                "Choose another --port or --host."
            ) from None


class _Protocol(H11Protocol):
    """Connections of uvicorn, of which there are not too many, nor ones that never ask."""

    _timer: Any = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.config.limits.connections:  # type: ignore[attr-defined]
            content = error_body("busy", "server: too many connections.")
            head = f"HTTP/1.1 503 \r\ncontent-length: {len(content)}\r\nretry-after: 1\r\n"
            head += "content-type: application/json\r\nconnection: close\r\n\r\n"
            transport.write(head.encode() + content)
            transport.close()
            return
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._expect_head()
        else:
            self._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        """Close the connection unless a whole head comes in time, however slowly it drips."""
        if self._timer is None:
            self._timer = self.loop.call_later(_HEAD, self._gave_up)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _gave_up(self) -> None:
        self._timer = None
        busy = self.cycle is not None and not self.cycle.response_complete
        if not busy and not self.transport.is_closing():
            self.transport.close()


class _Config(uvicorn.Config):
    """Settings of uvicorn, with what a request may cost beside them."""

    limits: Limits


class _Server(uvicorn.Server):
    """A server that ends as the other commands do.

    Attributes:
        stopped_by: Signal that it was ended by; None without one.
    """

    stopped_by: int | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with handling(self.handle_exit):
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        del frame
        self.force_exit = self.stopped_by is not None  # the second ends it at once
        self.should_exit, self.stopped_by = True, sig


def run(
    pool: Pool,
    address: Address,
    *,
    title: str,
    version: str,
    on_ready: Callable[[str], None],
) -> int | None:
    """Serve until a signal asks to stop; what was asked before is still answered.

    Args:
        pool: What answers.
        address: Where to listen, and to whom.
        title: What is served.
        version: Version of the package.
        on_ready: Called with the address of the page, once requests are answered.

    Returns:
        Number of the signal.

    Raises:
        ConfigError: If it would be reached by others without a token.
        ResourceError: If the address cannot be listened on.
        LatentODEError: If the model cannot be loaded.
    """
    address.check()
    with address.bound() as listening:
        try:
            pool.start()
            metrics = Metrics(ADDRESSES, version)
            metrics.follow(pool.counts)
            guard = Guard(
                make_app(pool, metrics, version, title),
                pool.limits,
                metrics,
                address.token,
                frozenset(name.lower() for name in address.hosts),
            )
            config = _Config(
                guard, http=_Protocol, ws="none", lifespan="off", log_config=None,
                access_log=False, server_header=False, timeout_keep_alive=_KEPT,
                timeout_graceful_shutdown=int(2 * pool.limits.seconds) + 1,  # waits, is computed
                h11_max_incomplete_event_size=_HEAD_BYTES, proxy_headers=False,
            )  # fmt: skip
            config.limits = pool.limits
            server = _Server(config)
            host, port = listening.getsockname()[:2]
            on_ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
            server.run(sockets=[listening])
            return server.stopped_by
        finally:
            pool.end()
