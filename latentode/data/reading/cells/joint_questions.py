"""Questions about several columns that one option answers: asked as one, so that it settles all."""

from __future__ import annotations

from collections.abc import Sequence

from latentode.config import DataConfig
from latentode.data.reading.cells.bad_cells import list_option, na_option
from latentode.data.reading.doubts import Question


def together(questions: Sequence[Question], config: DataConfig) -> list[Question]:
    """Questions about columns, those of one option as one.

    Args:
        questions: Those of all columns.
        config: What is told already, which an option repeats.
    """
    asked = [each for each in questions if not each.column]
    units = [each for each in questions if each.column and each.about == "unit"]
    pairs = [each for each in questions if each.column and each.about == "pairs"]
    if units:
        asked.append(_of_units(units, config.cells.na or ()))
    if pairs:
        asked.append(_of_pairs(pairs, config.columns.pairs))
    return asked


def _seen(questions: Sequence[Question]) -> str:
    return "; ".join(dict.fromkeys(each.message for each in questions))


def _of_units(questions: Sequence[Question], told: Sequence[str]) -> Question:
    """What leaves out the numbers of all units but one, in all columns that have it."""
    units = {each.column: each.choices for each in questions}
    ways = []
    for kept in dict.fromkeys(unit for choices in units.values() for unit in choices):
        left = [
            f"{column}={unit}"
            for column, choices in units.items()
            for unit in _others(choices, kept)
        ]
        ways.append(na_option([*told, *left]))
    return Question(
        "unit",
        f"{_seen(questions)}. Write all numbers of a column in one unit, or leave out those of "
        f"{'the other' if all(len(c) < 3 for c in units.values()) else 'all but one'}: "
        f"{' or '.join(dict.fromkeys(ways))}.",
    )


def _others(choices: tuple[str, ...], kept: str) -> list[str]:
    """Units that are left out beside one: of a column without it, all but the most frequent."""
    if len(choices) == 1:  # beside numbers without a unit
        return list(choices)
    kept = kept if kept in choices else choices[0]
    return [unit for unit in choices if unit != kept]


def _of_pairs(questions: Sequence[Question], told: Sequence[str]) -> Question:
    columns = [*told, *(each.column for each in questions)]
    return Question(
        "left out",
        f"{_seen(questions)}. Read them as two channels with {list_option('--pairs', columns)}, or "
        "name the channels that are to be read with --channels.",
    )
