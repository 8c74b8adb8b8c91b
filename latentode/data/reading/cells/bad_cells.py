"""Cells that are not numbers: every spelling with its count, and the options that settle it."""

from __future__ import annotations

import csv
import io
import math
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from latentode.config.data import CellsConfig
from latentode.data.reading.cells.states import STATES

Kind = Literal["word", "size", "bound", "limit", "state", "mark", "unit", "parentheses", "time"]
#: Words of a message name at most so many spellings of all columns; what is left is counted.
MOST_SPELLINGS = 60
_MOST_ALIKE = 3  # of those that are mended alike, whatever their spelling


@dataclass(frozen=True)
class BadText:
    """One spelling that is not a number.

    Attributes:
        text: The spelling, without blanks around it.
        column: "column 'x'", or "column 'value', channel 't'".
        channel: Name of the channel, or of the column where it is one channel.
        count: Cells that have it.
        row: First row that has it.
        where: That row in words: "line 17".
        kind: "word"; "size" of a number that no sensor writes; "bound" such as ``<0.05``; "limit"
            of a bound without a number; "state" beside numbers; "mark" of the other decimal mark;
            "unit" that most cells lack; "parentheses" around a number; "time" of a date.
    """

    text: str
    column: str
    channel: str
    count: int
    row: int
    where: str
    kind: Kind = "word"

    def __str__(self) -> str:
        times = "" if self.count == 1 else f" {self.count:,} times"
        return f"{self.where}, {self.column}: {self.text!r}{times}"


def bad_cells_message(
    texts: Sequence[BadText], number: int, share: float, cells: CellsConfig
) -> str:
    """Say which cells are not numbers, and how to go on.

    Args:
        texts: Spellings, of all columns.
        number: Bad cells in all.
        share: Their share of the cells that hold something.
        cells: Settings under which they were read.

    Returns:
        Sentences; the name of the log is to be put in front.
    """
    texts = _named(texts)
    shown = "; ".join(map(str, texts))
    other = number - sum(each.count for each in texts)
    more = f"; {other:,} cells of other spellings" if other > 0 else ""
    limit = ""
    if cells.on_bad_row != "error":
        limit = f", {100 * share:.2g}% of the values and more than --max-bad allows"
    advice = " ".join(_advice(texts, cells, share))
    what = "1 cell is not a number" if number == 1 else f"{number:,} cells are not numbers"
    return f"{what}{limit} ({shown}{more}). {advice}"


def _named(texts: Sequence[BadText]) -> list[BadText]:
    """Spellings that a message names: all that an option needs, of the others a few."""
    named: list[BadText] = []
    seen: Counter[tuple[str, str]] = Counter()
    for each in texts:
        seen[each.kind, each.channel] += 1
        few = each.kind in ("bound", "mark", "unit", "parentheses")
        if not few or seen[each.kind, each.channel] <= _MOST_ALIKE:
            named.append(each)
    return named[:MOST_SPELLINGS]


def _advice(texts: Sequence[BadText], cells: CellsConfig, share: float) -> list[str]:
    of = {kind: [each.text for each in texts if each.kind == kind] for kind in _KINDS}
    said = [_bounds(of["bound"], of["limit"])]
    if of["state"]:
        said.append(_states(of["state"], cells))
    if of["mark"]:
        said.append(
            f"{_some(of['mark'])}: the decimal mark differs from that of the other cells; write "
            "all with one mark."
        )
    if of["unit"]:
        said.append(f"{_some(of['unit'])}: most cells have nothing behind the number.")
    if of["parentheses"]:
        said.append(
            f"{_some(of['parentheses'])} may be negative, as in bookkeeping: write a minus sign."
        )
    if of["size"]:
        said.append(f"{_some(of['size'])}: no sensor writes such a number; repair the cells.")
    if listed := missing_spellings(texts):
        words = na_option([*(cells.na or ()), *listed])
        said.append(
            f"Pass {words} if that means missing, or {_leave_out(cells, share)} to leave out what "
            "is not a number."
        )
    elif len(of["bound"]) + len(of["limit"]) < len(texts):
        said.append(f"To leave them out: {_leave_out(cells, share)}.")
    return [sentence for sentence in said if sentence]


def missing_spellings(texts: Sequence[BadText]) -> list[str]:
    """Those of some spellings that a message proposes as missing, words first.

    Args:
        texts: Bad cells, each spelling once.
    """
    named = _named(texts)
    return [each.text for kind in ("word", "size") for each in named if each.kind == kind]


_KINDS = ("word", "size", "bound", "limit", "state", "mark", "unit", "parentheses", "time")


def _bounds(bounds: Sequence[str], limits: Sequence[str]) -> str:
    if not bounds and not limits:
        return ""
    said = f"{_some([*bounds, *limits])}: bounds, the reading lies beyond them."
    if not bounds:
        return f'{said} Pass --censored "missing" to leave out what has no number.'
    number = re.sub(r"^[^0-9.,+-]+", "", bounds[0])
    others = f" and leaves out {_some(limits)}, without a number" if limits else ""
    return (
        f'{said} --censored "bound" reads {bounds[0]!r} as {number}{others}; --censored "missing" '
        "leaves all of them out."
    )


def _states(words: Sequence[str], cells: CellsConfig) -> str:
    numbers = {word: index for pair in reversed(STATES) for index, word in enumerate(pair)}
    pairs = [f"{word}={numbers[word.lower()]}" for word in dict.fromkeys(words)]
    option = list_option("--states", [*cells.states, *pairs])
    return f"{_some(words)} are states beside numbers: {option} reads them so."


def _leave_out(cells: CellsConfig, share: float) -> str:
    """The option that leaves bad cells out, with the limit that this takes."""
    return leave_out_options(cells, share, "nan")


def leave_out_options(cells: CellsConfig, share: float, how: str) -> str:
    """The options that leave out what is bad.

    Args:
        cells: What is set.
        share: The part that is bad.
        how: ``nan`` or ``drop``; empty where it is left out anyway, up to the limit.
    """
    limit = f"--max-bad {math.ceil(100 * share) / 100:g}" if share > cells.max_bad else ""
    needed = how and cells.on_bad_row == "error"
    return f"--on-bad-row {how} {limit}".rstrip() if needed else limit


def _some(texts: Iterable[str], most: int = 3) -> str:
    distinct = list(dict.fromkeys(texts))
    shown = ", ".join(map(repr, distinct[:most]))
    return shown + (", ..." if len(distinct) > most else "")


def na_option(texts: Iterable[str]) -> str:
    """``--na`` with some spellings, so that it can be typed as it stands."""
    return list_option("--na", texts)


def list_option(flag: str, items: Iterable[str]) -> str:
    """An option with a list as its value, quoted for its parser and for the shell.

    Args:
        flag: The option.
        items: Texts; each is taken once.
    """
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(dict.fromkeys(items))
    text = row.getvalue()
    # a value that begins with a dash would be taken for an option
    return f"{flag}{'=' if text.startswith('-') else ' '}{_quoted(text)}"


def _quoted(text: str) -> str:
    if "'" in text and not re.search(r'["$`\\!]', text):
        return f'"{text}"'
    return shlex.quote(text) if not re.fullmatch(r"[\w.,/+=:-]+", text) else text
