"""What was left out or changed while a log was read, counted by reason, series and channel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from latentode.data.reading.doubts import Doubts

#: Reason of a count -> how the plan words it.
REASONS = {
    "rows_outside": "rows outside of --start and --end left out",
    "ragged_rows": "rows with a wrong number of fields dropped",
    "rows_without_time": "rows without a time dropped",
    "rows_with_bad_time": "rows with an unreadable time dropped",
    "rows_without_id": "rows without a series id dropped",
    "rows_without_channel": "rows without a channel name dropped",
    "rows_without_mark": "rows without a mark dropped",
    "rows_with_bad_cells": "rows dropped for a bad cell",
    "bad_cells": "bad cells",
    "cells_of_text_columns": "cells of columns of text ignored",
    "rows_of_repeated_hour": "rows of the hour that occurs twice dropped",
    "readings_of_bad_quality": "readings left out, as their quality is not good",
    "readings_of_other_channels": "readings of channels that were not asked for left out",
    "missing_cells": "empty cells",
    "duplicates_identical": "repeated readings with equal values left out",
    "duplicates_merged": "readings at a time that has several values merged",
    "values_clipped": "outliers clipped",
}


@dataclass
class Tally:
    """Counts that grow while a log is read.

    Attributes:
        rows_read: Data rows seen.
        counts: Reason -> number.
        per_series: Reason -> series id -> number.
        per_channel: Reason -> channel -> number.
        left_out: Column that is no channel and has no other role -> why.
        merge_cause: Why several values stand at one time, as far as it can be told.
        proposed_na: Spellings that a question proposes for what is missing.
        doubts: Decisions and questions.
    """

    rows_read: int = 0
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    per_series: dict[str, dict[str, int]] = field(default_factory=dict)
    per_channel: dict[str, dict[str, int]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    merge_cause: str = ""
    proposed_na: tuple[str, ...] = ()
    doubts: Doubts = field(default_factory=Doubts)

    def add(self, reason: str, number: int) -> None:
        """Add to the total of a reason."""
        if number:
            self.counts[reason] += int(number)

    def add_by(
        self,
        reason: str,
        axis: dict[str, dict[str, int]],
        names: Sequence[str],
        index: NDArray[np.integer],
    ) -> None:
        """Add to a table by series or channel one for each entry of `index` into `names`.

        Args:
            reason: What is counted.
            axis: The tables, by reason.
            names: Ids of the series or names of the channels.
            index: Which of them, shape (counted,).
        """
        if not len(index):
            return
        numbers = np.bincount(index, minlength=len(names))
        table = axis.setdefault(reason, {})
        for position in np.flatnonzero(numbers):
            name = names[int(position)]
            table[name] = table.get(name, 0) + int(numbers[position])
