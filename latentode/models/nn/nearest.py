"""The nearest readings before and after any time, a channel."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class ReadingTable(NamedTuple):
    """What was read before and after each place between the rows of some windows, a channel.

    Place p of a window, from 0 to its number of rows, is that behind its first p rows. Whole rows
    of channels are copied out of a table faster than single numbers are gathered.

    Attributes:
        times: Row times, padded by the last, shape (batch, time).
        lengths: Rows of each window, shape (batch,).
        stamps: Time of the nearest reading before and after, infinite where there is none, shape
            (2, batch, time + 1, channel).
        rows: Its row, 0 where there is none, likewise.
    """

    times: Tensor
    lengths: Tensor
    stamps: Tensor
    rows: Tensor

    @classmethod
    def of(cls, times: Tensor, mask: Tensor, lengths: Tensor) -> ReadingTable:
        """Of the rows of a batch.

        Args:
            times: As above.
            mask: True where a channel was read, shape (batch, time, channel).
            lengths: As above.
        """
        seen = times[..., None]
        past, past_row = seen.masked_fill(~mask, -torch.inf).cummax(dim=1)
        future, future_row = seen.masked_fill(~mask, torch.inf).flip(1).cummin(dim=1)
        stamps = torch.stack(
            [
                functional.pad(past, (0, 0, 1, 0), value=-torch.inf),
                functional.pad(future.flip(1), (0, 0, 0, 1), value=torch.inf),
            ]
        )
        rows = torch.stack(
            [
                functional.pad(past_row, (0, 0, 1, 0)),
                functional.pad(times.shape[1] - 1 - future_row.flip(1), (0, 0, 0, 1)),
            ]
        ).masked_fill_(torch.isinf(stamps), 0)
        return cls(times, lengths, stamps, rows)

    def around(self, query_times: Tensor, *, depth: int = 1) -> tuple[Tensor, Tensor]:
        """The nearest readings before (or at) and after some times.

        Args:
            query_times: Shape (batch, step).
            depth: How many before and how many after.

        Returns:
            Row index, 0 where there is none, int64, and gap, +inf where there is none; both of
            shape (2 * depth, batch, step, channel), the nearest before and after, then the next
            ones.
        """
        # padding repeats the last time: searchsorted must not count it
        place = torch.searchsorted(self.times.contiguous(), query_times.contiguous(), right=True)
        place = torch.minimum(place, self.lengths[:, None])
        offsets = torch.arange(2 * self.times.shape[0], device=place.device).view(2, -1, 1)
        where = (offsets * (self.times.shape[1] + 1) + place).flatten()
        shape = (2, *query_times.shape, self.rows.shape[-1])
        index, stamps = (
            table.flatten(0, 2).index_select(0, where).view(shape)
            for table in (self.rows, self.stamps)
        )
        if depth > 1:
            index, stamps = self._with_next(index, stamps, depth)
        return index, stamps.sub_(query_times[..., None]).abs_()

    def _with_next(self, index: Tensor, stamps: Tensor, depth: int) -> tuple[Tensor, Tensor]:
        """The nearest readings and the next ones, `depth` to either side."""
        one_after = torch.arange(2, device=index.device).view(2, 1, 1, 1)
        found = [(index, stamps)]
        for _ in range(depth - 1):
            index, stamps = found[-1]
            # before the row of the last one, and from the row after it on
            beyond, absent = index + one_after, torch.isinf(stamps)
            found.append(
                (
                    self.rows.gather(2, beyond).masked_fill_(absent, 0),
                    self.stamps.gather(2, beyond).masked_fill_(absent, torch.inf),
                )
            )
        indices, every = zip(*found, strict=True)
        return torch.cat(indices), torch.cat(every)


def nearest_readings(
    times: Tensor, mask: Tensor, lengths: Tensor, query_times: Tensor, *, depth: int = 1
) -> tuple[Tensor, Tensor]:
    """`ReadingTable.around` of a table that is needed once.

    Args:
        times: Row times, padded by the last, shape (batch, time).
        mask: True where a channel was read, shape (batch, time, channel).
        lengths: Rows of each window, shape (batch,).
        query_times: Shape (batch, step).
        depth: How many before and how many after.
    """
    return ReadingTable.of(times, mask, lengths).around(query_times, depth=depth)


def gather_readings(residuals: Tensor, index: Tensor) -> Tensor:
    """Residuals at rows found by `nearest_readings`.

    Args:
        residuals: Shape (draw, batch, time, channel).
        index: Rows, shape (neighbour, batch, step, channel).

    Returns:
        Residuals, shape (neighbour, draw, batch, step, channel); those of row 0 where there is no
        reading.
    """
    side = (index.shape[0], *residuals.shape)
    rows = index[:, None].expand(index.shape[0], residuals.shape[0], *index.shape[1:])
    return residuals.expand(side).gather(-2, rows)
