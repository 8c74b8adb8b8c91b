"""What is known at any time, past or future: the calendar and given inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from latentode.data.batches.tensor_parts import TensorParts

_HARMONICS = (1, 2)  # of each period: with the second, a day need not be a sine


@dataclass(frozen=True)
class KnownInputs(TensorParts):
    r"""Known inputs :math:`u(t)` of a batch of windows, evaluated at any model time.

    Each period (day, week) gives :math:`\sin, \cos` of :math:`h(\varphi + \omega t)` for the
    harmonics h = 1, 2; each given input holds its last value (0, the training median, before its
    first).

    Attributes:
        phases: Phase of each period at model time 0, float64, shape (batch, period).
        rates: Angular rate of each period, radians per unit of model time, shape (period,).
        knot_times: Times of the given inputs, increasing, padded with +inf, shape (batch, knot).
        knot_values: Scaled values from each knot on, shape (batch, knot, input).
    """

    phases: Tensor
    rates: Tensor
    knot_times: Tensor
    knot_values: Tensor

    @property
    def dim(self) -> int:
        """Number of features."""
        return 2 * len(_HARMONICS) * self.phases.shape[-1] + self.knot_values.shape[-1]

    def __call__(self, times: Tensor) -> Tensor:
        """Features (batch, time, feature) at `times`, float64 model time of shape (batch, time)."""
        angle = self.phases[:, None, :] + self.rates * times[..., None]  # (batch, time, period)
        waves = [wave(h * angle) for h in _HARMONICS for wave in (torch.sin, torch.cos)]
        dtype = self.knot_values.dtype
        features = torch.cat(waves, dim=-1).to(dtype)
        if self.knot_values.shape[-1] == 0:
            return features
        index = torch.searchsorted(self.knot_times, times.contiguous(), right=True) - 1
        gathered = torch.gather(
            self.knot_values,
            1,
            index.clamp(min=0)[..., None].expand(-1, -1, self.knot_values.shape[-1]),
        )
        held = torch.where(index[..., None] >= 0, gathered, 0.0)
        return torch.cat([features, held], dim=-1)

    def select(self, windows: Tensor) -> KnownInputs:
        """Keep some windows, by index."""
        return replace(
            self,
            phases=self.phases[windows],
            knot_times=self.knot_times[windows],
            knot_values=self.knot_values[windows],
        )
