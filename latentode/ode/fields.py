"""The right-hand side of an ordinary differential equation: the contract, and its call counter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from latentode.errors import ShapeError
from latentode.ode.networks.layered import Layers

FieldFunction = Callable[[Tensor, Tensor], Tensor]


class VectorField(torch.nn.Module, ABC):
    r"""Base of every learned right-hand side :math:`dz/dt = f(t, z)`.

    A field is a pure function of its arguments and parameters: it draws no random numbers, changes
    no argument in place and keeps no counters. Any plain callable of the same contract is accepted
    by `latentode.ode.solve` as well; a module is needed only where parameters shall be found.
    """

    @abstractmethod
    def forward(self, t: Tensor, z: Tensor) -> Tensor:
        """Compute dz/dt.

        Args:
            t: Model time, float64 whatever the dtype of `z`, in which epoch seconds would stand
                still; 0-dim where all series share it, else shape (batch,), so that
                ``t[..., None]`` broadcasts against `z` in both cases. Cast what is made of it.
            z: State, shape (..., batch, latent), any leading axes.

        Returns:
            Slope in states per unit of model time, shape and dtype of `z`.
        """


@runtime_checkable
class LayeredField(Protocol):
    """A field that can say what network it is at given times.

    `latentode.ode.solve` evaluates what depends on time and context alone for all steps at once,
    and differentiates the solve by hand (`latentode.ode.solvers.layered_walk`).
    """

    def __call__(self, t: Tensor, z: Tensor) -> Tensor:
        """Compute dz/dt, see `VectorField`."""
        ...

    def layers(self, times: Tensor) -> Layers:
        """The network at some times.

        Args:
            times: Model times of the nodes, float64, shape (node,) where all series share them,
                else (node, batch).

        Returns:
            Layers whose tables have one entry a node, or one for all.
        """
        ...


class CountedField:
    """A field that counts its calls and is held to the contract of `VectorField`.

    The count lives here, in an object made for one solve, never in the field itself.

    Args:
        field: Callable ``(t, z) -> dz/dt``.
    """

    def __init__(self, field: FieldFunction) -> None:
        self._field = field
        self.nfe = 0

    def __call__(self, t: Tensor, z: Tensor) -> Tensor:
        """Evaluate the field once.

        Raises:
            ShapeError: If the slope has not the shape and dtype of `z`, or the field mixes dtypes.
        """
        self.nfe += 1
        try:
            slope = self._field(t, z)
        except RuntimeError as error:
            if "dtype" not in str(error) or z.dtype == t.dtype:
                raise
            raise self._unlike(z, str(error).splitlines()[0]) from error
        if slope.shape != z.shape or slope.dtype != z.dtype:
            raise self._unlike(z, f"shape {tuple(slope.shape)} of {slope.dtype}")
        return slope

    def _unlike(self, z: Tensor, got: str) -> ShapeError:
        return ShapeError(
            f"field: expected a slope like the state, shape {tuple(z.shape)} of {z.dtype}, got "
            f"{got}. Return dz/dt for every series, and cast constants and what is made of the "
            "time, which is float64, to the dtype of z."
        )
