"""Direct forecasts: what summaries of a window say of any later time."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentode.data.batches.batch import SeriesBatch
from latentode.models.nn.mlp import SkipMLP
from latentode.models.nn.nearest import nearest_readings
from latentode.models.nn.summaries import span_summaries, summary_size
from latentode.ode.networks.activations import tamed

_RATES = (8.0, 2.0, 0.5)
_LAGS = 2


class DirectForecast(nn.Module):
    """Shift of location and log-scale of forecasts from summaries."""

    rates: Tensor

    def __init__(self, num_channels: int, context_dim: int, hidden_dim: int, dropout: float, season: float | None) -> None:
        super().__init__()
        self.season = season
        self.register_buffer("rates", torch.tensor(_RATES))
        lags = 0 if season is None else 2 * _LAGS * num_channels
        self.sizes = (summary_size() * num_channels, lags + context_dim + 1 + len(_RATES))
        self.net = SkipMLP(self.sizes, hidden_dim, 2 * len(_RATES) * num_channels, dropout=dropout, at_rest=True)
        self.dropout = dropout

    def forward(self, batch: SeriesBatch, asked: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Shift and log-scale, (batch, step, channel)."""
        dtype = batch.values.dtype
        window, level, last = span_summaries(batch)
        age = (asked[..., None] - last).clamp(0.0, 100.0).to(dtype)  # (batch, step, channel)
        lead = (asked - batch.times[:, -1:]).clamp(min=0.0).to(dtype)[..., None]
        basis = 1.0 - (-self.rates[:, None] * age[:, :, None]).exp()  # (batch, step, rate, channel)
        parts = [known, lead, 1.0 - (-self.rates * lead).exp()]
        if self.season is not None:
            parts += self._lags(batch, asked, level)
        window = functional.dropout(window, self.dropout, self.training)
        out = self.net(window[:, None], torch.cat(parts, -1))
        out = out.unflatten(-1, (2, len(_RATES), -1))
        moved = (out * basis[:, :, None]).sum(-2)
        ahead = (asked > batch.times[:, -1:])[..., None]
        shift, log_scale = torch.where(ahead[..., None, :], moved, 0.0).unbind(2)
        return shift, log_scale

    def _lags(self, batch, asked, level):
        behind = (asked - batch.times[:, -1:]) / self.season
        nearest = torch.ceil(behind).clamp(min=1.0)
        parts = []
        for k in range(_LAGS):
            earlier = asked - self.season * (nearest + k)
            index, gaps = nearest_readings(batch.times, batch.mask, batch.lengths, earlier)
            apart = gaps.sum(0)
            known = apart <= 0.25 * self.season
            share = torch.where(known, gaps[0] / apart.clamp(min=1e-12), 0.0).to(level.dtype)
            before, after = (batch.values.gather(1, i) for i in index)
            value = torch.where(known, torch.lerp(before, after, share) - level, 0.0)
            parts += [tamed(value), known.to(level.dtype)]
        return parts
