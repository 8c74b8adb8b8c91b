"""Columns beside the values: their units, and what only tells rows apart."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentode.data.dataset import Int64
from latentode.data.reading.cells.states import are_modes
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.profile import Sample
from latentode.data.reading.roles import ID_NAMES, UNIT_NAMES, by_telling_name

_OF_DEVICE = re.compile(r"serial|logger|device|firmware|version|model|s/n|\b(id|no|number)\b")
_CALLED_NUMBER = re.compile(r"(^|[ _-])(id|no|nr|num|number|serial)$|[a-zæøå]id$|_no$")
_MOST_TYPES = 10  # values of a column that tells what a row is
_MANY_ROWS = 10  # a log of fewer may well have one filled cell


def find_unit(
    sample: Sample,
    free: Sequence[str],
    channel: str | None,
    chosen: Sequence[str] | None,
    doubts: Doubts,
) -> str | None:
    """Find a column of units; a channel with several units is asked about.

    Args:
        sample: The log.
        free: Columns that have no other role.
        channel: Column of channel names of a long log.
        chosen: Channels that are wanted; None for all.
        doubts: Takes the question.
    """
    words = [
        name for name in free if sample[name].is_words and not are_modes(sample[name].distinct)
    ]
    named = by_telling_name(words, (UNIT_NAMES,))
    if not named:
        return None
    name = named[0]
    texts = sample[name].texts
    groups = sample[channel].texts if channel is not None else pd.Series("", index=texts.index)
    pairs = pd.DataFrame({"channel": groups, "unit": texts})
    pairs = pairs[pairs["unit"] != ""]
    if channel is not None and chosen is not None:
        pairs = pairs[pairs["channel"].isin(chosen)]
    numbers = pairs.groupby("channel")["unit"].nunique()
    others = ",".join(map(str, numbers.index[numbers == 1]))
    choose = ", or choose channels without it with --channels"
    if others:
        choose = f', or read the other channels alone with --channels "{others}"'
    for group, units in pairs.groupby("channel")["unit"]:
        counts = units.value_counts()
        if len(counts) == 1:
            sample.table.units[str(group)] = str(counts.index[0])
            continue
        shown = ", ".join(f"{unit} in {number:,} rows" for unit, number in counts.items())
        first = sample.table.at(int(sample.rows[units[units != units.iloc[0]].index[0]]))
        of = f"channel {group!r}" if group else "the log"
        doubts.ask(
            "unit",
            f"column {name!r}: the unit of {of} changes ({shown}; first at {first}). Convert the "
            f"readings to one unit{choose}.",
        )
    return name


def row_types(sample: Sample, free: Sequence[str]) -> dict[str, str]:
    """Columns that only tell which of the other columns a row fills: name -> what shows it.

    Args:
        sample: The log.
        free: Columns that have no other role.
    """
    types: dict[str, str] = {}
    if len(sample.rows) < _MANY_ROWS:
        return types
    ids = by_telling_name(free, (sum(ID_NAMES, ()),))
    filled = {name: sample[name].filled for name in free}
    sparse = [name for name in free if name not in ids and 0 < filled[name].mean() < 1]
    for name in free:
        column = sample[name]
        if name in ids:
            continue
        if not filled[name].all() or not 2 <= column.num_distinct <= _MOST_TYPES:
            continue
        told = [other for other in sparse if other != name and _tells(column.codes, filled[other])]
        if column.is_number:  # readings of a few values are told apart by when a channel ends
            told = [other for other in told if _switches(filled[other]) >= _MANY_ROWS]
        if len(told) > 1:
            types[name] = f"it only tells which of {', '.join(map(repr, told))} a row fills"
    return types


def _tells(codes: Int64, filled: NDArray[np.bool_]) -> bool:
    """True where each code stands with filled cells alone, or with empty ones alone."""
    shares = pd.Series(filled).groupby(codes).mean()
    return bool(shares.isin((0, 1)).all()) and shares.nunique() > 1


def _switches(filled: NDArray[np.bool_]) -> int:
    """How often filled and empty cells follow each other."""
    return int(np.count_nonzero(np.diff(filled)))


def numbers_of_place(sample: Sample, free: Sequence[str]) -> dict[str, str]:
    """Columns of one number, called like that of a station or a device: name -> what shows it.

    Args:
        sample: The log.
        free: Columns that have no other role.
    """
    constant = {}
    for name in free:
        column = sample[name]
        called_so = _CALLED_NUMBER.search(name.strip().lower()) is not None
        if called_so and column.is_number and column.num_distinct == 1 and column.filled.all():
            constant[name] = f"it is {column.distinct[0]} in all rows, as the number of a place"
    return constant if len(sample.rows) >= _MANY_ROWS else {}


def lone_cells(sample: Sample, free: Sequence[str]) -> dict[str, str]:
    """Columns with a single cell, in the first row of many: name -> what shows it.

    Args:
        sample: The log.
        free: Columns that have no other role.
    """
    lone = {}
    for name in free:
        filled = np.flatnonzero(sample[name].filled)
        of_device = not sample[name].is_number or _OF_DEVICE.search(name.lower()) is not None
        if of_device and len(filled) == 1 and filled[0] == 0 and len(sample.rows) >= _MANY_ROWS:
            lone[name] = f"it holds one cell, {sample[name].distinct[0]!r}, in the first row"
    return lone


def words_of_series(sample: Sample, free: Sequence[str], identity: str) -> dict[str, str]:
    """Columns of words that say the same of all rows of a series: name -> what shows it.

    Args:
        sample: The log.
        free: Columns that have no other role.
        identity: Column of series ids.
    """
    codes = sample[identity].codes
    same = {}
    for name in free:
        column = sample[name]
        if not column.is_words:
            continue
        if pd.Series(column.codes).groupby(codes).nunique().max() == 1 < column.num_distinct:
            same[name] = (
                f"it says the same in all rows of a series; to give it to the model: "
                f'--static-columns "{name}"'
            )
    return same
