"""What only a run folder knows of its model: the log as it was read, versions, time and scores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any

from latentode.data.reading.tally import REASONS
from latentode.errors import CheckpointError
from latentode.files import atomic_write
from latentode.files.regular import read_regular
from latentode.model_card.limits import limits
from latentode.model_card.markdown import kept_words, markdown

_MAX_BYTES = 64 << 20  # a broken file must not fill the memory
#: Field of metrics.json that says what was scored.
SCORED = "scored"
CARD = "MODEL_CARD.md"
_LICENCE_WORDS = 100_000  # bytes of a page that are looked at for what its user wrote


def with_run(records: Mapping[str, Any], run_dir: Path) -> dict[str, Any]:
    """A card with what its run folder knows; files that are absent or broken say nothing.

    Args:
        records: The card of the model alone.
        run_dir: The run folder.
    """
    run, report = _read(run_dir / "run.json"), _read(run_dir / "data_report.json")
    scores = _read(run_dir / "metrics.json")
    full = {**records}
    # the folder may be somebody else's: a file of another form is as none
    with suppress(LookupError, TypeError, ValueError, AttributeError):
        full["data"] = {**full["data"], **_of_report(report)} if report else full["data"]
    with suppress(LookupError, TypeError, ValueError, AttributeError):
        full.update(_of_run(full, run) if run else {})
    with suppress(LookupError, TypeError, ValueError, AttributeError):
        judged = _judged(scores, full["training"]["trainings"]) if scores else None
        full["scores"] = {**full["scores"], "evaluation": judged}
        full["limits"] = limits(full)
    return full


def write_card(folder: Path, records: Mapping[str, Any]) -> Path:
    """Write the page of a model folder anew; what its user wrote below the last heading stays.

    Args:
        folder: The model folder.
        records: The card.

    Raises:
        ResourceError: If it cannot be written.
    """
    page = folder / CARD
    return atomic_write(page, markdown(records, words_of(folder)).encode())


def words_of(folder: Path) -> str:
    """What the user of a model folder wrote into its card; "" where there is nothing."""
    try:
        text = read_regular(folder / CARD, _LICENCE_WORDS).decode()
    except (CheckpointError, ValueError):  # none, or none of ours
        return ""
    return kept_words(text)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_regular(path, _MAX_BYTES))
    except (CheckpointError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _of_report(report: Mapping[str, Any]) -> dict[str, Any]:
    step = report["median_step_seconds"]
    return {
        "first": str(report["first"]),
        "last": str(report["last"]),
        "series": int(report["num_series"]),
        "rows": int(report["num_rows"]),
        "readings": int(report["num_readings"]),
        "median_step_ns": None if step is None else int(1e9 * step),
        "left_out": _left_out(report),
        "decisions": [str(note) for note in report["notes"]],
    }


def _name(path: object) -> str | None:
    """Name of a file: where it lies is nobody's business who is given the model."""
    return None if path is None else PurePath(str(path)).name


def _left_out(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was left out or merged: columns with why, and numbers of rows and cells by reason."""
    found: list[dict[str, Any]] = [
        {"what": f"column {each['column']}", "why": str(each["reason"]), "number": None}
        for each in report["left_out"]
    ]
    for reason, number in report["counts"].items():
        if number and reason != "missing_cells":  # an empty cell is the rule in a log, not a loss
            words = REASONS.get(reason, str(reason).replace("_", " "))
            found.append({"what": words, "why": "", "number": int(number)})
    return found


def _of_run(records: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    log = run.get("log") or {}
    attempts = [*(run.get("attempts") or []), run]
    return {
        "data": {**records["data"], "source": _name(log.get("path")), "sha256": log.get("sha256")},
        "training": {
            **records["training"],
            "seconds": sum(map(_seconds, attempts)),
            "threads": run.get("threads"),
        },
        "provenance": {
            "versions": dict(run["versions"]),
            "started": attempts[0].get("started"),
            "ended": run.get("ended"),
            "updates": [
                {"until": each.get("until"), "ended": each.get("ended")}
                for each in run.get("updates", [])
            ],
        },
    }


def _seconds(attempt: Mapping[str, Any]) -> float:
    """How long an attempt took; until now, where it goes on."""
    began = datetime.fromisoformat(attempt["started"])
    ended = attempt.get("ended")
    end = datetime.now(UTC) if ended is None else datetime.fromisoformat(ended)
    return round(max(0.0, (end - began).total_seconds()), 3)


def _judged(scores: Mapping[str, Any], trainings: int) -> dict[str, Any] | None:
    about = scores.get(SCORED) or {}
    tasks = {
        task: {
            "windows": result["num_windows"],
            "readings": result["num_targets"],
            "model": dict(result["overall"]["model"]),
            "baselines": dict(result["overall"]["baselines"]),
            "skill": dict(result.get("skill") or {}),
            "channels": {
                name: {key: channel.get(key) for key in ("unit", "model", "baselines")}
                for name, channel in result["channels"].items()
                if channel.get("model")
            },
            "sentences": [str(line) for line in result.get("sentences", ())],
        }
        for task, result in scores.items()
        if isinstance(result, dict) and "overall" in result
    }
    if not tasks:
        return None
    return {
        "split": about.get("split"),
        "log": _name(about.get("log")),
        # what was learned since is not in the scores
        "of_earlier_model": about.get("trainings", trainings) != trainings,
        "tasks": tasks,
    }
