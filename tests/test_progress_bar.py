"""What a training shows from Python."""

import io

import rich.console
from rich.console import Console

from latentode import progress_bar
from latentode.progress_bar import bar_unless

EPOCH = {
    "event": "epoch", "epoch": 1, "total_epochs": 2, "step": 10, "total_steps": 20, "best": True,
    "train_loss": 0.25, "validation_crps": 0.5, "eta_seconds": 12.0,
}  # fmt: skip
STEP = {"event": "step", "step": 4, "total_steps": 20, "train_loss": 0.5, "eta_seconds": 60.0}


class Screen(Console):
    """A console that stands for a terminal, a notebook or neither."""

    def __init__(self, *, terminal=False, jupyter=False):
        self.text = io.StringIO()
        super().__init__(file=self.text, force_terminal=terminal, width=100)
        self.is_jupyter = jupyter


def said(monkeypatch, screen, on_event=None):
    monkeypatch.setattr(rich.console, "Console", lambda **_: screen)
    with bar_unless(on_event) as told:
        if told is not None:
            for event in ({"event": "note", "text": "a note"}, STEP, EPOCH):
                told(event)
    return told, screen.text.getvalue()


def test_a_bar_moves_on_a_terminal(monkeypatch):
    _, text = said(monkeypatch, Screen(terminal=True))
    assert "epoch 1/2" in text
    assert "50%" in text
    assert "a note" not in text


def test_nothing_is_shown_where_nobody_would_see_it(monkeypatch):
    assert said(monkeypatch, Screen()) == (None, "")


def test_the_caller_who_wants_to_be_told_is_told_alone(monkeypatch):
    events = []
    told, text = said(monkeypatch, Screen(terminal=True), events.append)
    assert [event["event"] for event in events] == ["note", "step", "epoch"]
    assert (told == events.append, text) == (True, "")


def test_a_notebook_without_widgets_has_a_line_per_epoch(monkeypatch):
    monkeypatch.setattr(progress_bar, "find_spec", lambda _: None)
    screen = Screen(jupyter=True)
    monkeypatch.setattr(screen, "print", lambda text, **_: screen.text.write(text + "\n"))
    _, text = said(monkeypatch, screen)
    assert text.splitlines() == ["epoch 1/2  loss 0.25  crps 0.5  0:00:12 left"]
