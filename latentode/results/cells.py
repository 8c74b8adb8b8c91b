"""The predicted times of all series as one list, and groups of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from latentode.data.dataset import Float64, Int64
from latentode.results.periods import clock_of, periods, stamps_of

_TOGETHER: dict[str, np.ufunc] = {
    "sum": np.add,
    "mean": np.add,
    "max": np.maximum,
    "min": np.minimum,
}
#: What values may be taken together by.
HOWS = (*_TOGETHER, "last")


class Cells(NamedTuple):
    """Every distinct predicted time of every series, in order of series and time.

    Attributes:
        frame: Columns series (its number), time, start and end of its period (nanoseconds), and
            whole, whether the predicted times reach to both ends of the period.
        values: Draws in original units, shape (draw, cell, channel).
    """

    frame: pd.DataFrame
    values: Float64

    @classmethod
    def of(cls, dataset: xr.Dataset, channels: Int64, by: str | None) -> Cells:
        """Read a prediction off.

        Args:
            dataset: Result of `to_dataset`.
            channels: Which channels, by number.
            by: As in `periods`.
        """
        series, step = np.nonzero(~pd.isna(dataset["time"].values))
        frame = pd.DataFrame({"series": series, "step": step, "time": stamps_of(dataset)})
        frame["whole"] = True
        if "complete" in dataset.coords:
            frame["whole"] = dataset["complete"].values[series, step]
        frame = frame.drop_duplicates(["series", "time"]).sort_values(["series", "time"])
        times, owners = frame["time"].to_numpy(), frame["series"].to_numpy()
        frame["start"], frame["end"] = periods(times, owners, by, clock_of(dataset))
        frame["whole"] &= _reached(frame)
        draws = dataset["value"].values[..., channels]
        return cls(frame, draws[:, owners, frame["step"].to_numpy()])

    def grouped(self, how: str, *, join_series: bool, as_one: bool) -> tuple[pd.DataFrame, Float64]:
        """Take the values of each period together.

        Args:
            how: One of `HOWS`.
            join_series: Whether series are taken together too.
            as_one: Whether all periods of a series are one.

        Returns:
            A row a group: series, start, end, whole, num_times and num_series; and values (draw,
            group, channel).
        """
        frame = self.frame.assign(
            owner=0 if join_series else self.frame["series"],
            key=0 if as_one else self.frame["start"],
        )
        keys = ["owner", "key"]
        order = np.lexsort((frame["time"], frame["series"], frame["key"], frame["owner"]))
        groups = frame.groupby(keys, as_index=False).agg(
            start=("start", "min"),
            end=("end", "max"),
            whole=("whole", "all"),
            num_times=("time", "size"),
            num_series=("series", "nunique"),
        )
        counts = groups["num_times"].to_numpy()
        return groups, _together(self.values[:, order], counts, how)


def join_channels(values: Float64, how: str) -> Float64:
    """Values (..., channel) with all channels as one.

    Args:
        values: What is taken together.
        how: One of `HOWS` but "last".
    """
    joined: Float64 = _TOGETHER[how].reduce(values, axis=-1, keepdims=True)
    return joined / values.shape[-1] if how == "mean" else joined


def _together(values: Float64, counts: Int64, how: str) -> Float64:
    """Values (draw, cell, channel) of runs of cells as one value each."""
    if not len(counts):
        return values
    ends = np.cumsum(counts)
    if how == "last":
        return values[:, ends - 1]
    joined: Float64 = _TOGETHER[how].reduceat(values, ends - counts, axis=1)
    return joined / counts[:, None] if how == "mean" else joined


def _reached(frame: pd.DataFrame) -> pd.Series:
    """Whether no further time of a series, in its usual steps, would lie in the period."""
    # differences in whole nanoseconds: those of pandas are of float64
    steps = pd.Series(np.diff(frame["time"].to_numpy(), prepend=0), frame.index)
    steps = steps.where(
        frame["series"].eq(frame["series"].shift())
    )  # none to the first of a series
    of_each = frame.groupby("series")["time"]
    gap = steps.groupby(frame["series"]).transform("median").fillna(1).astype(np.int64)
    before, after = of_each.transform("min") - gap, of_each.transform("max") + gap
    return (before < frame["start"]) & (after >= frame["end"])
