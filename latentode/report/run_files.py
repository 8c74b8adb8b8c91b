"""What a run folder holds, as plain values: no model, no log, and nothing that must be there."""

from __future__ import annotations

import csv
import json
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from latentode.errors import CheckpointError
from latentode.files.regular import read_regular
from latentode.model_card import SCORED

_MOST_BYTES = 16 << 20  # a broken file must not fill the memory


@dataclass(frozen=True)
class RunFiles:
    """Files of a run that a report tells of; empty where there are none.

    Attributes:
        path: The run folder.
        run: ``run.json``.
        reading: ``data_report.json``.
        scores: ``metrics.json``, as `evaluate` left it.
        scored: When it was written, to the minute, UTC; empty where there is none.
        compared: ``comparison.json``, as ``evaluate --against`` left it.
        epochs: Rows of ``metrics.csv``: name of the column -> number.
        card: ``MODEL_CARD.md`` of the model.
        config: ``config.toml``.
    """

    path: Path
    run: dict[str, Any] = field(default_factory=dict)
    reading: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    scored: str = ""
    compared: dict[str, Any] = field(default_factory=dict)
    epochs: list[dict[str, float | None]] = field(default_factory=list)
    card: str = ""
    config: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> RunFiles:
        """Read them.

        Args:
            path: The run folder.

        Raises:
            CheckpointError: If one of them is broken.
        """
        metrics = path / "metrics.json"
        written = datetime.fromtimestamp(metrics.stat().st_mtime, UTC) if metrics.exists() else None
        return cls(
            path=path,
            run=_object(path / "run.json"),
            reading=_object(path / "data_report.json"),
            scores=_object(metrics),
            scored=f"{written:%Y-%m-%d %H:%M}" if written else "",
            compared=_object(path / "comparison.json"),
            epochs=_rows(path / "metrics.csv"),
            card=_text(path / "model" / "MODEL_CARD.md"),
            config=_settings(path / "config.toml"),
        )

    @property
    def named_missing(self) -> tuple[str, ...]:
        """Texts and numbers that the log was said to write for a missing value."""
        cells = self.config.get("data", {}).get("cells", {})
        return tuple(map(str, cells.get("na") or ()))

    @property
    def scores_trainings(self) -> int | None:
        """How many trainings the model had when it was scored; None where nobody knows."""
        about = self.scores.get(SCORED)
        found = about.get("trainings") if isinstance(about, dict) else None
        return found if isinstance(found, int) else None


def _text(path: Path) -> str:
    return read_regular(path, _MOST_BYTES).decode("utf-8", "replace") if path.is_file() else ""


def _object(path: Path) -> dict[str, Any]:
    text = _text(path)
    if not text:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CheckpointError(
            f"{path}: expected a JSON object, got something else. Remove the file, which the "
            "command that wrote it writes again."
        )
    return found


def _settings(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise CheckpointError(
            f"{path}: expected TOML as `train` wrote it, got something else ({error}). Put back "
            "the file as it was."
        ) from None


def _rows(path: Path) -> list[dict[str, float | None]]:
    rows = csv.DictReader(_text(path).splitlines())
    return [{str(k): _number(v) for k, v in row.items() if k is not None} for row in rows]


def _number(text: Any) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if abs(value) < float("inf") else None
