"""Base densities of flows."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentode.errors import ConfigError

BaseName = Literal["normal", "student_t"]


class Base(nn.Module, ABC):
    """A simple density of independent axes, at the start of a flow.

    Args:
        dim: Number of axes.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    @abstractmethod
    def axis_log_prob(self, z: Tensor) -> Tensor:
        """Log-density in nats of each axis, shape of `z`."""

    def log_prob(self, z: Tensor, observed: Tensor | None = None) -> Tensor:
        """Log-density in nats, shape of `z` without its last axis; of the `observed` axes alone."""
        density = self.axis_log_prob(z)
        return (density if observed is None else density.masked_fill(~observed, 0.0)).sum(-1)

    @abstractmethod
    def transform(self, uniform: Tensor) -> Tensor:
        """Turn uniform numbers in (0, 1), shape (2, ..., dim), into draws of shape (..., dim)."""

    def rsample(
        self, shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None
    ) -> Tensor:
        """Draws of shape (*shape, dim), of the dtype and device of `like`.

        Args:
            shape: Axes before the last.
            like: Gives dtype and device.
            generator: Source of randomness; None takes the global one.
        """
        uniform = torch.rand(
            2, *shape, self.dim, generator=generator, dtype=torch.float64, device=like.device
        )
        return self.transform(uniform).to(like.dtype)


class NormalBase(Base):
    """Standard normal."""

    def axis_log_prob(self, z: Tensor) -> Tensor:
        """See `Base`."""
        return -0.5 * (z.square() + math.log(2 * math.pi))

    def transform(self, uniform: Tensor) -> Tensor:
        """See `Base`; by the polar form of Box and Muller."""
        radius = torch.sqrt(-2.0 * torch.log1p(-uniform[0]))
        return radius * torch.cos(2 * math.pi * uniform[1])


class StudentTBase(Base):
    r"""Student-t with learned degrees of freedom :math:`\nu > 2` of each axis.

    A flow is smooth, so it cannot give tails of powers to a normal base: take this one for data
    with outliers.

    Reference:
        Jaini, Kobyzev, Yu, Brubaker (2020), Tails of Lipschitz triangular flows,
        https://arxiv.org/abs/1907.04481; Bailey (1994), Polar generation of random variates with
        the t-distribution, Mathematics of Computation 62.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.raw_df = nn.Parameter(torch.full((dim,), 3.0))

    @property
    def df(self) -> Tensor:
        """Degrees of freedom, shape (dim,)."""
        return 2.0 + functional.softplus(self.raw_df)

    def axis_log_prob(self, z: Tensor) -> Tensor:
        """See `Base`."""
        df = self.df
        constant = torch.lgamma((df + 1) / 2) - torch.lgamma(df / 2) - 0.5 * torch.log(df * math.pi)
        return constant - 0.5 * (df + 1) * torch.log1p(z.square() / df)

    def transform(self, uniform: Tensor) -> Tensor:
        """See `Base`; by Bailey's polar form, differentiable in the degrees of freedom."""
        df = self.df.to(uniform.dtype)
        # expm1 keeps the small radii that u^(-2/df) - 1 would cancel
        radius = torch.sqrt(df * torch.expm1(-2.0 / df * torch.log1p(-uniform[0])))
        return radius * torch.cos(2 * math.pi * uniform[1])


_BASES: dict[str, type[Base]] = {"normal": NormalBase, "student_t": StudentTBase}


def base_of(name: str, dim: int) -> Base:
    """The base density of a name.

    Args:
        name: "normal" or "student_t".
        dim: Number of axes.

    Raises:
        ConfigError: If there is no such base.
    """
    if name not in _BASES:
        raise ConfigError(
            f"base: expected one of {', '.join(_BASES)}, got {name!r}. Choose one of these."
        )
    return _BASES[name](dim)
