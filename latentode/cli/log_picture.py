"""A log as a picture in plain text: readings of every series over time, and each channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from latentode.data.dataset import TimeSeriesDataset
    from latentode.data.reading.second_look.look import Look

_MOST_ROWS = 11  # series, and channels, that are drawn
_LEAST_STRIP = 20  # characters in which a course can still be seen
_LONGEST_NAME = 24  # characters of an id or a channel
_BLOCKS = " ▁▂▃▄▅▆▇█"
_PLAIN = " .:-=+*%#"


def log_picture(
    dataset: TimeSeriesDataset, look: Look, *, width: int, plain: bool = False
) -> list[str]:
    """Draw where readings are: one line per series, and one per channel.

    The strip of a series is as high as it has readings there; that of a channel shows its mean
    value there, from least to greatest. Both are blank where nothing was read. Times far from all
    others are left out, as are numbers that seem to mean "missing".

    Args:
        dataset: The log.
        look: What its numbers look like.
        width: Characters of a line.
        plain: Whether only ASCII can be shown.
    """
    from latentode.data.reading.second_look.log_rows import short_instant

    times = dataset.readings.times
    first, last = look.strays[0].bulk if look.strays else (int(times.min()), int(times.max()))
    channels = [_Channel(dataset, look, index) for index in range(len(look.channels[:_MOST_ROWS]))]
    names = [*dataset.series_ids[:_MOST_ROWS], *(each.name for each in channels)]
    margin = max(len(_shortened(name)) for name in names)
    room = max(0, width - margin - _LEAST_STRIP - 4)
    texts = [_shortened(each.text, room) for each in channels]
    beside = max((len(text) for text in texts), default=0)
    strip = _Strip(first, last, max(_LEAST_STRIP, width - margin - beside - 4), plain)
    start, end = (short_instant(moment, look.clock) for moment in (first, last))
    lines = [
        "",
        "number of readings over time, by series",
        f"{'':{margin}}  {_axis(start, end, strip.width)}",
        *(
            f"{_shortened(name):{margin}}  {strip.draw(_density(dataset, index, strip))}"
            for index, name in enumerate(dataset.series_ids[:_MOST_ROWS])
        ),
        *_more(len(dataset.series_ids), "series"),
        "",
        "mean value over time, by channel",
        *(
            f"{_shortened(each.name):{margin}}  {strip.draw(each.heights(strip))}  {text}"
            for each, text in zip(channels, texts, strict=True)
        ),
        *_more(len(look.channels), "channels"),
    ]
    return [line.rstrip() for line in lines]


def _axis(start: str, end: str, width: int) -> str:
    """First and last time above the ends of a strip; where it is short, their days, or one."""
    for first, last in ((start, end), (start.split("T")[0], end.split("T")[0])):
        if len(first) + len(last) < width:
            return f"{first} {last:>{width - len(first) - 1}}"
    return start


class _Strip:
    """Characters along the time axis.

    Args:
        first: Time at the left end, nanoseconds.
        last: Time at the right end.
        width: Number of characters.
        plain: Whether they are ASCII.
    """

    def __init__(self, first: int, last: int, width: int, plain: bool) -> None:
        self.first, self.last, self.width = first, last, width
        self._marks = np.array(list(_PLAIN if plain else _BLOCKS))

    def cells(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Character of each time; `width` for one outside."""
        span = max(1, self.last - self.first)
        inside = (times >= self.first) & (times <= self.last)
        # a float is fine enough to tell a character, and the product cannot overflow
        cells = ((times - self.first) / span * self.width).astype(np.int64)
        return np.where(inside, np.clip(cells, 0, self.width - 1), self.width)

    def draw(self, heights: NDArray[np.float64]) -> str:
        """Characters for heights from 0 to 1; blank for NaN."""
        most = len(self._marks) - 1
        levels = np.clip(np.ceil(np.nan_to_num(heights) * most), 1, most).astype(int)
        return "".join(self._marks[np.where(np.isnan(heights), 0, levels)])


def _density(dataset: TimeSeriesDataset, series: int, strip: _Strip) -> NDArray[np.float64]:
    """Number of times in each character, as a share of the most; NaN where there are none."""
    cells = strip.cells(dataset.readings.times[dataset.readings.rows_of(series)])
    counts = np.bincount(cells, minlength=strip.width + 1)[: strip.width]
    return np.where(counts > 0, counts / max(1, counts.max()), np.nan)


class _Channel:
    """Readings of a channel within its range, and what is said of them.

    Args:
        dataset: The log.
        look: What its numbers look like.
        index: Which channel.
    """

    def __init__(self, dataset: TimeSeriesDataset, look: Look, index: int) -> None:
        from latentode.data.reading.second_look.look_lines import number

        readings, facts = dataset.readings, look.channels[index]
        self.name, self.text = facts.name, "no reading"
        self._low, self._high = facts.low or 0.0, facts.high or 0.0
        at = np.flatnonzero(readings.channel_index == index)
        at = at[(readings.values[at] >= self._low) & (readings.values[at] <= self._high)]
        self._values = readings.values[at]
        self._times = readings.times[np.searchsorted(readings.row_starts, at, side="right") - 1]
        if len(at):
            last = float(self._values[self._times.argmax()])
            unit = dict(dataset.units).get(self.name, "")
            self.text = f"{number(self._low)} to {number(self._high)} {unit}".rstrip()
            self.text += f", last {number(last)}"

    def heights(self, strip: _Strip) -> NDArray[np.float64]:
        """Mean value in each character, scaled to the range; NaN where nothing was read."""
        cells, width = strip.cells(self._times), strip.width
        counts = np.bincount(cells, minlength=width + 1)[:width]
        spread = self._high - self._low
        # scaled before they are added up: sums of large numbers would lose small differences
        scaled = (self._values - self._low) / spread if spread else np.full(len(cells), 0.5)
        sums = np.bincount(cells, weights=scaled, minlength=width + 1)[:width]
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _more(number_of: int, what: str) -> list[str]:
    left = number_of - _MOST_ROWS
    return [f"... and {left:,} more {what}"] if left > 0 else []


def _shortened(text: str, most: int = _LONGEST_NAME) -> str:
    return text if len(text) <= most else f"{text[: max(0, most - 3)]}..."
