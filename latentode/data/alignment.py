"""Whether another log has what a model was trained with: its clock, inputs and covariates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from latentode.data.dataset import Clock, Float64, TimeSeriesDataset
from latentode.errors import DataError

_MARKS = re.compile(r"[\s()\[\]{}°^.·*]|deg(?:rees?)?(?=\s*[CFK])")
_PER = re.compile(r"/([^\W\d]+)(\d*)")
_WORDS = {"celsius": "C", "fahrenheit": "F", "kelvin": "K", "percent": "%", "pct": "%"}


def check_clock(clock: Clock, trained: Clock) -> None:
    """Refuse a clock of another kind, or with a zone where training had none.

    Raises:
        DataError: If it is one.
    """
    if clock.kind != trained.kind:
        raise DataError(
            f"clock: expected {trained.kind} times as in training, got "
            f"{clock.kind} times. Check --time-unit."
        )
    if (clock.zone is None) is not (trained.zone is None):
        words = ["without a zone" if c.zone is None else "of a zone" for c in (trained, clock)]
        raise DataError(
            f"clock: expected times {words[0]} as in training, got times {words[1]}. "
            "Name the zone of the log with --tz."
        )


def check_units(units: Mapping[str, str], trained: Mapping[str, str]) -> None:
    """Refuse a channel in another unit than in training, where both are known.

    Args:
        units: Units by channel.
        trained: Those of the training.

    Raises:
        DataError: If there is one.
    """
    for name in units.keys() & trained.keys():
        if not _same_unit(units[name], trained[name]):
            raise DataError(
                f"units: expected {name!r} in {trained[name]} as in training, the log has it in "
                f"{units[name]}. Convert the log, or correct the unit that it names."
            )


def _same_unit(first: str, second: str) -> bool:
    """Whether two units are the same but for their spelling, as m³/h and m3 h-1, °C and degC."""
    one, other = map(_spelt, (first, second))
    if one.casefold() != other.casefold():
        return False
    return not any({a, b} == {"m", "M"} for a, b in zip(one, other, strict=False))  # milli, mega


def _spelt(unit: str) -> str:
    text = _MARKS.sub("", unicodedata.normalize("NFKC", unit))
    text = _PER.sub(lambda match: f"{match[1]}-{match[2] or 1}", text)
    return _WORDS.get(text.casefold(), text)


def align_static(dataset: TimeSeriesDataset, columns: Sequence[str]) -> Float64 | None:
    """Static covariates in the order of the training, shape (series, static); None without any.

    Raises:
        DataError: If one is absent.
    """
    if not columns or dataset.static is None:
        require("static covariates", columns, (), "--static-columns")
        return None
    aligned = []
    for name in columns:
        if name in dataset.static_columns:
            aligned.append(dataset.static[:, dataset.static_columns.index(name)])
        elif "=" in name:  # one level of a category that does not occur here
            aligned.append(np.zeros(len(dataset)))
        else:
            require("static covariates", (name,), dataset.static_columns, "--static-columns")
    return np.stack(aligned, axis=1)


def require(what: str, names: Sequence[str], known: Sequence[str], option: str) -> None:
    """Refuse a log that lacks columns of the training.

    Args:
        what: What the columns are.
        names: Those of the training.
        known: Those of the log.
        option: The option that names them.

    Raises:
        DataError: If one is absent.
    """
    absent = [name for name in names if name not in known]
    if absent:
        raise DataError(
            f"{what}: expected {', '.join(names)} as in training, the log has no "
            f"{', '.join(absent)}. Name the columns with {option}."
        )
