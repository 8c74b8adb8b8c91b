"""The profile of a column, as a person prints it: kinds, ranges, repeats, order, steps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latentode.data.dataset import Float64
from latentode.data.reading.formats.table import MISSING_TEXTS, Table, as_text
from latentode.data.reading.profile import Sample, SampledColumn

_DISTINCT_SHOWN = 5  # frequent cells, enough to tell states from readings
_ROBUST = (0.01, 0.5, 0.99)  # quantiles of a robust range, and its middle
_MOST = 0.5  # share of the steps
_FORMS = {
    "stamps": "dates with a time of day",
    "dates": "dates",
    "clocks": "times of day, or elapsed times",
    "epoch": "time since 1970",
    "serial": "serial days",
    "years": "years",
}


@dataclass(frozen=True)
class ColumnProfile:
    """What one column looks like, over the rows that were looked at.

    Attributes:
        name: Column.
        type: Type of its cells as the source has them, in words of Apache Arrow.
        form: What they may be as times, in words; empty where they cannot be.
        rows: Rows of the log.
        looked_at: Rows that were looked at.
        kinds: Kind of cell ("number", "time", "text", "empty") -> how many of `looked_at`.
        distinct: Distinct cells that are not empty.
        least: Least number of the column, None without numbers.
        low: Its 1 % quantile.
        median: Its median.
        high: Its 99 % quantile.
        greatest: Its greatest number.
        whole: True where all numbers are whole.
        repeats: Share of cells that equal the cell of the row before.
        rising: Share of steps between successive cells that rise.
        falling: Share that fall.
        step: The most frequent step between successive cells that is not 0, None without.
        step_share: Share of the steps that are this one.
        first: First cell that is not empty, as text.
        last: Last cell that is not empty.
        examples: The most frequent cells.
    """

    name: str
    type: str
    form: str
    rows: int
    looked_at: int
    kinds: dict[str, int]
    distinct: int
    least: float | None
    low: float | None
    median: float | None
    high: float | None
    greatest: float | None
    whole: bool
    repeats: float
    rising: float
    falling: float
    step: float | None
    step_share: float
    first: str
    last: str
    examples: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON types."""
        return asdict(self) | {"examples": list(self.examples)}

    def __str__(self) -> str:
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in self.kinds.items() if number)
        words = [f"{kinds}; {self.distinct:,} distinct"]
        if self.form:
            words.append(f"may be times: {self.form}")
        if self.least is not None:
            words.append(
                f"{self.least:.6g} to {self.greatest:.6g} (1 to 99 %: {self.low:.6g} to "
                f"{self.high:.6g}, median {self.median:.6g})"
            )
            words.append(f"{100 * self.repeats:.0f} % repeat the row before")
        if self.step is not None and self.step_share > _MOST:
            words.append(f"step {self.step:g} in {100 * self.step_share:.0f} % of the rows")
        words.append(f"from {self.first!r} to {self.last!r}")
        return f"{self.name!r} ({self.type}): " + "; ".join(words)


def profile_table(table: Table, missing: Collection[str] = MISSING_TEXTS) -> list[ColumnProfile]:
    """The profile of every column of a table, over at most 20,000 rows in blocks.

    Args:
        table: The table.
        missing: Spellings of a missing value.
    """
    sample = Sample(table, missing)
    return [profile_of(sample[name], table) for name in table.columns]


def profile_of(column: SampledColumn, table: Table) -> ColumnProfile:
    """What a column of a table looks like, in numbers."""
    numbers = column.numbers
    filled = int(column.filled.sum())
    times = filled if (column.holds_dates or column.holds_clocks) and not column.is_number else 0
    numeric = int((~np.isnan(numbers)).sum())
    kinds = {
        "number": numeric,
        "time": times,
        "text": max(filled - numeric - times, 0),
        "empty": len(column.filled) - filled,
    }
    least, greatest = _range(column, table)
    present = numbers[~np.isnan(numbers)]
    low, median, high = np.quantile(present, _ROBUST) if len(present) else (None,) * 3
    step, share = _most_frequent(column.steps)
    held = np.flatnonzero(column.filled)[[0, -1]] if filled else np.zeros(0, dtype=np.int64)
    ends = as_text(column.cells.take(pa.array(held))).cast(pa.string()).to_pylist()
    same = (column.codes[1:] == column.codes[:-1]) & (column.codes[1:] >= 0)
    return ColumnProfile(
        name=column.name,
        type=str(column.cells.type),
        form="" if column.form is None else _FORMS[column.form.kind],
        rows=table.num_rows,
        looked_at=len(column.filled),
        kinds=kinds,
        distinct=len(column.distinct),
        least=least,
        low=_plain(low),
        median=_plain(median),
        high=_plain(high),
        greatest=greatest,
        whole=bool(len(present)) and not column.holds_fractions,
        repeats=float(same.mean()) if len(same) else 0.0,
        rising=float((column.steps > 0).mean()) if len(column.steps) else 0.0,
        falling=float((column.steps < 0).mean()) if len(column.steps) else 0.0,
        step=step,
        step_share=share,
        first=ends[0] if filled else "",
        last=ends[-1] if filled else "",
        examples=tuple(column.distinct[:_DISTINCT_SHOWN]),
    )


def _range(column: SampledColumn, table: Table) -> tuple[float | None, float | None]:
    """Least and greatest number, over all rows where the column is typed."""
    kind = column.cells.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        ends = pc.min_max(table.column(column.name)).as_py()
        return _plain(ends["min"]), _plain(ends["max"])
    present = column.numbers[~np.isnan(column.numbers)]
    return (float(present.min()), float(present.max())) if len(present) else (None, None)


def _most_frequent(steps: Float64) -> tuple[float | None, float]:
    moving = steps[steps != 0]
    if not len(moving):
        return None, 0.0
    values, counts = np.unique(moving.round(9), return_counts=True)
    best = int(counts.argmax())
    return float(values[best]), float(counts[best] / len(steps))


def _plain(value: Any) -> float | None:
    return None if value is None or value != value else float(value)
