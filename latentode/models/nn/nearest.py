"""The nearest readings before and after any time, a channel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def nearest_readings(
    times: Tensor, mask: Tensor, lengths: Tensor, query_times: Tensor, *, depth: int = 1
) -> tuple[Tensor, Tensor]:
    """Rows of the nearest visible reading before (or at) and after each query, a channel.

    Args:
        times: Row times, padded by the last, shape (batch, time).
        mask: True where a channel was read, shape (batch, time, channel).
        lengths: Rows of each window, shape (batch,).
        query_times: Shape (batch, step).
        depth: How many before and how many after.

    Returns:
        Row index, 0 where there is none, int64, and gap, +inf where there is none; both of shape
        (2 * depth, batch, step, channel), the nearest before and after, then the
        next ones.
    """
    # padding repeats the last time: searchsorted must not count it
    position = torch.searchsorted(times.contiguous(), query_times.contiguous(), right=True)
    position = torch.minimum(position, lengths[:, None])
    # What is before and after position p of a window, p from 0 to its number of rows: a table of
    # rows, as whole rows of channels are copied faster than single numbers are gathered.
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
    offsets = torch.arange(2 * times.shape[0], device=times.device).view(2, -1, 1)
    where = (offsets * (times.shape[1] + 1) + position).flatten()
    shape = (2, *query_times.shape, mask.shape[-1])
    index, stamps_at = (
        table.flatten(0, 2).index_select(0, where).view(shape) for table in (rows, stamps)
    )
    one_after = torch.arange(2, device=times.device).view(2, 1, 1, 1)
    found = [(index, stamps_at)]
    for _ in range(depth - 1):
        index, stamps_at = found[-1]
        # before the row of the last one, and from the row after it on
        beyond, absent = index + one_after, torch.isinf(stamps_at)
        found.append(
            (
                rows.gather(2, beyond).masked_fill_(absent, 0),
                stamps.gather(2, beyond).masked_fill_(absent, torch.inf),
            )
        )
    index, stamps_at = (torch.cat(parts) for parts in zip(*found, strict=True))
    return index, stamps_at.sub_(query_times[..., None]).abs_()


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
