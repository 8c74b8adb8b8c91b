"""What the server tells Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from latentode.serve.pool import Counts

#: Type of the text.
MEDIA = CONTENT_TYPE_PLAIN_0_0_4
# seconds, from a short forecast to the longest answer
_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Metrics:
    """Counts requests, by addresses of which there are few.

    Args:
        addresses: Addresses that there are; all others are counted as one.
        version: Version of the package.
    """

    def __init__(self, addresses: tuple[str, ...], version: str) -> None:
        self._addresses = frozenset(addresses)
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "latentode_requests",
            "Requests that were answered, by address and status.",
            ("address", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "latentode_request_seconds",
            "Seconds from the head of a request to the end of its answer.",
            ("address",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._open = Gauge(
            "latentode_open_requests", "Requests that are not answered yet.", registry=self.registry
        )
        build = Gauge("latentode_build", "1.", ("version",), registry=self.registry)
        build.labels(version).set(1)
        ProcessCollector(registry=self.registry)

    def follow(self, counts: Counts) -> None:
        """Tell what happens in a pool, too.

        Args:
            counts: What happens in it.
        """
        self.registry.register(_OfPool(counts))

    def answering(self, scope: Mapping[str, Any]) -> Answering:
        """What follows one request.

        Args:
            scope: As in ASGI.
        """
        address = scope["path"] if scope["path"] in self._addresses else "other"
        return Answering(self, address)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)

    def began(self) -> None:
        """Count a request that is to be answered."""
        self._open.inc()

    def ended(self, address: str, status: int, seconds: float) -> None:
        """Count one that was.

        Args:
            address: Where.
            status: How.
            seconds: How long it took.
        """
        self._open.dec()
        self._requests.labels(address, str(status)).inc()
        self._seconds.labels(address).observe(seconds)


class _OfPool(Collector):
    """Numbers that a pool keeps."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        waits = "Requests that are answered or wait for that."
        yield GaugeMetricFamily("latentode_pool_waiting", waits, self._counts.waiting)
        for name, text in (
            ("restarts", "Processes that took the place of one that was ended or died."),
            ("refused", "Requests that found no place."),
            ("late", "Requests that took too long."),
            ("died", "Requests whose process died."),
        ):
            yield CounterMetricFamily(f"latentode_pool_{name}", text, getattr(self._counts, name))


class Answering:
    """One request, while it is answered.

    Args:
        metrics: Counts it at its end.
        address: Where it is asked.
    """

    def __init__(self, metrics: Metrics, address: str) -> None:
        self._metrics, self._address = metrics, address
        self._status, self._since = 499, 0.0  # a request that went away before it was answered

    def begin(self, status: int) -> None:
        """Note the status.

        Args:
            status: The status.
        """
        self._status = status

    def __enter__(self) -> Answering:
        self._since = time.perf_counter()
        self._metrics.began()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._metrics.ended(self._address, self._status, time.perf_counter() - self._since)
