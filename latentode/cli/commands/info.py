"""``info RUN|MODEL``: what a model is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from latentode.cli.command import command
from latentode.cli.runs.models import load_model, run_argument
from latentode.cli.session import Outcome, Session, jsonable
from latentode.cli.table import aligned
from latentode.config.durations import format_duration

_SHOWN = ("parameters", "epochs", "clock", "lengths", "split")  # the config is in config.toml
_RUN_FACTS = (
    "status", "started", "ended", "exit_code", "seed", "threads", "log", "updates", "error",
)  # fmt: skip


@command("info")
@run_argument
def info_command(session: Session, run: Path) -> Outcome:
    """Describe the model in RUN, a run folder or a model folder."""
    model, folder = load_model(run, session, "cpu")
    home = None if folder is None else folder.path
    card = jsonable(model.describe(home))
    page = str(card.pop("card", ""))
    run_facts = {} if folder is None else _present(folder.record)
    shown = {key: card[key] for key in _SHOWN if key in card}
    return Outcome(
        data={"model": card, "run": run_facts},
        text=f"{page}\n{_lines({**shown, **({'run': run_facts} if run_facts else {})})}",
    )


def _present(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: record[key] for key in _RUN_FACTS if record.get(key) is not None}


def _lines(facts: Mapping[str, Any]) -> str:
    return aligned([[name, value] for name, value in _flat(facts, "")])


def _flat(facts: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield (prefix + key).removesuffix("_ns"), _text(key, value)


def _text(key: str, value: Any) -> str:
    if key.endswith("_ns"):
        return format_duration(value)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
