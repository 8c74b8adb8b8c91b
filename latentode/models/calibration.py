"""Bands as wide as what was held out asks for: a monotone map of what is predicted of a reading."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from latentode.data.batches.batch import SeriesBatch
from latentode.models.nn.nearest import nearest_readings

KINDS = ("forecasts", "interpolations")
NUM_LEADS = 3  # lead times at which the map is known; between them it is interpolated
FEWEST = 8  # stretches of the validation part; from fewer nothing is learned
_LEAST_LEAD = 1e-6  # model time: a reading of the same moment has a logarithm


@dataclass(frozen=True, eq=False)
class Bands:
    """The map of `Calibration` at the queries of some windows.

    Attributes:
        centre: Median of the locations of all draws, shape (batch, step, channel).
        width: Root mean square of their scales and of the spread of their locations, likewise.
        slopes: Shape (side, piece, batch, step, channel).
        knees: Shape (side, channel).
    """

    centre: Tensor
    width: Tensor
    slopes: Tensor
    knees: Tensor

    def moved(self, latent: Tensor) -> Tensor:
        """What draws of readings become, shape (draw, batch, step, channel)."""
        error, reach = latent - self.centre, self.width * self.knees[:, None, None]
        gain = self.slopes - 1.0
        # slopes of 1 leave a draw as it is, to the bit
        moved = torch.addcmul(latent, gain[0, 0], torch.maximum(error.clamp(max=0.0), -reach[0]))
        moved.addcmul_(gain[1, 0], torch.minimum(error.clamp(min=0.0), reach[1]))
        moved.addcmul_(gain[0, 1], (error + reach[0]).clamp_(max=0.0))
        return moved.addcmul_(gain[1, 1], (error - reach[1]).clamp_(min=0.0))

    def parameters(self, values: Tensor, location: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Location and scale with which a likelihood gives some readings their density.

        They are those that the piece of the map in which a reading lies makes of the location and
        scale of each draw: in a piece the map is affine, so that this holds for every likelihood of
        readings with a location and a scale, for the probability of a bound too.

        Args:
            values: Readings in scaled units, shape (batch, step, channel).
            location: Shape (draw, batch, step, channel).
            scale: Likewise.
        """
        inner, outer, knee = self._on_side_of(values)
        reach = self.width * knee
        outside = (values - self.centre).abs() > inner * reach
        slope = torch.where(outside, outer, inner)
        gained = torch.where(outside, (inner - outer) * reach, 0.0)
        gained = gained * (values - self.centre).sign()
        moved = location + (slope - 1.0) * (location - self.centre) + gained
        return moved.to(location), (slope * scale).to(scale)

    def _on_side_of(self, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Both slopes and the knee on the side of the centre where each value lies."""
        above = values > self.centre
        inner, outer = (torch.where(above, self.slopes[1, i], self.slopes[0, i]) for i in (0, 1))
        return inner, outer, torch.where(above, self.knees[1], self.knees[0])


def centre_and_width(location: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Of the mixture over draws, shape (draw, batch, step, channel); see `Bands`."""
    variance = scale.square().mean(dim=0) + location.var(dim=0, correction=0)
    ordered, count = location.sort(dim=0).values, len(location)
    # in the middle of the two in the middle: the lower of few is off by a good part of the width
    centre = torch.lerp(ordered[(count - 1) // 2], ordered[count // 2], 0.5)
    return centre, variance.sqrt()


class Calibration(nn.Module):
    r"""The last step from a model to its bands: a map that moves quantiles, but no median.

    With centre m and width w of the mixture over posterior draws at a query (see `Bands`), a
    reading x that the model would draw becomes

    .. math:: T(x) = m \pm w\, g(r), \qquad r = |x - m| / w, \qquad
        g(r) = s_1 \min(r, k) + s_2 \max(r - k, 0)

    with a knee k, and slopes :math:`s_1, s_2 > 0` that depend on the side, the channel, whether
    readings of the channel surround the query, and how far the nearest are. T is monotone, so that
    quantiles of the new distribution are T of the old ones, and its density is that at
    :math:`T^{-1}(x)` over the slope there. As it leaves the factory, T is the identity.

    Args:
        num_channels: Channels of the log.

    Attributes:
        slopes: Shape (kind, lead, side, piece, channel); kinds as in `KINDS`, sides below and
            above, pieces inside and outside the knee.
        log_leads: Logarithms of the lead times in model time, increasing, shape (kind, lead).
        knees: k, shape (side, channel).
        stretches: Stretches of the validation part, as long as the horizon, that had readings to
            learn from, shape (kind,); where they are fewer than `FEWEST`, slopes are 1.
        covered: Shares of the readings there within 90 % bands, before and after, shape (kind, 2).

    Reference:
        Romano, Patterson, Candes (2019), Conformalized quantile regression,
        https://arxiv.org/abs/1905.03222: there quantiles are shifted, here they are scaled.
    """

    slopes: Tensor
    log_leads: Tensor
    knees: Tensor
    stretches: Tensor
    covered: Tensor

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        kinds, exact = len(KINDS), torch.float64
        self.register_buffer("slopes", torch.ones(kinds, NUM_LEADS, 2, 2, num_channels))
        self.register_buffer("log_leads", torch.arange(1.0 * NUM_LEADS).repeat(kinds, 1))
        self.register_buffer("knees", torch.ones(2, num_channels))
        self.register_buffer("stretches", torch.zeros(kinds, dtype=exact))
        self.register_buffer("covered", torch.zeros(kinds, 2, dtype=exact))

    @property
    def is_sound(self) -> bool:
        """Whether T is monotone."""
        increasing = (self.log_leads.diff(dim=-1) > 0).all()
        return bool((self.slopes > 0).all() & (self.knees > 0).all() & increasing)

    def bands(self, batch: SeriesBatch, location: Tensor, scale: Tensor) -> Bands | None:
        """The map at the queries of a batch; None where there is nothing to correct.

        Args:
            batch: Windows.
            location: Of each draw in scaled units, shape (draw, batch, step, channel).
            scale: Likewise.
        """
        if bool((self.slopes == 1.0).all()):
            return None
        centre, width = centre_and_width(location, scale)
        return Bands(centre, width, self.slopes_at(batch), self.knees)

    def slopes_at(self, batch: SeriesBatch) -> Tensor:
        """Slopes at the queries of a batch, shape (side, piece, batch, step, channel).

        They are 1 in a window without a reading: what forecasts err by after one tells nothing.
        """
        between, log_leads = leads(batch)
        shares = self.shares(log_leads.to(self.slopes)) * is_read(batch)[..., None, None]
        chosen = shares * torch.stack([~between, between], dim=-1)[..., None]
        return torch.einsum("btcnk,nkspc->spbtc", chosen, self.slopes.log()).exp()

    def shares(self, log_leads: Tensor) -> Tensor:
        """How much each lead time of each kind says of others, shape (..., kind, lead)."""
        low, gaps = self.log_leads[:, :-1], self.log_leads.diff(dim=-1)
        passed = ((log_leads[..., None, None] - low) / gaps).clamp(0.0, 1.0)
        one, none = torch.ones_like(passed[..., :1]), torch.zeros_like(passed[..., :1])
        return torch.cat([one, passed], dim=-1) - torch.cat([passed, none], dim=-1)

    def line(self) -> str:
        """What a reader should know of it, in a line."""
        if not self.stretches.any():
            return "none, as too little was held out; bands are as they were trained"
        of_kinds = zip(KINDS, self.stretches.tolist(), self.covered.tolist(), strict=True)
        return "; ".join(_told(*of_kind) for of_kind in of_kinds)


def _told(kind: str, stretches: float, covered: list[float]) -> str:
    """What a reader should know of one kind of predictions."""
    if stretches < FEWEST:
        return (
            f"bands of {kind} as they were trained: the validation part is too short to set them "
            f"by ({stretches:.0f} horizons with readings, {FEWEST} are needed)"
        )
    before, after = covered
    return (
        f"90 % bands of {kind} cover {after:.1%} of the validation part, {before:.1%} before "
        f"({stretches:.0f} horizons)"
    )


def is_read(batch: SeriesBatch) -> Tensor:
    """True for windows in which a reading is visible, shape (batch, 1, 1)."""
    return batch.mask.any(dim=1, keepdim=True).any(dim=2, keepdim=True)


def leads(batch: SeriesBatch) -> tuple[Tensor, Tensor]:
    """How far each channel is from its visible readings, at the queries of a batch.

    Between two readings with gaps a and b this is :math:`ab / (a + b)`, to which the variance of a
    Brownian bridge is proportional; beside the last or first one it is the gap.

    Args:
        batch: Windows.

    Returns:
        True where readings surround the query, and the logarithm of the lead in model time, +inf
        where there is no reading; both of shape (batch, step, channel).
    """
    _, gaps = nearest_readings(batch.times, batch.mask, batch.lengths, batch.query_times)
    between = torch.isfinite(gaps).all(dim=0)
    rates = (1.0 / gaps.clamp(min=_LEAST_LEAD)).sum(dim=0)  # 1 / a + 1 / b, 0 for no reading
    return between, -rates.log()
