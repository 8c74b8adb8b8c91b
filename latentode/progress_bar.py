"""How far a training is, as one bar that moves: on a terminal, in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn

# of a usual line, and of the ^C that a terminal writes behind it, which must not begin a new one
_TEXT_WIDTH = 70

#: Is called with what a trainer tells.
Listener = Callable[[dict[str, Any]], None]
#: Is told how many parts of a log are done, how many there are, and how many have failed.
PartCounts = Callable[[int, int, int], None]
#: Shows a step or epoch event of the trainer.
Display = Callable[[Mapping[str, Any]], None]


@contextmanager
def training_bar(console: Console) -> Iterator[Display]:
    """Show a training as a bar while the block runs.

    Args:
        console: Where.
    """
    from rich.progress import TextColumn

    columns = [TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.fields[figures]}")]
    with _moving(console, TextColumn("{task.fields[epoch]}"), columns) as progress:
        yield _Bar(progress)


@contextmanager
def scoring_bar(console: Console) -> Iterator[Callable[[int, int], None]]:
    """Show how many readings are scored while the block runs.

    Args:
        console: Where.
    """
    from rich.progress import TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.fields[counts]}"), TimeRemainingColumn()]
    with _moving(console, TextColumn("scoring"), columns) as progress:
        task = progress.add_task("", total=None, counts="readings")

        def show(done: int, total: int) -> None:
            counts = f"{done:,} of {total:,} readings"
            progress.update(task, completed=done, total=total, counts=counts, refresh=True)

        yield show


@contextmanager
def parts_bar(console: Console) -> Iterator[PartCounts]:
    """Show how many parts of a log are done while the block runs, how fast, and the time left.

    Args:
        console: Where.
    """
    from rich.progress import TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.fields[counts]}"), TimeRemainingColumn()]
    with _moving(console, TextColumn("parts"), columns) as progress:
        task = progress.add_task("", total=None, counts="")

        def show(done: int, total: int, failed: int) -> None:
            speed = progress.tasks[0].speed
            counts = f"{done + failed:,} of {total:,}"
            counts += f", {speed:.3g} a second" if speed else ""
            counts += f", {failed:,} failed" if failed else ""
            progress.update(task, completed=done + failed, total=total, counts=counts, refresh=True)

        yield show


@contextmanager
def reading_bar(console: Console) -> Iterator[Callable[[int, int], None]]:
    """Show how many bytes of a log are read while the block runs.

    Args:
        console: Where.
    """
    from rich.progress import DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = [DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()]
    with _moving(console, TextColumn("reading"), columns) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total, refresh=True)


@contextmanager
def _moving(
    console: Console, first: ProgressColumn, columns: Sequence[ProgressColumn]
) -> Iterator[Progress]:
    """A bar with columns around it."""
    from rich.progress import BarColumn, Progress

    progress = Progress(
        first,
        BarColumn(bar_width=max(4, min(24, console.width - _TEXT_WIDTH))),
        *columns,
        console=console,
        auto_refresh=False,  # drawn when an event comes: a thread would take time from training
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with progress:
        console.show_cursor()  # hidden, it would stay so after a kill or a second Ctrl-C
        yield progress


@contextmanager
def bar_unless(on_event: Listener | None) -> Iterator[Listener | None]:
    """Who is told of a training: the caller who wants to be, else a bar where it can be seen.

    In a notebook without ipywidgets it is a line per epoch.

    Args:
        on_event: What the caller wants to be called; None for the bar, which needs a terminal or a
            notebook.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if on_event is not None or not (console.is_terminal or console.is_jupyter):
        yield on_event
        return
    if console.is_jupyter and find_spec("ipywidgets") is None:  # which a bar in a notebook needs
        yield partial(_say_epoch, console)
        return
    with training_bar(console) as display:
        yield lambda event: display(event) if event["event"] in ("step", "epoch") else None


def _say_epoch(console: Console, event: Mapping[str, Any]) -> None:
    if event["event"] == "epoch":
        figures = _figures(event)
        console.print(f"epoch {event['epoch']}/{event['total_epochs']}  {figures}", highlight=False)


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
