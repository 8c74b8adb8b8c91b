"""What happened in each epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

# nothing here depends on the clock: two runs with one seed write the same file
Record = dict[str, float]


def to_csv(history: Sequence[Record]) -> bytes:
    """metrics.csv: one line an epoch, all digits, so that equal runs give equal bytes."""
    if not history:
        return b""
    columns = list(dict.fromkeys(name for record in history for name in record))
    lines = [",".join(columns)]
    lines += [",".join(repr(record.get(c, math.nan)) for c in columns) for record in history]
    return ("\n".join(lines) + "\n").encode()


def to_json(history: Sequence[Record]) -> list[dict[str, float | None]]:
    """Records with None for NaN (a score without readings), which JSON cannot hold."""
    return [{k: v if math.isfinite(v) else None for k, v in r.items()} for r in history]


def from_json(records: Sequence[Mapping[str, float | None]]) -> list[Record]:
    """Records from `to_json`.

    Raises:
        ValueError: If a value is no number.
    """
    for record in records:
        for name, value in record.items():
            if not (value is None or isinstance(value, int | float)):
                raise ValueError(f"history: {name!r}: expected a number, got {value!r}.")
    return [{k: math.nan if v is None else v for k, v in r.items()} for r in records]
