"""How training went: what ``metrics.csv`` holds, as curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from latentode.report.figures import short

_ON_VALIDATION = {
    "validation_crps": "both",
    "forecast_crps": "forecasts",
    "interpolation_crps": "interpolations",
    "label_loss": "labels",
}


def training_records(
    epochs: Sequence[dict[str, float | None]],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures of the best and last epoch, and the curves.

    Args:
        epochs: Rows of ``metrics.csv``.

    Returns:
        Records, and charts by name; both empty where nothing was noted.
    """
    if not epochs:
        return {}, {}
    axis = {"kind": "number", "label": "epoch"}
    at = [row.get("epoch") or index + 1 for index, row in enumerate(epochs)]

    def line(column: str, label: str, colour: str) -> dict[str, Any]:
        values = [row.get(column) for row in epochs]
        numbers = short(float("nan") if v is None else v for v in values)
        return {"label": label, "x": at, "y": numbers, "colour": colour}

    judged = [
        line(column, label, str(index + 1))
        for index, (column, label) in enumerate(_ON_VALIDATION.items())
        if any(row.get(column) is not None for row in epochs)
    ]
    common = {"kind": "xy", "x": axis, "height": 200}
    charts = {
        "loss": {
            **common, "label": "Training loss by epoch", "y": {"label": "training loss"},
            "lines": [line("train_loss", "training loss", "1")],
        }
    }  # fmt: skip
    if judged:
        charts["validation"] = {
            **common, "lines": judged, "label": "CRPS on the validation part by epoch",
            "y": {"label": "CRPS, validation part"},
        }  # fmt: skip
    scored = [row for row in epochs if row.get("validation_crps") is not None]
    best = min(scored, key=lambda row: row["validation_crps"] or 0.0) if scored else None
    records = {
        "epochs": len(epochs),
        "best_epoch": best and best.get("epoch"),
        "best_crps": best and best.get("validation_crps"),
        "coverage_90": best and best.get("coverage_90"),
        "last": epochs[-1],
        "rows": [
            {key: row.get(key) for key in ("epoch", "step", "train_loss", *_ON_VALIDATION)}
            for row in epochs
        ],
    }
    return records, charts
