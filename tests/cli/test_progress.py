"""What a training shows while it runs: a bar on a terminal, lines elsewhere."""

import io
import os
import re
import signal
import sys

import pytest
from places import ROOT
from programs import ended, started
from rich.console import Console

from latentode.cli.runs.progress import training_display
from latentode.cli.session import Session

STEP = {"event": "step", "step": 5, "total_steps": 20, "train_loss": 1.25, "eta_seconds": 90}
EPOCH = {
    "event": "epoch", "epoch": 1, "step": 10, "total_epochs": 2, "total_steps": 20, "best": True,
    "train_loss": 1.5, "validation_crps": 0.375, "eta_seconds": 0.2,
}  # fmt: skip
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


def terminal(**options):
    session = Session(log_format="rich", **options)
    session.console = Console(file=io.StringIO(), force_terminal=True, width=80)
    return session


def shown(session, events):
    with training_display(session) as display:
        for event in events:
            display(event)
    return session.console.file.getvalue()


def frames_of(session, events):
    """The lines that were drawn, one after another."""
    plain = ESCAPE.sub("\n", COLOUR.sub("", shown(session, events)))
    return [line.strip() for line in plain.splitlines() if "%" in line]


def test_bar_shows_epoch_share_scores_and_time_left():
    text = frames_of(terminal(), [STEP, EPOCH])
    assert any(
        row.startswith("epoch 0 ") and "25%" in row and row.endswith("loss 1.25  0:01:30 left")
        for row in text
    )
    assert text[-1].startswith("epoch 1/2 ")
    assert "50%" in text[-1]
    assert text[-1].endswith("loss 1.5  crps 0.375  best 0.375")


def test_bar_keeps_the_best_score_when_an_epoch_is_worse():
    worse = {**EPOCH, "epoch": 2, "validation_crps": 0.5, "best": False}
    text = shown(terminal(), [EPOCH, worse])
    assert "crps 0.5  best 0.375" in text


def test_bar_fits_into_one_line_of_a_narrow_terminal():
    frames = frames_of(terminal(), [{**EPOCH, "eta_seconds": 5400}])
    assert len(frames[-1]) <= 78  # the terminal adds ^C
    assert frames[-1].endswith("loss 1.5  crps 0.375  best 0.375  1:30:00 left")


def test_note_during_a_training_stands_above_the_bar():
    session = terminal()
    with training_display(session) as display:
        display(STEP)
        session.note("rolled back")
        display(EPOCH)
    text = ESCAPE.sub("", session.console.file.getvalue())
    assert "rolled back\n" in text


@pytest.mark.parametrize(
    "options",
    [{"silent": True}, {"verbosity": -1}, {"log_format": "plain"}, {"log_format": "json"}],
)
def test_no_bar_where_it_is_not_wanted(options):
    session = terminal()
    for name, value in options.items():
        setattr(session, name, value)
    assert shown(session, [STEP, EPOCH]) == ""


def test_no_bar_where_stderr_is_no_terminal(capsys):
    session = Session(log_format="rich")
    with training_display(session) as display:
        display(STEP)
        display(EPOCH)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("epoch   1/2")


def read_until(leader, wanted):
    """What a terminal shows until it shows some text, or is closed."""
    text = ""
    while wanted not in text:
        try:
            text += os.read(leader, 65536).decode(errors="replace")
        except OSError:  # Linux: the other side has closed
            break
    return text


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo terminal")
@pytest.mark.parametrize("times", [1, 2])
def test_terminal_is_left_in_order_after_ctrl_c(tmp_path, times):
    import pty

    rows = "".join(f"{0.5 * k},{k % 7}\n" for k in range(60))
    (tmp_path / "log.csv").write_text("elapsed_s,x\n" + rows)
    leader, follower = pty.openpty()
    training = started(
        sys.executable, ROOT / "cli.py", "train", "log.csv", "--out", "run",
        "--latent-dim", "2", "--hidden-dim", "4", "--batch-size", "4", "--threads", "1",
        "--epochs", "100000", "--max-time", "1h", "--set", "train.steps_per_epoch=2",
        "--set", "train.patience=100000",
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "OMP_NUM_THREADS": "1"},
        stderr=follower,
    )  # fmt: skip
    with training as process:
        os.close(follower)
        text = read_until(leader, "crps")
        for _ in range(times):
            process.send_signal(signal.SIGINT)
        text += read_until(leader, "\0")
        ended(process)
    assert process.returncode == 130
    os.close(leader)
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # the cursor is seen again
    if times == 1:
        assert "Continue with:" in text.rpartition("%")[2]  # below the bar, not in it
    log = (tmp_path / "run" / "log.jsonl").read_text()
    assert '"event": "step"' not in log
