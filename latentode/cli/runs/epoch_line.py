"""One line about one epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from latentode.config.durations import format_duration


def epoch_line(event: Mapping[str, Any]) -> str:
    """Write an epoch event of the trainer as one line.

    Args:
        event: ``epoch, total_epochs, step, train_loss, validation_crps, label_loss, lr, seconds,
            best, eta_seconds``; what is absent or None, and times under a second, are left out.

    Returns:
        For example ``epoch 12/200  step 600  loss 1.23  crps 0.345*  lr 2.8e-03  41s  eta 2.5min``,
        where ``*`` marks the best epoch so far: by labels where there is a ``label_loss``.
    """
    total = event.get("total_epochs")
    parts = [f"epoch {event['epoch']:>3}" + (f"/{total}" if total else "")]
    crps = "crps {:.4g}" + ("*" if event.get("best") else " ")
    for key, form in (
        ("step", "step {}"),
        ("train_loss", "loss {:.4g}"),
        ("validation_crps", crps),
        ("label_loss", "labels {:.4g}"),
        ("lr", "lr {:.1e}"),
    ):
        if event.get(key) is not None:
            parts.append(form.format(event[key]))
    for key, form in (("seconds", "{}"), ("eta_seconds", "eta {}")):
        if event.get(key) is not None and event[key] >= 0.5:
            parts.append(form.format(format_duration(round(event[key]) * 1e9)))
    return "  ".join(parts)
