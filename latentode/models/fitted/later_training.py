"""What a model learned after its first training: the end of its log, or later readings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

Kind = Literal["refit", "update"]


@dataclass(frozen=True)
class LaterTraining:
    """One such training.

    Attributes:
        kind: "refit" on all of the log, or "update" on later readings.
        until: Its newest reading, a time of the log.
        readings: Readings of its log.
        steps: Steps that it took.
        scores: Of the model before a refit on what had been held out until then: score -> number by
            task; empty where nothing could be scored.
    """

    kind: Kind
    until: str
    readings: int
    steps: int
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """In words."""
        what = {
            "refit": "refit on all of its log, up to",
            "update": "updated on old and new readings up to",
        }[self.kind]
        said = [f"{what} {self.until} ({self.readings:,} readings; steps: {self.steps:,})"]
        for task, scores in self.scores.items():
            numbers = ", ".join(f"{name} {value:.4g}" for name, value in scores.items())
            said.append(f"before the refit, on the part held out until then, {task}: {numbers}")
        return said

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`.

        Raises:
            TypeError: If a field is unknown, missing or of another type.
        """
        found = cls(**values)
        numbers = (found.readings, found.steps)
        if found.kind not in ("refit", "update") or not all(isinstance(n, int) for n in numbers):
            raise TypeError(f"later training: {values}")
        return found
