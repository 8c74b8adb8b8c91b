"""What is shown while readings are scored: a bar on a terminal, nothing elsewhere."""

import io
import re

import pytest
from rich.console import Console

from latentode.cli.runs.progress import scoring_display
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
