"""Times of the rows of a sample, as far as a glance can tell them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latentode.config import TimeConfig
from latentode.data.dataset import Int64
from latentode.data.reading.cells.merged_times import merge_times
from latentode.data.reading.cells.split_times import join_times
from latentode.data.reading.cells.time_column import read_times
from latentode.data.reading.cells.time_stamps import OK
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.profile import Sample
from latentode.errors import LatentODEError

#: Stands for a time that is missing or cannot be read.
NOT_KNOWN = np.iinfo(np.int64).min


def sample_times(sample: Sample, names: Sequence[str]) -> Int64:
    """Nanoseconds of each row of a sample, `NOT_KNOWN` where they cannot be told, shape (row,).

    Their order and distances count, not the zone or the unit, which are told once all is read.

    Args:
        sample: The log.
        names: The columns of the time.
    """
    name = " ".join(names)
    try:
        if len(names) > 1:
            column = join_times({part: sample[part].cells for part in names}).column
        else:
            column = sample[name].cells
        raw = read_times(column, lambda rows: column[rows], TimeConfig(), sample.table.decimal)
        merged = merge_times([raw], name, TimeConfig(), Doubts(), "row {}".format)
    except LatentODEError:  # what is wrong with them is said when all is read
        return np.full(len(sample.rows), NOT_KNOWN)
    return np.where(merged.status == OK, merged.times, NOT_KNOWN)
