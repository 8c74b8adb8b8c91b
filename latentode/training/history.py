"""What happened in each epoch."""

from __future__ import annotations

from collections.abc import Sequence

# nothing here depends on the clock: two runs with one seed write the same file
Record = dict[str, float]


def to_csv(history: Sequence[Record]) -> bytes:
    """metrics.csv: one line an epoch, all digits, so that equal runs give equal bytes."""
    if not history:
        return b""
    columns = list(history[0])
    lines = [",".join(columns)]
    lines += [",".join(repr(record.get(c, float("nan"))) for c in columns) for record in history]
    return ("\n".join(lines) + "\n").encode()
