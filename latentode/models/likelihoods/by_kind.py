"""Channels of several kinds side by side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from latentode.data.families import Families
from latentode.models.likelihoods.base import Likelihood, balanced_sum
from latentode.models.likelihoods.bernoulli import BernoulliLikelihood
from latentode.models.likelihoods.censored import CensoredLikelihood
from latentode.models.likelihoods.gaussian import GaussianLikelihood
from latentode.models.likelihoods.negative_binomial import NegativeBinomialLikelihood


def _draws_innermost(array: Tensor) -> bool:
    """Whether draws (draw, batch, time, channel) of a reading stand beside each other in memory."""
    return array.dim() > 3 and array.stride(0) == 1


def _channels(array: Tensor, chosen: Tensor) -> Tensor:
    """Some channels, the last axis, of an array, which lie in memory as all of them do.

    Args:
        array: Shape (..., channel).
        chosen: Which channels.
    """
    if not _draws_innermost(array):
        return array.index_select(-1, chosen)
    if bool((chosen.diff() == 1).all()):  # beside each other
        return array.narrow(-1, int(chosen[0]), len(chosen))
    return array.movedim(0, -1).index_select(-2, chosen).movedim(-1, 0)


class SideBySide(Likelihood):
    """Some channels by one likelihood, others by others.

    Args:
        parts: Likelihoods.
        channels: Channels of each, shape (channel of the part,).
    """

    order: Tensor

    def __init__(self, parts: list[Likelihood], channels: list[Tensor]) -> None:
        super().__init__(sum(map(len, channels)))
        self.parts = nn.ModuleList(parts)
        for number, index in enumerate(channels):
            self.register_buffer(f"channels_{number}", index, persistent=False)
        order = torch.argsort(torch.cat(channels))
        self.register_buffer("order", order, persistent=False)
        self.waits_for_device = any(part.waits_for_device for part in parts)
        self.joins_channels = any(part.joins_channels for part in parts)

    @property
    def _likelihoods(self) -> list[Likelihood]:
        return [part for part in self.parts if isinstance(part, Likelihood)]

    def _of(self, number: int, array: Tensor) -> Tensor:
        return _channels(array, getattr(self, f"channels_{number}"))

    def _joined(self, of_part: Callable[..., Tensor], *arrays: Tensor) -> Tensor:
        """What a function says of each part and its channels, in the order of all."""
        found = [
            of_part(part, *(self._of(number, array) for array in arrays))
            for number, part in enumerate(self._likelihoods)
        ]
        if _draws_innermost(found[0]):
            joined = torch.cat([of.movedim(0, -1) for of in found], dim=-2).movedim(-1, 0)
        else:
            joined = torch.cat(found, dim=-1)
        return _channels(joined, self.order)

    def log_prob(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        return self._joined(lambda part, *of: part.log_prob(*of), values, location, scale)

    def joint(
        self,
        values: Tensor,
        location: Tensor,
        scale: Tensor,
        mask: Tensor,
        *,
        balance: float = 0.0,
    ) -> Tensor:
        """See `Likelihood`; a part whose channels depend on each other is not balanced.

        Args:
            values: Readings, finite everywhere, shape (batch, time, channel).
            location: Shape (..., batch, time, channel).
            scale: Shape of `location`.
            mask: True where observed, shape (batch, time, channel).
            balance: As in `Likelihood.joint`.
        """
        together, apart = [], []
        for number, part in enumerate(self._likelihoods):
            of = [self._of(number, array) for array in (values, location, scale, mask)]
            if type(part).joint is Likelihood.joint:
                apart.append((part.log_prob(*of[:3]), *of[2:]))
            else:
                together.append(part.joint(*of))
        density, scales, masks = (torch.cat(each, dim=-1) for each in zip(*apart, strict=True))
        return sum(together, start=balanced_sum(density, scales, masks, balance))

    def transform(self, noise: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            noise: Standard normal numbers, the shape of `location`.
            location: Location of each reading.
            scale: Scale of each reading.
        """
        return self._joined(lambda part, *of: part.transform(*of), noise, location, scale)

    def score(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        values = values.expand_as(location)
        return self._joined(lambda part, *of: part.score(*of), values, location, scale)

    def latent(self, noise: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`.

        Args:
            noise: Standard normal numbers, the shape of `location`.
            location: Location of each reading.
            scale: Scale of each reading.
        """
        return self._joined(lambda part, *of: part.latent(*of), noise, location, scale)

    def observed(self, latent: Tensor) -> Tensor:
        """See `Likelihood`."""
        return self._joined(lambda part, of: part.observed(of), latent)

    def is_mass(self, values: Tensor) -> Tensor:
        """See `Likelihood`."""
        return self._joined(lambda part, of: part.is_mass(of), values)

    def fits(self, values: Tensor) -> Tensor:
        """See `Likelihood`."""
        return self._joined(lambda part, of: part.fits(of), values)

    def given(self, values: Tensor, mask: Tensor, shift: Tensor) -> Likelihood:
        """Without the supports of channels of which a window has a reading outside.

        Args:
            values: Known readings in scaled units less `shift`, shape (batch, time, channel).
            mask: True where there is one, likewise.
            shift: What was taken off every reading of a window, shape (batch, 1, channel).
        """
        parts = []
        for number, part in enumerate(self._likelihoods):
            of = [self._of(number, array) for array in (values, mask, shift)]
            parts.append(part.given(*of))
        if all(part is own for part, own in zip(parts, self._likelihoods, strict=True)):
            return self
        return SideBySide(parts, [getattr(self, f"channels_{i}") for i in range(len(parts))])


def likelihood_of(base: type[Likelihood], families: Families) -> Likelihood:
    """The likelihood of channels of some families.

    Args:
        base: Likelihood of numbers without bounds.
        families: Kinds and bounds of all channels, in scaled units.
    """
    if families.all_free:
        return base(len(families.kinds))
    kinds = np.array([str(kind) for kind in families.kinds])
    supported, heavy = families.supported(), base is not GaussianLikelihood
    lower, upper, step = (
        torch.from_numpy(array) for array in (families.lower, families.upper, families.step)
    )

    def censored(of: Tensor) -> Likelihood:
        return CensoredLikelihood(lower[of], upper[of], heavy=heavy)

    makers: list[tuple[np.ndarray, Callable[[Tensor], Likelihood]]] = [
        (~supported, lambda of: base(len(of))),
        (supported & (kinds == "continuous"), censored),
        (kinds == "binary", lambda of: BernoulliLikelihood(lower[of], upper[of])),
        (kinds == "count", lambda of: NegativeBinomialLikelihood(lower[of], step[of])),
    ]
    channels = [torch.from_numpy(np.flatnonzero(of_it)) for of_it, _ in makers]
    chosen = [(make(of), of) for (_, make), of in zip(makers, channels, strict=True) if len(of)]
    return SideBySide([part for part, _ in chosen], [of for _, of in chosen])
