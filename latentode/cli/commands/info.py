"""``info RUN|MODEL`` and ``info --env``: what a model is, and what it runs on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from latentode.cli.command import command
from latentode.cli.runs.models import load_model
from latentode.cli.runs.provenance import versions
from latentode.cli.session import Outcome, Session, jsonable
from latentode.cli.table import aligned
from latentode.config.durations import format_duration

_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "WORLD_SIZE", "TZ")
_SHOWN = ("parameters", "epochs", "clock", "lengths", "split")  # the config is in config.toml
_RUN_FACTS = (
    "status", "started", "ended", "exit_code", "seed", "threads", "log", "updates", "error",
)  # fmt: skip


@command("info")
@click.argument(
    "run", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--env", is_flag=True, help="This installation, for a bug report.")
def info_command(session: Session, run: Path | None, env: bool) -> Outcome:
    """Describe the model in RUN (a run folder or a model folder), or this installation."""
    if (run is None) is not env:
        raise click.UsageError("Name a RUN or MODEL, or pass --env.")
    if run is None:
        facts = environment()
        return Outcome(data=facts, text=_lines(facts))
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


def environment() -> dict[str, Any]:
    """Versions, machine, threads and devices."""
    import torch

    cuda = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    return {
        "versions": versions(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "cuda": [torch.cuda.get_device_name(index) for index in cuda],
        "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
    }


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
