"""Whether, how likely and when sample paths cross a limit."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from latentode.data.dataset import Float64
from latentode.errors import ConfigError, DataError
from latentode.results.channels import channel_index, stated
from latentode.results.dataset import DEFAULT_QUANTILES, check_levels, provenance
from latentode.results.frame import zoned
from latentode.results.scenarios import by_scenario

_HOLDS: dict[str, Callable[[Any, float], Any]] = {
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
}
_FORM = re.compile(
    r"""\s*(?:"(?P<quoted>[^"]+)"|(?P<plain>.*?[^\s<>=!]))\s*
    (?P<sign>[<>=!]+)\s*(?P<limit>[^<>=!]*?)\s*$""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Limit:
    """A limit of a channel, such as ``level>3.2``.

    Attributes:
        channel: Its channel.
        sign: One of ``>``, ``>=``, ``<`` and ``<=``.
        value: The limit in original units.
    """

    channel: str
    sign: str
    value: float

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read ``level>3.2``; a name may be in double quotes.

        Raises:
            ConfigError: If it has another form, or compares with no finite number.
        """
        found = _FORM.match(text)
        if found is None or found["sign"] not in _HOLDS:
            signs = ", ".join(_HOLDS)
            raise ConfigError(
                f"limit: expected a channel, one of {signs} and a number, got {text!r}. Write for "
                'example "level>3.2".'
            )
        channel = found["quoted"] or found["plain"]
        try:
            value = float(found["limit"])
        except ValueError:
            value = np.nan
        if not np.isfinite(value):
            raise ConfigError(
                f"limit: expected a number without a unit after {found['sign']}, got "
                f"{found['limit']!r} in {text!r}. Write the channel first and the number with a "
                'point, in the unit of the log: "level>3.2".'
            )
        return cls(channel, found["sign"], value)

    def __str__(self) -> str:
        """As it is written, without blanks."""
        return f"{self.channel}{self.sign}{self.value:.12g}"


@by_scenario
def exceedance(
    dataset: xr.Dataset,
    limits: str | Sequence[str],
    *,
    quantiles: Sequence[float] = DEFAULT_QUANTILES,
) -> xr.Dataset:
    """Probability that limits are crossed, and when for the first time.

    A draw crosses a limit at the first predicted time at which its value is beyond it, which may be
    the first of all: what happens between predicted times is not seen, so the time is known to
    their distance, and short peaks need close times. Probabilities are shares of the draws; their
    standard error is at most one half by the root of the number of draws.

    Args:
        dataset: Result of `to_dataset`, as `LatentODE.forecast` returns it, or of `aggregate`.
        limits: One or several, each a channel, ``>``, ``>=``, ``<`` or ``<=``, and a number in
            original units: ``level>3.2``. A name may be in double quotes.
        quantiles: Levels of the time of the first crossing, between 0 and 1.

    Returns:
        Of each limit ("condition") and series: ``probability`` (condition, series, step) of being
        beyond it at a time, and ``reached`` of having crossed it until then; ``ever`` and ``never``
        (condition, series) of crossing it at all; ``first_time`` (draw, condition, series), none
        where a draw never does, and ``first_quantile`` (quantile, condition, series) over the draws
        that do. Where a draw is NaN, as of a channel that training never read, so is the answer.

    Raises:
        ConfigError: If a limit has another form, there is no such channel, or a level is not
            between 0 and 1.
        DataError: If the prediction has no times.
    """
    levels = check_levels(quantiles)
    asked = [Limit.parse(text) for text in ([limits] if isinstance(limits, str) else limits)]
    asked = list(dict.fromkeys(asked))
    channel_index(dataset, [limit.channel for limit in asked])  # refuses those that are not known
    if not dataset.sizes["step"]:
        raise DataError("limit: expected a prediction at some times, got none. Check the log.")
    crossings = [_crossings(dataset, limit, levels) for limit in asked]
    names = pd.Index([str(limit) for limit in asked], dtype=object, name="condition")
    result = xr.concat(crossings, names)
    kept = {name: dataset.attrs[name] for name in ("num_draws", "seed") if name in dataset.attrs}
    facts = provenance("exceedance", list(stated(dataset, "units", {}).items()))
    order = ("quantile", "draw", "condition", "series", "step")
    return result.transpose(*order).assign_attrs(facts | kept)


@by_scenario
def exceedance_frame(dataset: xr.Dataset) -> pd.DataFrame:
    """Lay the probabilities of `exceedance` out, a row for each limit, series and time.

    Returns:
        Columns condition, series, time, probability and reached; times as in `to_frame`.
    """
    moments = dataset["time"].values
    series, step = np.nonzero(~pd.isna(moments))
    number = dataset.sizes["condition"]
    times = zoned(np.tile(moments[series, step], number), dataset["time"].attrs)
    return pd.DataFrame(
        {
            "condition": dataset["condition"].values.repeat(len(series)),
            "series": np.tile(dataset["series"].values[series], number),
            "time": times,
            "probability": dataset["probability"].values[:, series, step].ravel(),
            "reached": dataset["reached"].values[:, series, step].ravel(),
        }
    )


@by_scenario
def first_crossings(dataset: xr.Dataset) -> pd.DataFrame:
    """Lay out whether and when limits of `exceedance` are crossed, a row for each and each series.

    Returns:
        Columns condition, series, ever, never and a quantile each of the time of the first crossing
        ("first_q0.05", ...), where there is one.
    """
    number, names = dataset.sizes["condition"], dataset["series"].values
    columns: dict[str, Any] = {
        "condition": dataset["condition"].values.repeat(len(names)),
        "series": np.tile(names, number),
        "ever": dataset["ever"].values.ravel(),
        "never": dataset["never"].values.ravel(),
    }
    for level, times in zip(
        dataset["quantile"].values, dataset["first_quantile"].values, strict=True
    ):
        columns[f"first_q{level:.12g}"] = zoned(times.ravel(), dataset["time"].attrs)
    return pd.DataFrame(columns)


def _crossings(dataset: xr.Dataset, limit: Limit, levels: Float64) -> xr.Dataset:
    """What `exceedance` says of one limit."""
    value = dataset["value"].sel(channel=limit.channel).values  # (draw, series, step)
    times = dataset["time"].values
    real = ~pd.isna(times)
    unknown = np.isnan(value).any(axis=0)
    beyond = _HOLDS[limit.sign](value, limit.value)
    order = np.argsort(times, axis=1, kind="stable")  # padding is last
    crossed = np.logical_or.accumulate(np.take_along_axis(beyond, order[None], 2), axis=2)
    reached = np.empty(times.shape)
    np.put_along_axis(reached, order, crossed.mean(axis=0), 1)
    no_answer = (unknown & real).any(axis=1)
    ever = np.where(no_answer, np.nan, crossed[..., -1].mean(axis=0))
    first = np.take_along_axis(times, order, 1)[np.arange(len(times)), crossed.argmax(axis=2)]
    first[~crossed[..., -1] | no_answer] = np.array("NaT" if times.dtype.kind == "M" else np.nan)
    by_time, by_series, stated_as = ("series", "step"), ("series",), dataset["time"].attrs
    return xr.Dataset(
        {
            "probability": (by_time, np.where(unknown, np.nan, beyond.mean(axis=0))),
            "reached": (by_time, np.where(no_answer[:, None] | ~real, np.nan, reached)),
            "ever": (by_series, ever),
            "never": (by_series, 1.0 - ever),
            "first_time": (("draw", "series"), first, stated_as),
            "first_quantile": (("quantile", "series"), _quantiles(first, levels), stated_as),
        },
        coords={
            "series": dataset["series"],
            "time": dataset["time"],
            "quantile": levels,
        },
    )


def _quantiles(first: NDArray[Any], levels: Float64) -> NDArray[Any]:
    """Quantiles over the draws that cross, each of them a predicted time, (quantile, series)."""
    known = ~pd.isna(first)
    quantiles = np.full((len(levels), first.shape[1]), np.array("NaT", "M8[ns]"))
    if first.dtype.kind != "M":
        quantiles = np.full(quantiles.shape, np.nan)
    for index in np.flatnonzero(known.any(axis=0)):
        times = first[known[:, index], index]
        numbers = times.view(np.int64) if times.dtype.kind == "M" else times
        found = np.quantile(numbers, levels, method="inverted_cdf")
        quantiles[:, index] = found.view("M8[ns]") if times.dtype.kind == "M" else found
    return quantiles
