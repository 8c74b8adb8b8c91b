"""Columns that say how good values are, of a whole row or of the channel beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from latentode.config import DataConfig
from latentode.data.reading.cells.states import state_numbers
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.profile import Sample, SampledColumn
from latentode.data.reading.roles import BAD, GOOD, Quality, plain_code
from latentode.errors import DataError

# what such a column is called, alone or as a part of its name
_STRONG = frozenset(
    (
        *("quality", "qc", "qf", "qa", "qaqc", "qualifier", "qualifiers", "qual", "validity"),
        *("qualität", "qualitaet", "qualite", "qualité", "calidad", "qualità", "qualidade"),
        *("kwaliteit", "kvalitet", "jakość", "datenqualität", "güte", "gültigkeit", "validité"),
        *("validez", "statuscode", "qcode", "valid", "gültig", "isvalid", "isgood"),
    )
)
_WEAK = frozenset({"status", "flag", "flags", "zustand", "statut", "estado", "stato", "q"})
_FLAGS = {"flag", "flags"}  # strong where their cells are words: of numbers they may be a state
_BESIDE = frozenset({"code", "flag", "flags", "cd", "of", "data", "value", "is", "final", "bit"})
_MOST_CODES = 12  # values of a column that says how good readings are
_OPC_GOOD = 192  # of 255: the two upper bits of a code of OPC are set
_OPC_CODES = 256  # values of a byte
_LEAST = 0.05  # share of empty cells above which any word may be a complaint
_FEW = 0.2  # share of cells that complain
_COMMON = 0.5  # share of the rows


def find_quality(
    sample: Sample, free: Sequence[str], config: DataConfig, doubts: Doubts
) -> tuple[Quality, ...]:
    """Find the columns that say which values are good.

    A column says so by its name and by its cells: words for good and bad, codes of OPC (192 and
    more is good), codes the most frequent of which is 0 or 1. It speaks of the channel in whose
    name it stands ("O3_qc" beside "O3"), or else of the whole row.

    Args:
        sample: The log.
        free: Columns that have no other role.
        config: Which values count (``cells.quality``).
        doubts: Takes the decisions and questions.

    Returns:
        The columns; one of which all values are kept is good whatever it says.
    """
    called = [name for name in free if _rank(name)]
    others = [name for name in free if name not in called and not sample[name].empty]
    wanted = config.cells.quality
    quality = []
    for name in called:
        rest = _rest(name)
        of = _channels_of(rest, others)
        if not rest and sum(not _rest(other) for other in called) > 1:
            of = _before(sample, name, others)
        whole_row = not rest and (_rank(name) == 1 or set(_words(name)) <= _FLAGS)
        strong = bool(of) or (whole_row and (_rank(name) == 1 or not sample[name].is_number))
        good = _good(sample[name], strong)
        if good is None:
            continue
        if wanted not in ("all", "good"):
            good = _wanted(sample, name, wanted)
        asked = not good and wanted == "good"
        if asked:
            _ask(sample, name, doubts)
            good = {plain_code(text) for text in sample[name].distinct}
        quality.append(Quality(name, frozenset(good), of))
        if not asked:
            _say(sample[name], quality[-1], wanted, doubts)
    return tuple(quality)


def _words(name: str) -> list[str]:
    """Words of a name in small letters, without a unit in brackets: "finalQF" is final, qf."""
    plain = re.sub(r"[(\[].*?[)\]]", "", name)
    parts = re.findall(r"[A-ZÄÖÜ]+(?![a-zäöü])|[A-ZÄÖÜ]?[^\W\dA-ZÄÖÜ_]+|\d+", plain)
    return [part.lower() for part in parts]


def _rank(name: str) -> int:
    """1 for a column that is called like a quality, 2 for one that may be, 0 for others."""
    words = set(_words(name)) | {re.sub(r"\W|_", "", name).lower()}
    return 1 if words & _STRONG else 2 if words & _WEAK else 0


def _rest(name: str) -> list[str]:
    """What else stands in the name of a column of quality; a number tells it from others."""
    rest = [word for word in _words(name) if word not in _STRONG | _WEAK | _BESIDE]
    return [] if all(word.isdigit() for word in rest) else rest


def _before(sample: Sample, name: str, others: Sequence[str]) -> tuple[str, ...]:
    """The channel that stands before a column of quality, where several are called alike."""
    names = list(sample.table.columns)
    before = [other for other in others if names.index(other) < names.index(name)]
    return tuple(before[-1:])


def _channels_of(rest: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """The channels that the name of a column of quality speaks of, beside its own words."""
    if not rest:
        return ()
    exact = [other for other in others if _words(other) == list(rest)]
    return tuple(exact or [name for name in others if _words(name)[: len(rest)] == list(rest)])


def _good(column: SampledColumn, strong: bool) -> set[str] | None:
    """Words or codes for good; empty where they are not known; None if it is no such column."""
    texts = [plain_code(text) for text in column.distinct]
    if not texts or len(texts) > max(_MOST_CODES, _OPC_CODES * column.is_number):
        return None
    if column.is_number and not any(text in GOOD for text in texts):  # "true" is a number too
        return _good_codes(column, texts, strong)
    good = {text for text in texts if _says_good(text)}
    states = state_numbers(texts) is not None
    if good and (strong or (not states and all(_says_good(t) or _says_bad(t) for t in texts))):
        return good
    complains = strong and float((column.texts == "").mean()) > _LEAST
    few = float((column.texts != "").mean()) <= _FEW
    if good or not strong or states:
        return None
    return {"good"} if complains and few else set()


def _good_codes(column: SampledColumn, texts: Sequence[str], strong: bool) -> set[str] | None:
    numbers = column.numbers[~np.isnan(column.numbers)]
    if (numbers != np.floor(numbers)).any() or numbers.min() < 0:
        return None
    opc = numbers.max() < _OPC_CODES and (numbers >= _OPC_GOOD).mean() > _COMMON
    # Q may be a flow, in whole numbers as well
    opc = opc and (column.name.strip().lower() != "q" or texts[0] == str(_OPC_GOOD))
    if opc and not ((numbers > 1) & (numbers < 4)).any():
        return {str(code) for code in range(_OPC_GOOD, _OPC_CODES)}
    if not strong or len(texts) > _MOST_CODES:
        return None
    commonest = texts[0]
    frequent = float((numbers == float(commonest)).mean()) > _COMMON
    return {commonest} if frequent and commonest in ("0", "1") else set()


def _says_good(text: str) -> bool:
    return text in GOOD or text.startswith("good")


def _says_bad(text: str) -> bool:
    return text in BAD or text.startswith(("bad", "uncertain", "invalid", "suspect"))


def _wanted(sample: Sample, name: str, wanted: str) -> set[str]:
    """Words or codes of the settings."""
    good = {plain_code(text) for text in wanted.split(",")}
    there = {plain_code(text) for text in sample[name].distinct}
    if not good & there:
        raise DataError(
            f"{sample.table.name}: --quality {wanted}: expected words or codes of column {name!r}, "
            f"which has {', '.join(sample[name].distinct[:6])}. Name those that are good."
        )
    return good


def _ask(sample: Sample, name: str, doubts: Doubts) -> None:
    texts = sample[name].distinct
    doubts.ask(
        "quality",
        f"column {name!r} seems to say how good values are ({_counts(sample[name])}), and which of "
        f"these are good is not known. Name them, such as --quality {plain_code(texts[0])}, or "
        "keep all values with --quality all.",
        blocks="training",
    )


def _counts(column: SampledColumn) -> str:
    counts = column.texts[column.texts != ""].value_counts()
    shown = [f"{text} in {number:,} rows" for text, number in list(counts.items())[:6]]
    return ", ".join(shown)


def _say(column: SampledColumn, quality: Quality, wanted: str, doubts: Doubts) -> None:
    whose = ", ".join(map(repr, quality.of)) if quality.of else "values"
    verb = "is" if len(quality.of) == 1 else "are"
    bad = [text for text in column.distinct if not quality.is_good(text)]
    what = f"those of {', '.join(bad[:6])} left out" if bad else "all are"
    if wanted == "all":
        what = "kept whatever it says"
    doubts.decide(
        "quality",
        f"{quality.column!r} says how good {whose} {verb}: {what}",
        _counts(column),
        confidence="likely",
        option=f"--quality {'good' if wanted == 'all' else 'all'}",
    )
