"""Which column of a log means what: by configuration, else by what its cells do and its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from latentode.config import ColumnsConfig, DataConfig
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.formats.influx import INFLUX_OWN
from latentode.data.reading.formats.open_table import FORMATS
from latentode.data.reading.formats.table import Table, missing_texts
from latentode.data.reading.long_role import find_long
from latentode.data.reading.profile import Sample
from latentode.data.reading.quality_columns import find_quality
from latentode.data.reading.roles import (
    CHANNEL_NAMES,
    ID_NAMES,
    TAG_NAMES,
    Roles,
    by_telling_name,
    check_present,
    check_role,
    time_parts,
)
from latentode.data.reading.row_counters import row_counters, second_clocks
from latentode.data.reading.sample_times import sample_times
from latentode.data.reading.series_role import find_series
from latentode.data.reading.side_columns import (
    find_unit,
    lone_cells,
    numbers_of_place,
    row_types,
    words_of_series,
)
from latentode.data.reading.time_role import find_time
from latentode.errors import ConfigError, DataError

#: Why a column is left out that could be a channel, where channels are named.
NOT_CHOSEN = "not among --channels"


def sample_of(table: Table, config: DataConfig) -> Sample:
    """Rows of a log by which its columns are understood.

    Args:
        table: The log.
        config: How its cells are written.
    """
    ranks = (*ID_NAMES, *CHANNEL_NAMES, *TAG_NAMES)
    names = tuple(name for rank in ranks for name in rank)
    verbatim = by_telling_name(table.columns, (names,))
    return Sample(table, missing_texts(config), verbatim=verbatim)


def detect_roles(table: Table, config: DataConfig, sample: Sample) -> Roles:
    """Find out what each column is; decisions and questions go to the doubts of the table.

    Args:
        table: The log.
        config: Layout and columns that are known; None is detected.
        sample: Rows of the log, from `sample_of`.

    Returns:
        The roles.

    Raises:
        DataError: If a configured column is absent, or no column can be the time.
    """
    names, columns = table.columns, config.columns
    for role in ("time", "id", "channel", "value"):
        check_role(role, getattr(columns, role), names, table.name)
    for name in columns.static:
        check_present(name, names, table.name)
    asked = [each for each in FORMATS if config.layout in ("auto", each.layout)]
    known = (roles for each in asked if (roles := each.roles(table, config)) is not None)
    return replace(
        next(known, None) or _Detection(table, config, sample).roles(),
        future=columns.future,
        static=columns.static,
        chosen=columns.channels is not None,
    )


@dataclass
class _Detection:
    """Roles in a log whose columns no format knows."""

    table: Table
    config: DataConfig
    sample: Sample

    def __post_init__(self) -> None:
        self.left_out: dict[str, str] = {}

    @property
    def _columns(self) -> ColumnsConfig:
        return self.config.columns

    @property
    def _doubts(self) -> Doubts:
        return self.table.doubts

    def roles(self) -> Roles:
        """Decide on the time, then on the layout, then on the series."""
        columns, names = self._columns, self.table.columns
        if columns.time is not None:
            time = time_parts(columns.time, names)
        else:
            time = find_time(self.sample, _claimed(columns), self.config.time, self._doubts)
        rest = [name for name in names if name not in time]
        useless = self._say_left_out(self._useless(rest))
        rest = [name for name in rest if name not in useless]
        counters = self._counters(time, rest)
        rest = [name for name in rest if name not in counters]
        long = find_long(self.sample, time, rest, self.config)
        if long is None:
            return self._wide(time, rest)
        return self._long(time, rest, *long)

    def _useless(self, rest: Sequence[str]) -> dict[str, str]:
        """Columns that are no channel whatever the layout and the series, and why."""
        free = [name for name in rest if name not in _claimed(self._columns)]
        ids = by_telling_name(free, ID_NAMES)
        useless = {
            name: "it is empty"
            for name in free
            if self.sample[name].empty and (name not in ids or self.sample[name].blank)
        }
        for name in free:
            column = self.sample[name]
            if name not in useless and (column.holds_dates or column.tells_time_of_day):
                useless[name] = "it holds times, and another column is the time"
        useless |= lone_cells(self.sample, [name for name in free if name not in useless])
        others = [name for name in free if name not in useless and name not in ids]
        useless |= numbers_of_place(self.sample, others)
        return useless | row_types(self.sample, [name for name in free if name not in useless])

    def _counters(
        self, time: tuple[str, ...], free: Sequence[str], identity: str | None = None
    ) -> list[str]:
        """Columns that number the rows, or tell the time once more."""
        free = [name for name in free if name not in _claimed(self._columns)]
        numbers = [name for name in free if self.sample[name].is_number]
        times = sample_times(self.sample, time)
        series = None if identity is None else self.sample[identity].codes
        counters = {
            name: f"it only numbers the rows: {shown}"
            for name, shown in row_counters(
                self.sample, numbers, times=times, series=series
            ).items()
        }
        counters = second_clocks(self.sample, numbers, times) | counters
        # a log of one channel that counts is a log of a count
        return [] if len(counters) == len(numbers) else self._say_left_out(counters)

    def _say_left_out(self, reasons: Mapping[str, str]) -> list[str]:
        self.left_out |= reasons
        for name, reason in reasons.items():
            option = f'--channels "{name}"' if self.sample[name].is_number else ""
            self._doubts.decide("columns", f"{name!r} left out", reason, option=option)
        return list(reasons)

    def _wide(self, time: tuple[str, ...], rest: list[str]) -> Roles:
        columns, table = self._columns, self.table
        for name in columns.channels or ():
            advice = "Correct --channels, or, for a trained model, pass --allow-missing-channels."
            check_present(name, table.columns, table.name, advice)
        for name in columns.future:
            check_present(name, table.columns, table.name)
        configured = (*(columns.channels or ()), *columns.static, *columns.future)
        _refuse_two_meanings(table, configured)
        layout = "wide"
        if self.config.layout == "influx" or "_time" in table.columns:
            # the result of a Flux query with a column for each field
            layout = "influx"
            rest = [name for name in rest if name not in INFLUX_OWN or name == "_measurement"]
        free = [name for name in rest if name not in configured and name != columns.id]
        quality = find_quality(self.sample, free, self.config, self._doubts)
        free = [name for name in free if name not in {each.column for each in quality}]
        identity = columns.id or find_series(self.sample, time, free, self._doubts)
        free = [name for name in free if name != identity]
        unit = find_unit(self.sample, free, None, None, self._doubts)
        free = [name for name in free if name != unit]
        if identity is not None:
            useless = self._counters(time, free, identity)
            useless += self._say_left_out(words_of_series(self.sample, free, identity))
            free = [name for name in free if name not in useless]
        channels = tuple(free) if columns.channels is None else columns.channels
        if columns.channels is not None:
            self._leave_out(free, NOT_CHOSEN)
        else:
            self._refuse_events(channels)
        return Roles(
            layout=layout,
            time_parts=time,
            id=identity,
            values=(*channels, *columns.future),
            quality=quality,
            left_out=self.left_out,
        )

    def _refuse_events(self, channels: Sequence[str]) -> None:
        """Refuse a log that holds words alone, other than states that change."""
        words = [name for name in channels if self.sample[name].is_words]
        two = [name for name in words if self.sample[name].num_distinct == 2]
        if words and len(words) == len(channels) and not two:
            texts = self.sample[words[0]].distinct
            if sum(text[:1].isdigit() for text in texts) > len(texts) / 2:
                raise DataError(
                    f"{self.table.name}: no column of numbers is left as a channel; cells of "
                    f"{words[0]!r} such as {texts[0]!r} hold more than a number. Write one number "
                    "per cell, or name a column of numbers with --channels."
                )
            raise DataError(
                f"{self.table.name}: no column of numbers is left as a channel; {words[0]!r} holds "
                "words, so that the rows look like events. Model them with train --events, or name "
                "a column of numbers with --channels."
            )

    def _long(self, time: tuple[str, ...], rest: list[str], channel: str, value: str) -> Roles:
        columns = self._columns
        others = [name for name in rest if name not in (channel, value, columns.id)]
        free = [name for name in others if name not in (*columns.static, *columns.future)]
        quality = find_quality(self.sample, free, self.config, self._doubts)
        free = [name for name in free if name not in {each.column for each in quality}]
        unit = find_unit(self.sample, free, channel, columns.channels, self._doubts)
        free = [name for name in free if name != unit]
        identity = columns.id or find_series(self.sample, time, free, self._doubts, channel=channel)
        self._leave_out([name for name in free if name != identity], "a long log has one value")
        return Roles(
            layout="long",
            time_parts=time,
            id=identity,
            channel=channel,
            value=value,
            values=tuple(name for name in columns.future if name in others),
            quality=quality,
            left_out=self.left_out,
        )

    def _leave_out(self, names: Sequence[str], reason: str) -> None:
        self.left_out |= dict.fromkeys(names, reason)
        if names:
            self._doubts.decide("columns", f"column(s) left out: {', '.join(names)}", reason)


def _claimed(columns: ColumnsConfig) -> set[str]:
    names = (columns.id, columns.channel, columns.value, *columns.static, *columns.future)
    return {name for name in (*names, *(columns.channels or ())) if name is not None}


def _refuse_two_meanings(table: Table, configured: Sequence[str]) -> None:
    twice = [name for name in configured if configured.count(name) > 1]
    if twice:
        raise ConfigError(
            f"{table.name}: expected one meaning for column {twice[0]!r}, got it several times. "
            "Name it in one of --channels (for a trained model, those of training), "
            "--static-columns and --future-columns."
        )
