"""How far a training is: one bar that moves on a terminal, one line per epoch elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from latentode.cli.runs.epoch_line import epoch_line

if TYPE_CHECKING:
    from rich.progress import Progress

    from latentode.cli.session import Session


# of a usual line, and of the ^C that a terminal writes behind it, which must not begin a new one
_TEXT_WIDTH = 70


#: Shows a step or epoch event of the trainer.
Display = Callable[[Mapping[str, Any]], None]


@contextmanager
def training_display(session: Session) -> Iterator[Display]:
    """Show a training while the block runs, as the terminal and the options of the call allow."""
    if not session.is_live:
        yield partial(_say_epoch, session)
        return

    from rich.progress import BarColumn, Progress, TextColumn

    progress = Progress(
        TextColumn("{task.fields[epoch]}"),
        BarColumn(bar_width=max(4, min(24, session.console.width - _TEXT_WIDTH))),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[figures]}"),
        console=session.console,
        auto_refresh=False,  # drawn when an event comes: a thread would take time from training
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with progress:
        session.console.show_cursor()  # hidden, it would stay so after a kill or a second Ctrl-C
        yield _Bar(progress)


def _say_epoch(session: Session, event: Mapping[str, Any]) -> None:
    """One line per epoch."""
    if event["event"] == "epoch":
        session.note(epoch_line(event), kind="epoch", facts=event)


class _Bar:
    """A bar over the steps, with epoch, validation CRPS and time left."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, epoch="training", figures="")
        self._known: dict[str, Any] = {}

    def __call__(self, event: Mapping[str, Any]) -> None:
        known = self._known
        known.update({key: value for key, value in event.items() if key != "event"})
        if event["event"] == "epoch" and event.get("best"):
            known["best_crps"] = event.get("validation_crps")
        total = known.get("total_epochs")
        self._progress.update(
            self._task,
            total=known.get("total_steps"),
            completed=known.get("step", 0),
            epoch=f"epoch {known.get('epoch', 0)}" + (f"/{total}" if total else ""),
            figures=_figures(known),
            refresh=True,
        )


def _figures(known: Mapping[str, Any]) -> str:
    named = {"train_loss": "loss", "validation_crps": "crps", "best_crps": "best"}
    shown = {name: known[key] for key, name in named.items() if known.get(key) is not None}
    parts = [f"{name} {value:.4g}" for name, value in shown.items()]
    left = known.get("eta_seconds")
    if left is not None and left >= 0.5:
        parts.append(f"{timedelta(seconds=round(left))} left")
    return "  ".join(parts)
