"""How far a training is: one bar that moves on a terminal, one line per epoch elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from latentode.cli.runs.epoch_line import epoch_line
from latentode.progress_bar import (
    Display,
    PartCounts,
    parts_bar,
    reading_bar,
    scoring_bar,
    training_bar,
)

if TYPE_CHECKING:
    from latentode.cli.session import Session


_LINES = 20  # about parts, where no bar can be shown


@contextmanager
def training_display(session: Session) -> Iterator[Display]:
    """Show a training while the block runs, as the terminal and the options of the call allow."""
    if not session.is_live:
        yield partial(_say_epoch, session)
        return

    with training_bar(session.console) as display:
        yield display


@contextmanager
def scoring_display(session: Session) -> Iterator[Callable[[int, int], None] | None]:
    """Show how many readings are scored while the block runs; None where nothing can be shown."""
    if not session.is_live or session.json_output:
        yield None
        return

    with scoring_bar(session.console) as display:
        yield display


@contextmanager
def parts_display(session: Session) -> Iterator[PartCounts]:
    """Show how many parts are done while the block runs: a bar, or a line now and then."""
    if session.is_live and not session.json_output:
        with parts_bar(session.console) as display:
            yield display
        return
    yield _PartLines(session)


class _PartLines:
    """A line whenever a further twentieth of the parts is done."""

    def __init__(self, session: Session) -> None:
        self._session, self._said, self._first = session, 0, 0
        self._began = time.monotonic()

    def __call__(self, done: int, total: int, failed: int) -> None:
        ended = done + failed
        if not self._said:
            self._first = ended - 1  # what stood already took no time
        share = ended * _LINES // total
        if share == self._said and ended < total:
            return
        self._said = share
        rate = (ended - self._first) / max(time.monotonic() - self._began, 1e-9)
        left = (total - ended) / rate
        text = f"{ended:,} of {total:,} parts, {rate:.3g} a second"
        text += f", {timedelta(seconds=round(left))} left"
        facts = {"done": done, "parts": total, "failed": failed, "left_seconds": round(left, 1)}
        self._session.note(
            text + (f", {failed:,} failed" if failed else ""), kind="parts", facts=facts
        )


@contextmanager
def reading_display(session: Session) -> Iterator[Callable[[int, int], None] | None]:
    """Show how many bytes are read while the block runs; None where nothing can be shown."""
    if not session.is_live or session.json_output:
        yield None
        return

    with reading_bar(session.console) as display:
        yield display


def _say_epoch(session: Session, event: Mapping[str, Any]) -> None:
    """One line per epoch."""
    if event["event"] == "epoch":
        session.note(epoch_line(event), kind="epoch", facts=event)
