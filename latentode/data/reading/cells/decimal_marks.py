"""Whether the marks in numbers are decimal marks, or stand between thousands."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from latentode.data.reading.cells.number_cells import GroupCells

# so many numbers of three digits, and none of four without a mark, show thousands in groups
_HUNDREDS = 3
_NAMES = {",": "comma", ".": "point"}


def choose_mark(cells: GroupCells) -> str:
    """Choose the decimal mark of a group of cells.

    A cell such as "1,234.5", "0,412" or "12,5" has one meaning; if all of them agree, so are the
    cells such as "1,234" read. Where there are only such, the user has to say.

    Args:
        cells: The cells; the doubt about them is noted there.

    Returns:
        "." or ",".
    """
    forms, counts, usual = cells.forms, cells.counts, cells.rules.decimal
    point, comma = ~np.isnan(forms.point), ~np.isnan(forms.comma)
    either = point & comma & (forms.point != forms.comma)
    only = {".": point & ~comma, ",": comma & ~point}
    number = {mark: int(counts[texts].sum()) for mark, texts in only.items()}
    if not any(number.values()):
        blanks = ~np.isnan(forms.point) & forms.grouped(".") & ~either
        if blanks.any():
            _decide(cells, "marks between thousands are left out", blanks)
        return _choose_for_unclear(cells, either) if either.any() else usual
    other = "," if usual == "." else "."
    mark = other if number[other] > number[usual] else usual
    grouped = only[mark] & forms.grouped(mark)
    padded = only[mark] & _padded(cells)
    if mark != usual and padded.any():
        _ask_about_padded(cells, padded)
    elif mark != usual:
        _decide(cells, f"the {_NAMES[mark]} is the decimal mark", only[mark])
    elif grouped.any():
        _decide(cells, "marks between thousands are left out", grouped)
    elif either.any():
        _decide(cells, f"the decimal mark is a {_NAMES[mark]}", only[mark])
    return mark


def _choose_for_unclear(cells: GroupCells, either: NDArray[np.bool_]) -> str:
    if cells.rules.said is not None:
        return cells.rules.said
    forms = cells.forms
    first = int(np.flatnonzero(either)[0])
    # of both values the one of thousands is the greater
    thousands = "." if abs(forms.point[first]) > abs(forms.comma[first]) else ","
    if cells.plain.hundreds >= _HUNDREDS and not cells.plain.large:
        cells.doubts.decide(
            "cells",
            f"{cells.name}: {cells.example(either)} is {forms.values(thousands)[first]:g}",
            "whole numbers below 1,000 have no mark, all above have one",
            confidence="likely",
            option=f"--decimal {',' if thousands == '.' else '.'}",
        )
        return thousands
    cells.doubts.ask(
        "cells",
        f"{cells.name}: {cells.example(either)} ({cells.counts[either].sum():,} such cells) may be "
        f"{forms.point[first]:g} or {forms.comma[first]:g}. Pass --decimal . to read it as "
        f"{forms.point[first]:g}, or --decimal , to read it as {forms.comma[first]:g}.",
    )
    return cells.rules.decimal


def _padded(cells: GroupCells) -> NDArray[np.bool_]:
    """True for "+0180,1": a coded value with a flag behind it, or a number filled up with zeros."""
    padded = pc.match_substring_regex(cells.texts, "^[+-]?0[0-9]+,")
    return np.asarray(padded)


def _ask_about_padded(cells: GroupCells, padded: NDArray[np.bool_]) -> None:
    value = cells.forms.comma[padded][0]
    cells.doubts.ask(
        "cells",
        f"{cells.name}: {cells.example(padded)} may be {value:g}, or a code and a flag in one "
        f"cell. Pass --decimal , to read it as {value:g}; else write one number in each cell, or "
        "name the channels that are to be read with --channels.",
    )


def _decide(cells: GroupCells, choice: str, texts: NDArray[np.bool_]) -> None:
    cells.doubts.decide(
        "cells", f"{cells.name}: {choice}", f"{cells.example(texts)} has no other meaning"
    )
