"""Tables as CSV that no spreadsheet takes for a program: the one way commands write them."""

from __future__ import annotations

from typing import Any

import pandas as pd

# a spreadsheet takes a text cell that starts with one of these for a formula
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def csv_of(frame: pd.DataFrame, *, index: bool = False) -> bytes:
    r"""A table as CSV, UTF-8.

    Texts that a spreadsheet would take for a formula (they start with ``= + - @``, a tab or a
    carriage return) are preceded by an apostrophe, in cells, in the index and in names of columns;
    numbers and times never are.

    Args:
        frame: The table.
        index: Whether its index is written too.

    Example:
        >>> import pandas as pd
        >>> csv_of(pd.DataFrame({"series": ["=1+1", "pump"], "mean": [-1.0, 2.0]}))
        b"series,mean\n'=1+1,-1.0\npump,2.0\n"
    """
    safe = frame.set_axis(range(frame.shape[1]), axis=1)  # names may repeat
    for place in safe.columns[[kind.kind not in "biufcmM" for kind in safe.dtypes]]:
        safe[place] = safe[place].map(_defused)
    safe = safe.set_axis([_defused(name) for name in frame.columns], axis=1)
    if index:
        names = [_defused(name) for name in frame.index.names]
        safe.index = frame.index.map(_defused).set_names(names)
    return safe.to_csv(index=index, lineterminator="\n").encode("utf-8", "replace")


def _defused(cell: Any) -> Any:
    return "'" + cell if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell
