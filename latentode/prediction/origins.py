"""When series begin that were never read: what is said of them comes from the prior alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from latentode.data.dataset import Int64, TimeSeriesDataset
from latentode.errors import ConfigError, DataError
from latentode.prediction.query_windows import NO_ORIGIN
from latentode.results import local_times

_LEARN = "Train with --static-columns or --future-columns"
_BY_TRAINING = "by what the training log was like"
_NOT_LEARNED = f"which this model has not learned to answer by. {_LEARN}, or do not rely on them"
_EXAMPLES = 3  # series that one message names
_OPTION = "--from (in Python origin)"
_HOW = "--from TIME (in Python origin=TIME), when they begin"


def origins_of(dataset: TimeSeriesDataset, given: Any = None, *, learned: bool = True) -> Int64:
    """When each series begins that has no reading, `NO_ORIGIN` for others, shape (series,).

    Args:
        dataset: Readings and planned inputs.
        given: A time on its clock; None takes the first planned input of each, where it has one.
        learned: Whether the model has learned what to say of them, see `DataSchema.has_covariates`.

    Raises:
        ConfigError: If a time is given that no series needs, or that is none, or to a model that
            has not learned to answer.
    """
    unread = np.diff(dataset.readings.series_starts) == 0
    origins = np.full(len(dataset), NO_ORIGIN)
    if given is not None:
        if not learned:
            raise ConfigError(
                "origin: expected a model that knows more of a series than its readings. "
                f"{_LEARN}, or leave {_OPTION} out."
            )
        if not unread.any():
            raise ConfigError(
                "origin: expected series without a reading, which begin then, got a log in which "
                f"all have some, so that forecasts begin at the last. Leave {_OPTION} out."
            )
        from latentode.data.reading.second_look.time_bounds import moment  # loads what reads logs

        origins[unread] = moment(str(given), dataset.clock, name="origin", option=_OPTION)
    elif dataset.inputs is not None:
        first, last = dataset.inputs.first_and_last()
        told = unread & (last >= first)
        origins[told] = first[told]
    return origins


def names_of(dataset: TimeSeriesDataset, chosen: Int64) -> str:
    """Some series by their ids, the first few of many."""
    names = ", ".join(repr(dataset.series_ids[index]) for index in chosen[:_EXAMPLES])
    more = len(chosen) - _EXAMPLES
    return f"{names} and {more:,} more" if more > 0 else names


def without_begin(
    dataset: TimeSeriesDataset, origins: Int64, *, learned: bool = True
) -> str | None:
    """Say which series a forecast leaves out, as nothing says when they begin; None for none.

    Args:
        dataset: Readings.
        origins: What `origins_of` gave.
        learned: As there.

    Raises:
        DataError: If these are all series.
    """
    unread = np.diff(dataset.readings.series_starts) == 0
    left_out = np.flatnonzero(unread & (origins == NO_ORIGIN))
    if not len(left_out):
        return None
    names = names_of(dataset, left_out)
    if len(left_out) < len(dataset):
        how = f" To forecast them from the prior: {_HOW}." if learned else ""
        return (
            f"series {names} left out: they have neither a reading nor a planned input, after "
            f"which a forecast begins.{how}"
        )
    how = f"Pass {_HOW}" if learned else f"Give a log with readings. To forecast without: {_LEARN}"
    raise DataError(
        "forecast: expected readings or planned inputs, after which it begins, got neither of "
        f"series {names}. {how}."
    )


def begins_of(dataset: TimeSeriesDataset, origins: Int64, asked: Int64) -> dict[str, str]:
    """Ids of the series among some that were never read, and when each begins, "" where unknown.

    Args:
        dataset: Readings.
        origins: What `origins_of` gave.
        asked: Series that a question is about.
    """
    unread = np.diff(dataset.readings.series_starts) == 0
    chosen = np.unique(asked[unread[asked]])
    times = local_times(np.where(origins == NO_ORIGIN, 0, origins)[chosen], dataset.clock)
    return {
        dataset.series_ids[index]: str(time) if origins[index] != NO_ORIGIN else ""
        for index, time in zip(chosen, times, strict=True)
    }


def prior_line(begins: dict[str, str], *, learned: bool = True) -> str:
    """Say of which series the answers come from the prior alone.

    Args:
        begins: What `begins_of` gave.
        learned: As in `origins_of`.
    """
    shown = [
        f"{name!r} from {begin}" if begin else repr(name)
        for name, begin in list(begins.items())[:_EXAMPLES]
    ]
    more = len(begins) - len(shown)
    ending = f" and {more:,} more" if more else ""
    return (
        f"series {', '.join(shown)}{ending} without a reading: answers about them come from the "
        f"prior alone, {_BY_TRAINING if learned else _NOT_LEARNED}"
    )
