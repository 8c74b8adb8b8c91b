"""Labels of commands: their file, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from latentode.cli.inputs import InputFile


def _labels(file: InputFile) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--labels",
        type=file,
        help="CSV of id,label: a class for each series; or of id,time,label: for times of them.",
    )


labels_option, run_labels_option = _labels(InputFile()), _labels(InputFile(again=True))
label_column_option = click.option("--label-column", help="Column of labels.")


def check_labels(labels: Path | None, column: str | None) -> None:
    """Refuse a column of labels without labels.

    Raises:
        UsageError: If one is named.
    """
    if labels is None and column is not None:
        raise click.UsageError("--label-column belongs to --labels.")


def label_lines(scores: Mapping[str, Any]) -> Iterator[str]:
    """Scores of labels, as lines of text; see `latentode.evaluation.label_scores.score_labels`."""
    kind = "series" if "series" in scores else "times"
    yield f"labels ({scores[kind]:,} {kind})"
    yield (
        f"AUC {scores['auc']:.3f}, accuracy {scores['accuracy']:.3f}, log loss "
        f"{scores['log_loss']:.3f}, Brier {scores['brier']:.3f}, calibration error "
        f"{scores['calibration_error']:.3f}"
    )
