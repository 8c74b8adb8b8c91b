"""Tables as aligned text, which pipes as well as it reads."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], *, numbers: bool = False) -> str:
    """Align columns by spaces.

    Args:
        rows: Cells, as many in each row.
        numbers: Align all columns but the first to the right.

    Returns:
        One line a row, without spaces at the ends.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if numbers and column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
