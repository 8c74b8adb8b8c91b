"""Dates of digits with two for the year, whose first zero tells that they count nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_SAMPLE = 1_000  # cells that tell the format
_DATES = ("%y%m%d", "%d%m%y", "%m%d%y")
_CLOCKS = {6: "", 10: "%H%M", 12: "%H%M%S"}  # digits of a cell -> time of day after the date


def padded_formats(numbers: NDArray[np.number], text: Callable[[int], str]) -> list[str]:
    """Formats of cells such as 010203040506; none where no cell begins with 0.

    Where several fit, those are given whose times lie closest together: all of them for a log
    within a day, which does not tell the order.

    Args:
        numbers: The cells as numbers, shape (row,).
        text: A cell as it is written.
    """
    least = text(int(numbers.argmin())).strip()
    if not least.startswith("0") or len(least) not in _CLOCKS:
        return []
    rows = range(0, len(numbers), 1 + len(numbers) // _SAMPLE)
    cells = pd.Series([least, *(text(row).strip() for row in rows)])
    cells = cells[cells != ""]
    if not (cells.str.fullmatch(r"\d+") & (cells.str.len() == len(least))).all():
        return []
    spans = {}
    for date in _DATES:
        times = pd.to_datetime(cells, format=date + _CLOCKS[len(least)], errors="coerce")
        if times.notna().all():
            spans[date + _CLOCKS[len(least)]] = times.max() - times.min()
    return [form for form, span in spans.items() if span == min(spans.values())]
