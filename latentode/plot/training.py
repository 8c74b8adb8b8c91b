"""How a training went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from latentode.errors import ConfigError
from latentode.plot.style import ACCENT, DASHED, MODEL, MUTED, OBSERVED, name_axis, panels, title


def training_curves(history: Sequence[Mapping[str, Any]], *, ax: Any = None) -> NDArray[Any]:
    """Draw the training loss and the validation score by epoch, with the best epoch marked.

    Args:
        history: One mapping per epoch with "epoch", "train_loss" (nats per target reading) and
            "validation_crps" (scaled units); missing or NaN entries leave a gap.
        ax: Two axes to draw into; None makes a new figure.

    Returns:
        The two axes, loss and score.

    Raises:
        ConfigError: If the history is empty.
        ShapeError: If `ax` has not two axes.
    """
    if not history:
        raise ConfigError("history: expected at least one epoch, got none. Train for longer.")
    loss, score = panels(1, 2, ax, size=(4.4, 2.8))[0]
    epochs, scores = _column(history, "epoch"), _column(history, "validation_crps")
    for axes, values, text, unit in (
        (
            loss,
            _column(history, "train_loss"),
            "Training loss",
            "loss (nats per reading)",
        ),
        (
            score,
            scores,
            "Error of the whole band, validation part",
            "CRPS (1: the channel's standard deviation)",
        ),
    ):
        marker = "o" if len(history) <= 30 else ""
        axes.plot(epochs, values, color=MODEL, linewidth=1.6, marker=marker, markersize=3)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
        if len(history) == 1:
            axes.set_xticks(epochs)
        title(axes, text)
        name_axis(axes.xaxis, "epoch")
        name_axis(axes.yaxis, unit)
    if np.isfinite(scores).any():
        best = int(np.nanargmin(scores))
        score.plot(epochs[best], scores[best], marker="o", markersize=7, color=ACCENT)
        score.axvline(epochs[best], color=MUTED, linewidth=0.8, linestyle=DASHED)
        score.annotate(
            f"best: {scores[best]:.4g} at epoch {epochs[best]:g}",
            xy=(0.98, 0.95),
            xycoords="axes fraction",
            ha="right",
            va="top",
            fontsize=9,
            color=OBSERVED,
        )
    return np.array([loss, score], dtype=object)


def _column(history: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.float64]:
    values = [row.get(name) for row in history]
    return np.array([np.nan if value in (None, "") else float(value) for value in values])
