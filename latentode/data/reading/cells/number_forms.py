"""Numbers as people and programs write them: with units, marks between thousands, bounds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from latentode.data.dataset import Float64
from latentode.data.reading.cells.plain_numbers import as_floats

_CURRENCY = (
    r"[$€£¥₹]|(?:US|R|A|C)\$|USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|SEK|NOK|DKK|PLN|CZK|BRL|MXN|ZAR"
)
# words that say that the number behind them is a bound: "less than 0.05"
_BOUND = (
    r"(?i:(?:less|more|greater|lower|higher|kleiner|größer|weniger|mehr) (?:than|als)"
    r"|below|above|under|over|unter|über)\s"
)
# a name before a number counts only with its sign: "T=21.5", but not "pump 3"
_PARTS = (
    rf"^(?P<bound>[<>]=?|[≤≥]|=[<>]|{_BOUND})?\s*"
    rf"(?P<before>(?:{_CURRENCY})|\pL[^=:]*[=:])?\s*"
    r"(?P<sign>[+-]?)\s*"
    r"(?P<currency>[$€£¥₹]?)"
    r"(?P<number>[0-9](?:[0-9.,' ]*[0-9])?[.,]?|[.,][0-9]+)"
    r"(?P<exponent>(?:[eE][+-]?[0-9]+|[dD][+-][0-9]{2,3})?)"  # D is Fortran's double precision
    r"(?P<minus>-?)"
    r"(?P<gap>\s*)(?P<after>.*)$"
)
# a text that begins with a letter is seldom a number, and looking at it closely is slow
_CANDIDATE = rf"^[^\pL]|[=:]|^(?:{_CURRENCY})|^{_BOUND}"
# no second number, date, time or fraction: "12:30", "120/80", "4-Mar", "3 of 10", "3 h 20 min"
_UNIT = r"^(?:/?[^0-9\s:.,;|/+\-<>=#_^'][^|;]*)?$"
_SECOND_NUMBER = r"[\s:/.][0-9]|^[xX][0-9A-Fa-f]"
# the digits of a number whose decimal mark is a point
_POINT_GRAMMAR = (
    r"^(?:[0-9]+|[1-9][0-9]?(?:,[0-9]{2})*,[0-9]{3}|"
    r"[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+|(?: [0-9]{3})+|(?:'[0-9]{3})+))?(?:\.[0-9]*)?$"
)
_PARENTHESES = rf"^\(\s*(?:{_CURRENCY})?\s*[0-9][0-9.,' ]*\s*\)$"
# more characters behind a number are a remark
_LONGEST_UNIT = 24
_BLANKS = "[\u00a0\u2007\u2009\u202f]"
_MINUS = "[\u2212\u2012\u2013\ufe63\uff0d]"
# "'-5" and '="5"' are how spreadsheets keep a number from being computed
_QUOTED = r"""^(?:=?"(.*)"|'(.*)')$"""
_APOSTROPHE = r"^'([-+.,(0-9])"


@dataclass(frozen=True)
class NumberForms:
    """Texts as numbers that carry more than a plain one.

    Attributes:
        point: Value if the decimal mark is a point, NaN where that is not possible, shape (text,).
        comma: Value if it is a comma.
        unit: Code of what stands before and after the number, shape (text,).
        units: What each code means, "" for nothing.
        bound: True where a sign such as ``<`` makes the number a bound.
        parentheses: True for a number in parentheses.
        odd: True where an apostrophe or a minus of another kind was understood.
        marks: Marks and blanks of the number, such as ",.", shape (text,).
    """

    point: Float64
    comma: Float64
    unit: NDArray[np.int64]
    units: list[str]
    bound: NDArray[np.bool_]
    parentheses: NDArray[np.bool_]
    odd: NDArray[np.bool_]
    marks: NDArray[np.object_]

    def values(self, mark: str) -> Float64:
        """Numbers under a decimal mark."""
        return self.comma if mark == "," else self.point

    def grouped(self, mark: str) -> NDArray[np.bool_]:
        """True where something other than a decimal mark stands between digits."""
        return np.array([bool(marks) and marks != mark for marks in self.marks], dtype=bool)

    def take(self, index: NDArray[np.integer]) -> NumberForms:
        """Forms of some of the texts."""
        arrays = {name: part[index] for name, part in vars(self).items() if name != "units"}
        return replace(self, **arrays)


def take_apart(texts: pa.Array) -> NumberForms:
    """Read texts as numbers with units, marks and bounds.

    Args:
        texts: Distinct texts without blanks around them, of type ``string``.
    """
    plain = _with_usual_marks(texts)
    likely = pc.match_substring_regex(plain, _CANDIDATE)
    parts = pc.extract_regex(pc.if_else(likely, plain, pa.scalar(None, pa.string())), _PARTS)
    part = {field.name: pc.struct_field(parts, field.name) for field in parts.type}
    after = _usual_unit(part["after"])
    # "5-" is -5, but "4-Mar" is none
    trailing = pc.equal(part["minus"], "-")
    whole = pc.or_(pc.not_equal(part["gap"], ""), pc.equal(after, ""))
    good = _all(
        pc.is_valid(parts),
        pc.match_substring_regex(after, _UNIT),
        pc.less_equal(pc.utf8_length(after), _LONGEST_UNIT),
        pc.invert(pc.match_substring_regex(after, _SECOND_NUMBER)),
        pc.or_(pc.invert(trailing), pc.and_(whole, pc.equal(part["sign"], ""))),
    )
    sign = pc.if_else(trailing, "-", pc.replace_substring(part["sign"], "+", ""))
    before = pc.binary_join_element_wise(part["before"], part["currency"], "")
    unit = pc.binary_join_element_wise(before, after, " ")
    coded = pc.utf8_trim_whitespace(unit).fill_null("").dictionary_encode()
    number = part["number"]
    return NumberForms(
        point=_numbers(sign, number, part["exponent"], good),
        comma=_numbers(sign, _swapped(number), part["exponent"], good),
        unit=coded.indices.to_numpy(zero_copy_only=False).astype(np.int64),
        units=coded.dictionary.to_pylist(),
        bound=_flags(pc.not_equal(part["bound"], "")),
        parentheses=_flags(pc.match_substring_regex(plain, _PARENTHESES)),
        odd=_flags(pc.or_(trailing, pc.match_substring_regex(texts, rf"{_APOSTROPHE}|{_MINUS}"))),
        marks=pc.replace_substring_regex(number, "[0-9]", "").to_numpy(zero_copy_only=False),
    )


def _with_usual_marks(texts: pa.Array) -> pa.Array:
    """Blanks, minus signs and apostrophes of all kinds as the usual ones."""
    for pattern, mark in ((_BLANKS, " "), (_MINUS, "-"), ("[\u2019\u02bc]", "'")):
        texts = pc.replace_substring_regex(texts, pattern, mark)
    texts = pc.replace_substring_regex(texts, _QUOTED, r"\1\2")
    return pc.replace_substring_regex(pc.utf8_trim_whitespace(texts), _APOSTROPHE, r"\1")


def _usual_unit(after: pa.Array) -> pa.Array:
    """Spellings of a degree are one unit."""
    after = pc.utf8_trim_whitespace(after)
    for sign, letter in (("℃", "C"), ("℉", "F")):
        after = pc.replace_substring(after, sign, letter)
    return pc.replace_substring_regex(after, r"^(?:[°º˚]\s?|deg\.?\s?)?([CF])$", r"°\1")


def _swapped(number: pa.Array) -> pa.Array:
    for mark, other in ((",", "_"), (".", ","), ("_", ".")):
        number = pc.replace_substring(number, mark, other)
    return number


def _numbers(sign: pa.Array, digits: pa.Array, exponent: pa.Array, good: pa.Array) -> Float64:
    # nobody marks the thousands of a number with an exponent
    grouped = pc.and_(pc.not_equal(exponent, ""), pc.match_substring_regex(digits, "[,' ]"))
    fits = _all(good, pc.match_substring_regex(digits, _POINT_GRAMMAR), pc.invert(grouped))
    digits = pc.replace_substring_regex(digits, "[,' ]", "")
    exponent = pc.replace_substring_regex(exponent, "[dD]", "e")
    text = pc.binary_join_element_wise(sign, digits, exponent, "")
    return as_floats(pc.cast(pc.if_else(fits, text, pa.scalar(None, pa.string())), pa.float64()))


def _all(first: pa.Array, *others: pa.Array) -> pa.Array:
    for other in others:
        first = pc.and_(first, other)
    return first.fill_null(False)


def _flags(cells: pa.Array) -> NDArray[np.bool_]:
    return cells.fill_null(False).to_numpy(zero_copy_only=False)
