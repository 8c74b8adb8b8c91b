"""How far a training is: one bar that moves on a terminal, one line per epoch elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from latentode.cli.runs.epoch_line import epoch_line
from latentode.progress_bar import Display, scoring_bar, training_bar

if TYPE_CHECKING:
    from latentode.cli.session import Session


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


def _say_epoch(session: Session, event: Mapping[str, Any]) -> None:
    """One line per epoch."""
    if event["event"] == "epoch":
        session.note(epoch_line(event), kind="epoch", facts=event)
