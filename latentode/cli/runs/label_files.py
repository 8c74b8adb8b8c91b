"""Labels of commands: their file, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from latentode.cli.runs.provenance import fingerprint, unchanged

labels_option = click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV of id,label: a class for each series; or of id,time,label: for times of them.",
)
label_column_option = click.option("--label-column", help="Column of labels.")


@dataclass(frozen=True)
class LabelFile:
    """Labels as a command was given them.

    Attributes:
        path: The file.
        column: Column of labels; None finds it.
    """

    path: Path
    column: str | None = None

    @classmethod
    def given(cls, path: Path | None, column: str | None) -> LabelFile | None:
        """The file that options name; None for none.

        Raises:
            UsageError: If a column is named without a file.
        """
        if path is None and column is not None:
            raise click.UsageError("--label-column belongs to --labels.")
        return None if path is None else cls(path, column)

    def arguments(self) -> dict[str, Any]:
        """What `LatentODE` is told of them."""
        return {"labels": self.path, "label_column": self.column}

    def record(self) -> dict[str, Any]:
        """What a run remembers of them, JSON types."""
        return {**fingerprint(self.path), "column": self.column}

    @classmethod
    def recorded(cls, record: Mapping[str, Any]) -> LabelFile:
        """The file of an earlier run, unchanged since.

        Raises:
            DataError: If it has gone or changed.
        """
        return cls(unchanged(record, "labels"), record["column"])


def label_lines(scores: Mapping[str, Any]) -> Iterator[str]:
    """Scores of labels, as lines of text; see `latentode.evaluation.label_scores.score_labels`."""
    kind = "series" if "series" in scores else "times"
    yield f"labels ({scores[kind]:,} {kind})"
    yield (
        f"AUC {scores['auc']:.3f}, accuracy {scores['accuracy']:.3f}, log loss "
        f"{scores['log_loss']:.3f} nats, Brier {scores['brier']:.3f}, calibration error "
        f"{scores['calibration_error']:.3f}"
    )
