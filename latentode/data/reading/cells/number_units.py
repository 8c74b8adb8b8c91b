"""The unit that stands at the numbers of a column."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentode.data.dataset import Float64
from latentode.data.reading.cells.number_cells import GroupCells
from latentode.data.reading.doubts import Question

# more kinds of ending than this, or endings with digits, are no units: "12A3", "7F00"
_MOST_UNITS = 5
# "-11059 No Good" is a message that begins with a number, "1.2 k" is a reading
_WORDS = re.compile(r"^[A-Z][a-z]{2}| ")
# with one of these some cells are multiplied, and cells without it are not of the same unit
_MULTIPLE = re.compile(r"[kKMGTBmµun]|Mio\.?|Mrd\.?|Tsd\.?|[Tt]housand|[Mm]illions?|[Bb]illions?")


@dataclass(frozen=True)
class Unit:
    """What stands at the numbers of a group.

    Attributes:
        name: The unit of all of them, "" for none.
        foreign: Numbers of another unit, shape (text,).
        odd: Numbers with a mark that most cells do not have.
        none: What is not taken for a number: each has an ending of its own, or words.
    """

    name: str
    foreign: NDArray[np.bool_]
    odd: NDArray[np.bool_]
    none: NDArray[np.bool_]


def choose_unit(cells: GroupCells, values: Float64) -> Unit:
    """Tell the unit of a group of cells; two different ones are asked about.

    Args:
        cells: The cells; the doubt about them is noted there.
        values: They as numbers, NaN where they are none.
    """
    forms, numeric = cells.forms, ~np.isnan(values)
    nothing = np.zeros(len(values), dtype=bool)
    marked = numeric & (np.array(forms.units, dtype=object) != "")[forms.unit]
    out = marked & _left_out(cells)[forms.unit]
    marked &= ~out
    if not marked.any():
        return Unit("", out, nothing, nothing)
    number = np.bincount(forms.unit[marked], weights=cells.counts[marked]).astype(int)
    # the most frequent first, of equal ones that which comes first
    codes = pd.unique(forms.unit[marked])
    codes = codes[np.argsort(-number[codes], kind="stable")]
    bare_texts = numeric & ~marked & ~out & (values != 0)
    bare = cells.plain.number - cells.plain.zero + int(cells.counts[bare_texts].sum())
    names = [forms.units[code] for code in codes]
    coded = len(codes) > 1 and all(re.search("[0-9]", name) for name in names)
    if coded or len(codes) > _MOST_UNITS:
        return Unit("", out, nothing, marked)
    if number.sum() < bare:
        worded = np.array([bool(_WORDS.search(unit)) for unit in forms.units])[forms.unit]
        return Unit("", out, marked & ~worded, marked & worded)
    unit = names[0]
    multiple = bare > 0 and any(map(_MULTIPLE.fullmatch, names))
    if len(codes) > 1 or multiple:
        _ask(cells, marked, codes.tolist(), bare)
        return Unit(unit, out | (marked & (forms.unit != codes[0])), nothing, nothing)
    beside = f"; {bare:,} cells without it are taken to be of the same unit" if bare else ""
    cells.doubts.decide(
        "unit",
        f"{cells.name}: unit {unit!r} is taken off the numbers",
        f"{number.sum():,} cells such as {cells.example(marked)}{beside}",
        confidence="likely" if bare else "certain",
    )
    return Unit(unit, out, nothing, nothing)


def _left_out(cells: GroupCells) -> NDArray[np.bool_]:
    """Units whose numbers are left out, as the user said: shape (unit,)."""
    told = {text for key in ("", cells.channel) for text in cells.rules.na_texts.get(key, ())}
    units = cells.forms.units
    for unit in told.intersection(units) - {""}:
        texts = cells.forms.unit == units.index(unit)
        cells.doubts.decide(
            "unit",
            f"{cells.name}: numbers in {unit!r} are left out, as --na says",
            f"{cells.counts[texts].sum():,} cells such as {cells.example(texts)}",
        )
    return np.array([unit in told for unit in units])


def _ask(cells: GroupCells, marked: NDArray[np.bool_], codes: list[int], bare: int) -> None:
    said = []
    for code in codes:
        texts = marked & (cells.forms.unit == code)
        number = int(cells.counts[texts].sum())
        said.append(f"{number:,} of {cells.forms.units[code]!r} ({cells.example(texts)})")
    said += [f"{bare:,} without a unit"] if bare else []
    # the option that answers is one for all columns, and told with them
    units = tuple(cells.forms.units[code] for code in codes)
    question = Question(
        "unit", f"{cells.name} mixes units: {', '.join(said)}", "reading", cells.channel, units
    )
    cells.doubts.questions.append(question)
