"""Brownian paths that are functions of a key and the time, and what they add to a solved path."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from latentode.hashing import GOLDEN, splitmix


def mix(x: Tensor) -> Tensor:
    """`splitmix` of a tensor."""
    return splitmix(x, _shifted)


def keys_of(noise: Tensor) -> Tensor:
    """One int64 key for each row of random numbers, a hash of all their bits.

    Who has drawn numbers for a series and a draw has a key for everything else that is random
    there, and no stream that others could take from.

    Args:
        noise: float32 or float64 numbers, shape (..., latent).

    Returns:
        Keys, shape (...).
    """
    bits = noise.detach().double().contiguous().view(torch.int64)
    key = torch.zeros_like(bits[..., 0])
    for column in bits.unbind(-1):
        key = mix(key ^ column)
    return key


@dataclass(frozen=True, eq=False)
class BrownianPaths:
    r"""Independent Brownian motions from time 0 on, each a pure function of its key and the time.

    A virtual Brownian tree: the increments over whole units of time are independent normals, and
    within a unit each halving adds the normal of a Brownian bridge, down to parts of
    :math:`2^{-\text{depth}}`. Within such a part the path is the straight line with a bridge of one
    normal, so that every time has its exact variance, and only increments between two times of one
    part are more alike than they should be. Nothing is stored; a path read at other times, in
    another order or in another batch is the same, and increments add up:
    :math:`W(a, c) = W(a, b) + W(b, c)`.

    Attributes:
        keys: One number a path and series, int64, shape (..., batch).
        size: Coordinates of each path.
        span: The latest time that is read; it says how much to compute, and changes no value.
        depth: Halvings of a unit of time.

    Reference:
        Salmon, Moraes, Dror, Shaw (2011), Parallel random numbers, SC11; Jelincic, Foster, Kidger
        (2024), Single-seed generation of Brownian paths and integrals for adaptive and high order
        SDE solvers, https://arxiv.org/abs/2405.06464

    Example:
        >>> import torch
        >>> paths = BrownianPaths(torch.arange(50_000), 1, span=2.0)
        >>> early, late = paths.at(torch.tensor([[0.3], [1.7]]).double()).squeeze(-1)
        >>> bool((late - early).var() > 1.35), bool((late - early).var() < 1.45)
        (True, True)
    """

    keys: Tensor
    size: int
    span: float
    depth: int = 8

    def at(self, times: Tensor) -> Tensor:
        """W at some times, the same for all paths of a series.

        Args:
            times: Times from 0 to `span`, float64, shape (time, batch) or (time, 1); one before 0
                counts as 0, and one after `span` as that.

        Returns:
            Values, float64, shape (time, ..., batch, size).
        """
        column = torch.arange(1, self.size + 1, device=self.keys.device)
        keys = mix(self.keys[..., None] + column * GOLDEN)  # (..., batch, size)
        times = times.clamp(0.0, self.span)
        times = times.reshape(len(times), *[1] * (keys.dim() - 2), times.shape[-1], 1)
        number = times.long()
        left, right = self._ends(keys, number)
        share, node, length = times - number, torch.ones_like(number), 1.0
        for _ in range(self.depth):
            between = _normal(keys, self._place(number, node))
            middle = 0.5 * (left + right) + (length / 4) ** 0.5 * between
            beyond = share >= 0.5
            left, right = torch.where(beyond, middle, left), torch.where(beyond, right, middle)
            share = 2.0 * share - beyond.double()
            node, length = 2 * node + beyond, length / 2
        bridge = (share * (1.0 - share) * length).sqrt()
        return torch.lerp(left, right, share) + bridge * _normal(keys, self._place(number, node))

    def _ends(self, keys: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
        """W at both ends of units of time, by number."""
        units = torch.arange(int(self.span) + 1, device=keys.device)
        units = units.reshape(-1, *[1] * keys.dim())
        steps = _normal(keys, self._place(units, torch.zeros_like(units)))
        totals = torch.cat([torch.zeros_like(steps[:1]), steps.cumsum(0)])
        number = number.expand(-1, *keys.shape)
        return totals.gather(0, number), totals.gather(0, number + 1)

    def _place(self, unit: Tensor, node: Tensor) -> Tensor:
        """A number for each node of the tree of each unit; 0 is the increment over all of it."""
        return (unit << (self.depth + 1)) + node


@dataclass(frozen=True, eq=False)
class PathNoise:
    r"""What noise adds to a path from one grid point to the next, and at any time between.

    In the step from grid point k the path is what the drift makes of it plus
    :math:`g_k B(t) + b_k (B(t)^2 - (t - t_k))`, with the Brownian motion of a key moved evenly by
    what a control makes of its increment, :math:`B(t) = W(t) - W(t_k) + \tfrac{t - t_k}{h} m_k`.

    Attributes:
        brownian: W.
        step: The step h.
        at_points: W at the grid points, shape (step + 1, ..., batch, latent).
        moves: :math:`m_k`, shape (step, ..., batch, latent).
        scales: :math:`g_k`, likewise.
        bends: :math:`b_k`, likewise; None where all are 0.
        kicks: What is added over the whole step, likewise.
        kl: Divergence of the controlled increments from those without, in nats, shape (..., batch);
            of controls that depend on the path, the mean over paths is the divergence.
        log_ratio: Log-density of the increments without control less that with it, likewise.
    """

    brownian: BrownianPaths
    step: float
    at_points: Tensor
    moves: Tensor
    scales: Tensor
    bends: Tensor | None
    kicks: Tensor
    kl: Tensor
    log_ratio: Tensor

    def within(self, index: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        """What is added over whole steps, and up to some times within them.

        Args:
            index: Number of the step, int64, shape (batch, time); before the first is no noise.
            share: Share of it that is over, float64, shape (batch, time).

        Returns:
            Both of shape (..., batch, time, latent), in the dtype of the path.
        """
        number = index.clamp(min=0)
        w = self.brownian.at(((number + share) * self.step).mT).movedim(0, -2)
        tables = (self.at_points, self.moves, self.scales, self.kicks)
        start, move, scale, kick = (_picked(table, number) for table in tables)
        moved = w.to(start) - start + share[..., None].to(start) * move
        added = scale * moved
        if self.bends is not None:
            elapsed = (share * self.step)[..., None].to(start)
            added = added + _picked(self.bends, number) * (moved.square() - elapsed)
        before = (index < 0)[..., None]
        return kick.masked_fill(before, 0.0), added.masked_fill(before, 0.0)


def _picked(table: Tensor, index: Tensor) -> Tensor:
    """Entries of each series by number: (step, ..., batch, latent) by (batch, time).

    Returns:
        Shape (..., batch, time, latent).
    """
    table = table.movedim(0, -2)
    return table.gather(-2, index[..., None].expand(*table.shape[:-2], -1, table.shape[-1]))


def _shifted(x: Tensor, bits: int) -> Tensor:
    """Bits moved to the right, zeros moved in: the shift of int64 moves the sign in."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _normal(keys: Tensor, place: Tensor) -> Tensor:
    """Standard normal numbers of a place, float64."""
    # 52 bits: with 53 the half would be rounded away at the top, and 1 has an infinite normal
    uniform = (_shifted(mix(keys ^ mix(place)), 12).double() + 0.5) * 2.0**-52
    return torch.special.ndtri(uniform)
