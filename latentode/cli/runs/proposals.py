"""What to type next, after a training and in its report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latentode.cli.runs.logs import Logs
from latentode.cli.session import Session

# what each command is for, as a report says it
_WHAT = {
    "forecast": "Forecast from the newest readings; --horizon says how far, -o into which file.",
    "evaluate": "Score the model beside naive forecasts, on what was held out.",
    "report": "Write this page anew, with the scores.",
    "plot": "Draw the forecast beside the log, as a picture.",
    "events": "Show rates, what comes next, and whether they fit.",
    "classify": "Write the probability of each class.",
}


def proposals(path: Path, record: Mapping[str, Any]) -> list[tuple[object, ...]]:
    """Words of the commands that come next.

    Args:
        path: The run folder.
        record: Its ``run.json``.
    """
    logs = Logs.recorded(record.get("log") or {})
    if logs is None:
        return [("events", path)]
    again = ("LOGS",) if logs.piped else ()
    words: list[tuple[object, ...]] = [
        ("forecast", path),
        ("evaluate", path, *again),
        ("report", path, *again),
        ("plot", path),
    ]
    if logs.are_parts:
        words = [
            ("forecast", path, *logs.parts, "-o", f"{logs.stem}-forecasts"),
            ("evaluate", path, *logs.parts, "-o", f"{logs.stem}-scores"),
        ]
    if record.get("events") or record.get("model_times"):
        words.append(("events", path))
    if record.get("labels"):
        words.append(("classify", path))
    return words


def told(session: Session, words: list[tuple[object, ...]]) -> list[dict[str, str]]:
    """The same with what each is for, for a report.

    Args:
        session: Session of the call.
        words: The commands.
    """
    return [{"what": _WHAT[str(each[0])], "command": session.command_line(*each)} for each in words]
