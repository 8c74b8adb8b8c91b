"""Flat predictions and scores as labelled data sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from latentode.data.dataset import Float64, Int64, ragged_arange
from latentode.results.dataset import to_dataset


def from_queries(
    draws: Float64, series: Int64, times: Int64, *, series_ids: Sequence[str], **labels: Any
) -> xr.Dataset:
    """Give every series that was asked about a row of its own, in order of its queries.

    Args:
        draws: Draws in original units, shape (draw, query, channel).
        series: Series of each query, any order, shape (query,).
        times: Time of each query in nanoseconds, shape (query,).
        series_ids: Id of each series of the log; those without a query are left out.
        **labels: Other arguments of `to_dataset`.

    Returns:
        As `to_dataset`: ``value`` (draw, series, step, channel) and ``time`` (series, step); series
        with fewer queries than the longest are padded. Where queries of several series alternate,
        the coordinate ``query`` (series, step) numbers them as they were asked, padding -1.
    """
    asked, row = np.unique(series, return_inverse=True)
    order = np.argsort(row, kind="stable")
    counts = np.bincount(row, minlength=len(asked))
    step = np.empty(len(row), dtype=np.int64)
    step[order] = ragged_arange(np.zeros_like(counts), counts)
    shape = (len(asked), int(counts.max(initial=0)))
    padded = np.full((*shape, draws.shape[2], draws.shape[0]), np.nan)
    stamps = np.zeros(shape, dtype=np.int64)
    valid = np.zeros(shape, dtype=bool)
    # draws of a reading beside each other in memory, as predictors give them
    padded[row, step], stamps[row, step] = np.moveaxis(draws, 0, -1), times
    valid[row, step] = True
    names = [series_ids[i] for i in asked]
    values = np.moveaxis(padded, -1, 0)
    dataset = to_dataset(values, stamps, series_ids=names, valid=valid, **labels)
    if (np.diff(row) >= 0).all():
        return dataset
    asked_as = np.full(shape, -1, dtype=np.int64)
    asked_as[row, step] = np.arange(len(row))
    return dataset.assign_coords(query=(("series", "step"), asked_as))


def from_scores(
    log_prob: Float64, standard_error: Float64, num_readings: Int64, *, series_ids: Sequence[str]
) -> xr.Dataset:
    """Label the log-density of each series.

    Args:
        log_prob: Nats, shape (series,).
        standard_error: Its standard error, nats, shape (series,).
        num_readings: Readings that it is the density of, shape (series,).
        series_ids: Id of each series.

    Returns:
        ``log_prob``, ``standard_error`` and ``num_readings`` by "series".
    """
    return xr.Dataset(
        {
            "log_prob": ("series", log_prob, {"units": "nats"}),
            "standard_error": ("series", standard_error, {"units": "nats"}),
            "num_readings": ("series", num_readings),
        },
        coords={"series": np.array(series_ids, dtype=object)},
    )
