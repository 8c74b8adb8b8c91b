"""What a training run is given, and what it remembers of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from latentode.cli.runs.label_files import check_labels
from latentode.cli.runs.logs import Logs
from latentode.cli.runs.provenance import fingerprint, unchanged
from latentode.cli.session import Session
from latentode.config import LatentODEConfig
from latentode.data.reading.formats.database_url import without_password


@dataclass(frozen=True)
class HeadFiles:
    """What the model explains beside the readings, by the names that `LatentODE.fit` has for it.

    Attributes:
        events: File of events; None for none.
        mark_column: Column of marks; None finds it.
        windows: File of when each series was observed.
        model_times: Whether the report times of the log are modelled.
        labels: File of labels; None for none.
        label_column: Column of labels; None finds it.
    """

    events: Path | None = None
    mark_column: str | None = None
    windows: Path | None = None
    model_times: bool = False
    labels: Path | None = None
    label_column: str | None = None

    def check(self, logs: Logs | None) -> None:
        """Refuse what does not go together.

        Raises:
            UsageError: With the names of the options.
        """
        if logs is None and self.events is None:
            raise click.UsageError("Missing argument 'LOGS' (or --events FILE, or --resume RUN).")
        if self.labels is not None and logs is None:
            raise click.UsageError("--labels are those of the series of LOGS.")
        check_labels(self.labels, self.label_column)
        if self.model_times and (logs is None or self.events is not None):
            raise click.UsageError("--model-times takes the times of LOGS, and no --events.")
        if self.events is None and (self.mark_column or self.windows):
            raise click.UsageError("--mark-column and --windows belong to --events.")

    def record(self) -> dict[str, Any]:
        """What a run remembers of them, JSON types."""
        windows = self.windows and fingerprint(self.windows)
        return {
            "events": self.events
            and {**fingerprint(self.events), "mark_column": self.mark_column, "windows": windows},
            "model_times": self.model_times,
            "labels": self.labels and {**fingerprint(self.labels), "column": self.label_column},
        }

    @classmethod
    def recorded(cls, record: Mapping[str, Any]) -> HeadFiles:
        """The files of an earlier run, unchanged since.

        Raises:
            DataError: If one of them has gone or changed.
        """
        events, labels = record.get("events") or {}, record.get("labels") or {}
        return cls(
            unchanged(events, "events"),
            events.get("mark_column"),
            unchanged(events.get("windows"), "windows of events"),
            bool(record.get("model_times")),
            unchanged(labels, "labels"),
            labels.get("column"),
        )


def command_of(session: Session) -> list[str]:
    """What was typed, without a password."""
    return [*session.program.split(), *map(without_password, session.args)]


@dataclass(frozen=True)
class Job:
    """What a run is given.

    Attributes:
        logs: The log; None for events alone.
        config: Settings, resolved.
        heads: What is modelled beside the log.
        threads: Threads of torch; None leaves torch's own choice.
    """

    logs: Logs | None
    config: LatentODEConfig
    heads: HeadFiles
    threads: int | None = None

    @property
    def stem(self) -> str:
        """First part of the name of a folder for it."""
        if self.logs is not None:
            return self.logs.stem
        assert self.heads.events is not None, "a job has logs or events"
        return self.heads.events.resolve().name.split(".")[0]

    def facts(self, session: Session) -> dict[str, Any]:
        """What ``run.json`` says of it."""
        subject = {"kind": "events"} if self.logs is None else {"log": self.logs.record()}
        return {
            "command": command_of(session),
            **subject,
            **self.heads.record(),
            "seed": self.config.train.seed,
            "threads": self.threads,
        }
