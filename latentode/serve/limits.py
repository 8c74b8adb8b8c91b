"""What a request may cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a request may cost; more is refused by name, before the work where it can be told.

    Attributes:
        body: Bytes of a body.
        readings: Readings of a log, and rows of it.
        times: Predicted times, of all series together.
        draws: Sample paths.
        horizons: How far ahead, in horizons of the training.
        memory: Bytes that a prediction may take, draws included.
        seconds: Of computing an answer; likewise of waiting for a turn, and of receiving a request.
        waiting: Requests that are answered or wait for that.
        connections: Connections that are open.
    """

    body: int = 2_000_000
    readings: int = 100_000
    times: int = 20_000
    draws: int = 1_000
    horizons: float = 10.0
    memory: int = 500_000_000
    seconds: float = 30.0
    waiting: int = 16
    connections: int = 200
