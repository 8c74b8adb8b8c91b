"""What a training reports, on the screen and in the run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from latentode.cli.runs.progress import Display
from latentode.cli.runs.run_folder import RunFolder
from latentode.cli.session import Session
from latentode.model_card import SCORED


class Listener:
    """Says what a training reports, and keeps the figures for the answer.

    Args:
        session: Session of the call.
        folder: Folder of the run, whose log and scores are written; None writes nothing.
        display: Shows steps and epochs.
    """

    def __init__(self, session: Session, folder: RunFolder | None, display: Display) -> None:
        self._session = session
        self._folder = folder
        self._display = display
        self._best: Mapping[str, Any] = {}
        self._last: Mapping[str, Any] = {}

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take what a training reports.

        Args:
            event: "event" says what it is.
        """
        kind = str(event["event"])
        if kind == "scores":
            self._scores(event["scores"])
            return
        if self._folder is not None and kind != "step":
            self._folder.append_log(event)
        tell: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "plan": lambda e: self._session.lines("plan", e.get("lines", [])),
            "step": self._display,
            "epoch": self._epoch,
        }
        tell.get(kind, self._other)(event)

    def _epoch(self, event: Mapping[str, Any]) -> None:
        self._last = event
        if event.get("best"):
            self._best = event
        self._display(event)

    def _scores(self, scores: Mapping[str, Any]) -> None:
        """Of the model before its refit, on what was held out; as `evaluate` writes them."""
        if self._folder is not None and scores:
            about = {"split": "test", "log": None, "trainings": 1}
            self._folder.write_json("metrics.json", {**scores, SCORED: about})
        for task, result in scores.items():
            for sentence in result.get("sentences", ()):
                self._session.note(f"on the part held out, {task}: {sentence}")

    def _other(self, event: Mapping[str, Any]) -> None:
        text = event.get("text") or event.get("message") or event.get("reason")
        if text:
            self._session.note(str(text), kind=str(event["event"]), facts=event)

    def metrics(self) -> dict[str, Any]:
        """Figures of the best and of the last epoch."""
        best, last = self._best, self._last
        if not last:
            return {}
        return {
            "validation_crps": best.get("validation_crps"),
            **({"label_loss": best["label_loss"]} if "label_loss" in best else {}),
            "best_epoch": best.get("epoch"),
            "epochs": last.get("epoch"),
            "steps": last.get("step"),
            "train_loss": last.get("train_loss"),
        }
