"""What is shown while readings are scored: a bar on a terminal, nothing elsewhere; and of parts."""

import io
import json
import re

import pytest
from rich.console import Console

from latentode.cli.runs.progress import parts_display, scoring_display
from latentode.cli.session import Session

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


def session_of(**options):
    session = Session(**{"log_format": "rich", **options})
    session.console = Console(file=io.StringIO(), force_terminal=True, width=90)
    return session


def test_a_bar_counts_readings():
    session = session_of()
    with scoring_display(session) as show:
        show(250, 1_000)
        show(1_000, 1_000)
    text = ESCAPE.sub("\n", session.console.file.getvalue())
    assert "250 of 1,000 readings" in text
    assert "1,000 of 1,000 readings" in text


@pytest.mark.parametrize(
    "options", [{"log_format": "plain"}, {"json_output": True}, {"silent": True}, {"verbosity": -1}]
)
def test_nothing_is_shown_where_it_would_disturb(options):
    session = session_of(**options)
    with scoring_display(session) as show:
        assert show is None
    assert session.console.file.getvalue() == ""


def test_a_bar_counts_parts_how_fast_they_are_and_those_that_failed():
    session = session_of()
    with parts_display(session) as show:
        for done in range(3, 7):
            show(done, 12, done // 6)
    text = ESCAPE.sub("\n", session.console.file.getvalue())
    assert "3 of 12" in text
    assert "7 of 12" in text
    assert "1 failed" in text
    assert "a second" in text


def test_lines_count_parts_where_no_bar_can_be_shown(capsys):
    session = Session(log_format="json")
    with parts_display(session) as show:
        for done in range(1, 101):
            show(done, 100, 0)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["done"] for line in lines] == [*range(5, 101, 5)]
    assert {line["event"] for line in lines} == {"parts"}
    assert lines[-1]["left_seconds"] == 0.0
    silent = Session(verbosity=-1)
    with parts_display(silent) as show:
        show(1, 1, 0)
    assert capsys.readouterr().err == ""
