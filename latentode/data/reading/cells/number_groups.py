"""What the cells of one column, or of one channel of a long log, mean together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from latentode.data.dataset import Float64
from latentode.data.reading.cells.bad_cells import Kind, list_option
from latentode.data.reading.cells.decimal_marks import choose_mark
from latentode.data.reading.cells.number_cells import GroupCells, is_no_size
from latentode.data.reading.cells.number_units import choose_unit
from latentode.data.reading.cells.states import (
    LIMITS,
    NO_READING,
    STATE_WORDS,
    STATES_BESIDE_NUMBERS,
    in_order,
    state_numbers,
)
from latentode.data.reading.doubts import Question

#: What each code of `GroupReader.kinds` means; 0 and 1 are no faults.
KINDS: tuple[Kind | str, ...] = (
    *("number", "missing", "word", "size", "bound", "limit", "state", "mark", "unit"),
    "parentheses",
)
_CODE = {kind: code for code, kind in enumerate(KINDS)}
FIRST_FAULT = _CODE["word"]
# more words than these are a comment, not states
_ONE_WORD = 9  # times as many cells as of other words
_MOST_STATES = 5
# a number and something, but no code such as "12A3"
_READING = (
    r"^[<>~≈]?\s*[-+(]?\s*[$€£¥₹]?\s*[0-9]+(?:[.,][0-9]+)?(?:[^0-9A-Za-z].*|[A-Za-z][^0-9]*)?$"
)
# dates, times of day, addresses, versions
_MOST_PAIRS = 0.9  # share of the cells; others are judged once pairs are parted
#: Two numbers in one cell, as 120/80: of a pressure, a position, a share of another.
PAIR = r"^\s*([+-]?[0-9]+(?:[.,][0-9]+)?)\s*[/|;xX\\]\s*([+-]?[0-9]+(?:[.,][0-9]+)?)\s*$"
_DATE = r"^[0-9]{1,4}(?:[-/.:][0-9]{1,4}){2}|^[0-9]{1,2}:[0-9]{2}"


@dataclass
class GroupReader:
    """Reads the distinct texts of a group that are neither plain numbers nor missing.

    Attributes:
        cells: The texts.
        values: Number of each text, NaN without one.
        kinds: Code of `KINDS` of each text.
        unit: What stands at the numbers.
        text_only: True if no cell of the group is a number.
    """

    cells: GroupCells
    values: Float64 = field(init=False)
    kinds: NDArray[np.int8] = field(init=False)
    unit: str = ""
    text_only: bool = False
    _lower: pa.Array = field(init=False)

    def __post_init__(self) -> None:
        self._lower = pc.utf8_lower(self.cells.texts)
        self.values = np.full(len(self.cells.counts), np.nan)
        self.kinds = np.full(len(self.cells.counts), _CODE["word"], dtype=np.int8)

    def read(self) -> None:
        """Fill `values`, `kinds`, `unit` and `text_only`."""
        self._read_numbers()
        self._set(self._matches(NO_READING), "missing", only="word")
        self._read_known_words({"true": 1.0, "false": 0.0} | self.cells.rules.states)
        numbers = self.cells.plain.number + self._count("number", "bound", "size")
        if not self._read_states() and numbers:
            self._set(self._is_in(STATES_BESIDE_NUMBERS), "state", only="word")
        if numbers:
            beyond = self._is_in(LIMITS) | self._matches("^[<>≤≥]")
            self._set(beyond, "limit", only=("word", "state"))
        self._settle_bounds()
        self._say_missing()
        faults = int(self.cells.counts[self.kinds >= FIRST_FAULT].sum())
        self.text_only = bool(faults) and not numbers and not self._count("number")
        if self.text_only:
            self._doubt_text()

    def _read_numbers(self) -> None:
        forms = self.cells.forms
        mark = choose_mark(self.cells)
        values, other = forms.values(mark), forms.values("." if mark == "," else ",")
        numeric = ~np.isnan(values)
        unit = choose_unit(self.cells, values)
        self.unit = unit.name
        self._set(np.isnan(values) & ~np.isnan(other), "mark")
        self._set(numeric, "number")
        self._set(numeric & unit.odd, "unit")
        self._set(numeric & unit.foreign, "missing")
        self._set(numeric & unit.none, "word")
        self._set(forms.parentheses, "parentheses")
        self._set(is_no_size(values), "size", only="number")
        self._set(self._matches(r"(?i)^[+-]?inf(inity)?$"), "size")
        self._set(numeric & forms.bound, "bound", only="number")
        self._set(np.isin(values, self.cells.rules.na), "missing", only=("number", "size"))
        read = np.isin(self.kinds, [_CODE["number"], _CODE["bound"]])
        self.values[read] = values[read]
        odd = read & forms.odd
        if odd.any():
            self.cells.doubts.decide(
                "cells",
                f"{self.cells.name}: apostrophes and minus signs of other kinds are read",
                f"{self.cells.example(odd)} is {values[odd][0]:g}",
            )

    def _read_known_words(self, numbers: dict[str, float]) -> None:
        for index in np.flatnonzero(self._is_in(numbers)):
            self.values[index] = numbers[self._lower[int(index)].as_py()]
            self.kinds[index] = _CODE["number"]

    def _read_states(self) -> bool:
        """Read two words as 0 and 1 where nothing but 0 and 1 stands beside them."""
        words = self._is_in(STATE_WORDS) & (self.kinds == _CODE["word"])
        distinct = set(self._lower.filter(pa.array(words)).to_pylist())
        numbers = state_numbers(distinct) if distinct else None
        read = self.kinds == _CODE["number"]
        binary = (
            self.cells.plain.binary + self.cells.counts[read & np.isin(self.values, (0, 1))].sum()
        )
        if numbers is None or binary < self.cells.plain.number + self.cells.counts[read].sum():
            return False
        others = self.kinds >= FIRST_FAULT
        # a few words of another kind are bad cells; where they prevail the words are no states,
        # and one known word beside another may have that for its counterpart
        other = int(self.cells.counts[others & ~words].sum())
        strength = _ONE_WORD if len(distinct) == 1 and other > _ONE_WORD else 1
        if self.cells.counts[words].sum() + binary < strength * other:
            return False
        self._read_known_words(numbers)
        self._say_states(words)
        return True

    def _say_states(self, words: NDArray[np.bool_]) -> None:
        spelled: dict[float, str] = {}
        for index in np.flatnonzero(words):
            spelled.setdefault(self.values[index], self.cells.texts[int(index)].as_py())
        pairs = sorted(spelled.items(), reverse=True)
        cells = [
            int(self.cells.counts[words & (self.values == number)].sum()) for number, _ in pairs
        ]
        self.cells.doubts.decide(
            "channel",
            f"{self.cells.name}: states, "
            + ", ".join(f"{word!r} is {number:g}" for number, word in pairs),
            f"{' and '.join(f'{count:,}' for count in cells)} cells",
            option=list_option("--states", [f"{word}={1 - number:g}" for number, word in pairs]),
        )

    def _settle_bounds(self) -> None:
        bounds, limits = (self.kinds == _CODE[kind] for kind in ("bound", "limit"))
        choice = self.cells.rules.censored
        if choice is None:
            self.values[bounds] = np.nan
            return
        self._set(bounds, "number" if choice == "bound" else "missing")
        self._set(limits, "missing")
        self.values[self.kinds == _CODE["missing"]] = np.nan
        verb = "read as the bound" if choice == "bound" else "left out"
        other = "missing" if choice == "bound" else "bound"
        for texts, done, option in (
            (bounds, verb, f"--censored {other}"),
            (limits, "without a number left out", ""),
        ):
            if texts.any():
                self.cells.doubts.decide(
                    "censored",
                    f"{self.cells.name}: {self.cells.counts[texts].sum():,} bounds such as "
                    f"{self.cells.example(texts)} {done}",
                    option=option,
                )

    def _say_missing(self) -> None:
        dashes = self._matches(NO_READING) & (self.kinds == _CODE["missing"])
        if not dashes.any():
            return
        spelled = zip(
            self.cells.texts.filter(pa.array(dashes)).to_pylist(),
            self.cells.counts[dashes],
            strict=True,
        )
        said = ", ".join(f"{text!r} ({count:,} cells)" for text, count in spelled)
        self.cells.doubts.decide("missing", f"{self.cells.name}: no reading where {said} stands")

    def _doubt_text(self) -> None:
        """Say, or ask, whether a column without a number may be left out."""
        faults = self.kinds >= FIRST_FAULT
        if self._ask_about_pairs(faults):
            return
        digits = faults & self._matches(_READING) & ~self._matches(_DATE)
        if (
            2 * self.cells.counts[digits].sum() >= self.cells.counts[faults].sum()
            and digits.sum() > 1
        ):
            self.cells.doubts.ask(
                "left out",
                f"{self.cells.name}: its cells hold digits, but are not read as numbers "
                f"({self.cells.example(digits)}). Write one number in each cell, or name the "
                "channels that are to be read with --channels.",
            )
            return
        words = self.cells.texts.filter(pa.array(faults)).slice(0, _MOST_STATES + 1).to_pylist()
        letters = not any(re.search(r"\d", word) for word in words)
        if letters and 1 < len(words) <= _MOST_STATES:
            self.cells.doubts.decide(
                "left out",
                f"{self.cells.name}: words ({', '.join(map(repr, words))}) are not read",
                "they are neither numbers nor two states that are known",
                option=list_option("--states", [f"{w}={i}" for i, w in enumerate(in_order(words))]),
            )

    def _ask_about_pairs(self, faults: NDArray[np.bool_]) -> bool:
        """Ask about two numbers in nearly all cells of a column that has no others."""
        cells = self.cells
        pairs = faults & self._matches(PAIR)
        few = cells.counts[pairs].sum() < _MOST_PAIRS * cells.counts[faults].sum()
        if few or pairs.sum() < 2 or cells.name != f"column {cells.channel!r}":
            return False
        said = f"{cells.name} has two numbers in each cell ({cells.example(pairs)})"
        cells.doubts.questions.append(Question("pairs", said, column=cells.channel))
        return True

    def _set(
        self, texts: NDArray[np.bool_], kind: str, only: str | tuple[str, ...] | None = None
    ) -> None:
        if only is not None:
            codes = [_CODE[each] for each in ((only,) if isinstance(only, str) else only)]
            texts = texts & np.isin(self.kinds, codes)
        self.kinds[texts] = _CODE[kind]

    def _count(self, *kinds: str) -> int:
        return int(self.cells.counts[np.isin(self.kinds, [_CODE[kind] for kind in kinds])].sum())

    def _is_in(self, words: Iterable[str]) -> NDArray[np.bool_]:
        wanted = pa.array(sorted(words), pa.string())
        return pc.is_in(self._lower, value_set=wanted).to_numpy(zero_copy_only=False)

    def _matches(self, pattern: str) -> NDArray[np.bool_]:
        texts = self.cells.texts
        return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
