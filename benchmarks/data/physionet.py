"""PhysioNet Challenge 2012, sets a and b: 7,991 stays of 48 hours, 37 channels, outcomes.

Set c, which some protocols add, is not among the public files here. Unknown codes (-1) are missing;
unit errors (a pH of 735) are left in, as in all published protocols.

Reference:
    Silva et al. (2012), https://physionet.org/content/challenge-2012/1.0.0/
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.data.folders import public_file
from benchmarks.irregular.windows import Flags, Floats

DEMOGRAPHIC = ("Age", "Gender", "Height", "ICUType")
_UNITS = 4  # kinds of intensive care unit
HOURS = 48.0


@dataclass(frozen=True, eq=False)
class Stays:
    """Stays in intensive care, padded.

    Attributes:
        hours: Times of the rows since admission, increasing, padded by the last, (stay, row).
        values: Readings, NaN where missing, float32, shape (stay, row, channel).
        demographic: Age, gender, height, kind of unit; NaN where unknown, shape (stay, 4).
        died: Whether the patient died in hospital, shape (stay,).
        channels: Names of the channels.
    """

    hours: Floats
    values: Floats
    demographic: Floats
    died: Flags
    channels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.hours)

    @property
    def covariates(self) -> Floats:
        """Age, gender, height, and one column for each kind of unit, shape (stay, 7)."""
        kinds = self.demographic[:, 3:] == np.arange(1, _UNITS + 1)
        return np.concatenate([self.demographic[:, :3], kinds], axis=1)

    def with_demographics(self) -> Stays:
        """The same stays with four more channels, read at admission, as published codes have it."""
        count = len(DEMOGRAPHIC)
        first = np.full((len(self), 1, self.values.shape[-1] + count), np.nan, np.float32)
        first[:, 0, -count:] = self.demographic
        more = np.full((*self.values.shape[:2], count), np.nan, np.float32)
        later = np.concatenate([self.values, more], axis=-1)
        # a row at admission, where there is one, takes them in
        starts = self.hours[:, :1] == 0
        later[starts[:, 0], 0, -count:] = self.demographic[starts[:, 0]]
        first[starts[:, 0]] = np.nan
        return Stays(
            hours=np.concatenate([np.zeros((len(self), 1)), self.hours], axis=1),
            values=np.concatenate([first, later], axis=1),
            demographic=self.demographic,
            died=self.died,
            channels=(*self.channels, *DEMOGRAPHIC),
        )


@cache
def load(limit: int | None = None) -> Stays:
    """Stays of sets a and b that have a reading, in order of set and number.

    Args:
        limit: At most so many, the first ones.
    """
    logs = [pd.read_parquet(public_file(f"physionet2012_{name}.parquet")) for name in "ab"]
    facts = [pd.read_csv(public_file(f"physionet2012_{name}_static.csv.gz")) for name in "ab"]
    return arranged(pd.concat(logs), pd.concat(facts), limit)


def arranged(log: pd.DataFrame, facts: pd.DataFrame, limit: int | None = None) -> Stays:
    """Stays of a log in order of series and time, minutes since admission.

    Args:
        log: Columns series, time (minutes), and one a channel.
        facts: Columns series, Age, Gender, Height, ICUType, In-hospital_death.
        limit: At most so many stays.
    """
    channels = tuple(log.columns[2:])
    facts = facts.set_index("series")
    number, names = pd.factorize(log["series"])
    keep = number < (len(names) if limit is None else limit)
    number, names = number[keep], names[: number[keep].max() + 1]
    lengths = np.bincount(number)
    place = np.arange(len(number)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    hours = np.zeros((len(names), lengths.max()))
    values = np.full((*hours.shape, len(channels)), np.nan, np.float32)
    minutes = log["time"].to_numpy()[keep].astype(np.float64)
    hours[number, place] = minutes / 60
    values[number, place] = log[list(channels)].to_numpy(np.float32)[keep]
    values[values == -1] = np.nan
    last = np.take_along_axis(hours, lengths[:, None] - 1, 1)
    hours = np.where(np.arange(hours.shape[1]) < lengths[:, None], hours, last)
    known = facts.loc[names]
    return Stays(
        hours=hours,
        values=values,
        demographic=known[list(DEMOGRAPHIC)].to_numpy(np.float32),
        died=known["In-hospital_death"].to_numpy() == 1,
        channels=channels,
    )


def shuffled(count: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """80 % and 20 % of the stays, as scikit-learn's train_test_split of this random state.

    Args:
        count: Number of stays.
        seed: Added to 42, the random state of the published codes.

    Returns:
        Stays to learn from, in shuffled order, and stays to test on.
    """
    order = np.random.RandomState(42 + seed).permutation(count)
    test = -(-count // 5)
    return order[test:], order[:test]
