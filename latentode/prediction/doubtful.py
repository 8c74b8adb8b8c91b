"""What a forecast rests on too little for: said, as its bands alone do not tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentode.config.durations import format_duration
from latentode.data.dataset import Float64, Int64, Readings, TimeSeriesDataset, positions
from latentode.data.schema import DataSchema
from latentode.prediction.known_model import KnownModel
from latentode.prediction.origins import names_of

_FAR = 5  # horizons of the training: a few more are of use, and often asked for
# a channel is silent after so many of its usual gaps, which so many readings show
_GAPS, _SHOWN = 20, 10
_EXAMPLES = 3  # channels that one message names


def doubtful_lines(
    fitted: KnownModel, dataset: TimeSeriesDataset, series: Int64, times: Int64
) -> Iterator[str]:
    """Say what is doubtful about forecasts of some series at some times.

    Args:
        fitted: The model.
        dataset: All readings that there are, aligned with the schema.
        series: Series of each query, shape (query,).
        times: Time of each, shape (query,).
    """
    first, last = dataset.readings.first_and_last()
    read = last >= first
    reach = int((times - last[series])[read[series]].max(initial=0))
    asked = np.unique(series[read[series] & (times > last[series])])
    yield from _far_lines(fitted.schema, reach)
    yield from unknown_lines(fitted, dataset, asked)
    yield from _silent_lines(fitted, dataset, asked)


def called_by_file(fitted: KnownModel) -> bool:
    """Whether a model is of one series without an id, which is called by the file of its log."""
    return fitted.config.data.columns.id is None and len(fitted.context) == 1


def _far_lines(schema: DataSchema, reach: int) -> Iterator[str]:
    horizon = schema.lengths.horizon_ns
    if reach > _FAR * horizon:
        yield (
            f"horizon: forecasts until {format_duration(reach)} ahead, by a model that was trained "
            f"and tested until {format_duration(horizon)}: nothing shows how good they are so far. "
            "Ask for a shorter time, or train with --horizon on a log several times as long as it."
        )


def unknown_lines(fitted: KnownModel, dataset: TimeSeriesDataset, asked: Int64) -> Iterator[str]:
    """Say which series the model was not trained on, where that was of series that go on.

    Args:
        fitted: The model.
        dataset: All readings that there are.
        asked: Series that are asked about, shape (series,).
    """
    known = fitted.context.series_ids
    if fitted.schema.split.kind == "series" or called_by_file(fitted) or not known:
        return  # a model that was trained on parts does not remember which they were
    strange = asked[positions([dataset.series_ids[i] for i in asked], known) < 0]
    if len(strange):
        yield (
            f"series {names_of(dataset, strange)}: not among those that this model was trained on, "
            "so that its scores do not tell how good forecasts of them are. Train with --split "
            "series to know, or on their log too."
        )


class _Habits(NamedTuple):
    """Readings of each channel of each series: number, usual gap and last time, (series, channel).

    The gap is infinite where too few readings show it, and the last time the lowest without any.
    """

    number: Int64
    gap: Float64
    last: Int64

    @classmethod
    def of(cls, readings: Readings) -> _Habits:
        shape = (readings.num_series, len(readings.channels))
        rows = readings.reading_rows()
        cell, times = (readings.row_series()[rows], readings.channel_index), readings.times[rows]
        number = np.zeros(shape, np.int64)
        np.add.at(number, cell, 1)
        bounds = np.iinfo(np.int64)
        first, last = np.full(shape, bounds.max), np.full(shape, bounds.min)
        np.minimum.at(first, cell, times)
        np.maximum.at(last, cell, times)
        shown = number >= _SHOWN
        spans = np.where(shown, last, 0) - np.where(shown, first, 0)
        gap = np.where(shown, spans / np.maximum(number - 1, 1), np.inf)
        return cls(number, gap, last)


def _silent_lines(fitted: KnownModel, dataset: TimeSeriesDataset, asked: Int64) -> Iterator[str]:
    """Channels without a reading within the context, which used to have many."""
    schema, readings = fitted.schema, dataset.readings
    here, before = _Habits.of(readings), _Habits.of(fitted.context.readings)
    trained = positions(dataset.series_ids, fitted.context.series_ids)
    usual = np.vstack([before.gap, np.full((1, len(dataset.channels)), np.inf)])[trained]
    gap = np.where(np.isfinite(here.gap), here.gap, usual)
    first, last = readings.first_and_last()
    ever = here.number > 0
    silence = last[:, None] - np.where(ever, here.last, first[:, None])
    silent: NDArray[np.bool_] = (silence > _GAPS * gap) & schema.known
    silent &= ~ever | (silence > schema.lengths.context_ns)
    cells = [(i, j) for i in asked.tolist() for j in np.flatnonzero(silent[i])]
    if cells:
        shown = "; ".join(
            f"{schema.channels[j]!r} of series {dataset.series_ids[i]!r} for "
            f"{format_duration(silence[i, j])} (usually every {format_duration(gap[i, j])})"
            for i, j in cells[:_EXAMPLES]
        )
        more = f"; and {len(cells) - _EXAMPLES:,} more" if len(cells) > _EXAMPLES else ""
        yield (
            f"no reading of {shown}{more}: their forecasts rest on what other channels and the "
            "training tell. Check the sensor."
        )
