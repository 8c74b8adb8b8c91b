"""Attention encoder: a few reference points look at all rows at once."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from latentode.data.batches.batch import SeriesBatch
from latentode.models.encoders.base import Encoder
from latentode.models.nn.mlp import MLP

_LONGEST, _SHORTEST = 16.0, 0.1  # first periods of the embedding, model time; a window has 4
# weights below exp(-30) of the largest count as exp(-30): a channel that was read far from a
# reference point alone still has an average in float32, with a gradient that is finite
_LEAST_SCORE = -30.0


class AttentionEncoder(Encoder):
    r"""Average each channel around learned reference points, then read the averages by an MLP.

    Each head h and reference point :math:`r_q` weighs the readings of channel c at its own times,

    .. math::
        a_{hqc} = \frac{\sum_i w_{hq}(t_i)\, m_{ic}\, x_{ic}}{\sum_i w_{hq}(t_i)\, m_{ic}}, \quad
        w_{hq}(t) = \exp\frac{\langle A_h\phi(r_q), A_h\phi(t)\rangle}{\sqrt{d}}, \quad
        \phi(t) = (\omega_0 t + \alpha_0, \sin(\omega_1 t + \alpha_1), \dots)

    where :math:`m` marks what was observed and t is the offset from the anchor (mirrored where the
    window is read backwards). Beside an average stands the share of the weight that fell on rows
    with this channel; a channel without readings has average and share 0. Known inputs at the rows
    are averaged as well. The order of rows plays no part, and no step waits for another.

    Args:
        num_channels: Channels of the log.
        input_dim: Known-input features.
        hidden_dim: Size of the summary.
        num_heads: Heads, each with its own kernel.
        num_references: Reference points.
        num_rates: Rates of the embedding of time, each a sine and a cosine at first.

    Reference:
        Shukla, Marlin (2021), Multi-time attention networks for irregularly sampled time series,
        https://arxiv.org/abs/2101.10318. There queries and keys have maps of their own, and a
        recurrent network reads the averages. One map for both, and pairs of sine and
        cosine, give kernels that peak near their own reference points from the first step on.
    """

    def __init__(
        self,
        num_channels: int,
        input_dim: int,
        hidden_dim: int,
        num_heads: int = 4,
        num_references: int = 8,
        num_rates: int = 16,
    ) -> None:
        super().__init__()
        self.hidden_dim = hidden_dim
        self.num_heads = num_heads
        # closer together near the anchor, where the state is wanted
        self.references = nn.Parameter(-4.0 * torch.linspace(0.0, 1.0, num_references).square())
        periods = torch.logspace(math.log10(_LONGEST), math.log10(_SHORTEST), num_rates)
        rates = 2.0 * math.pi / periods
        self.rates = nn.Parameter(torch.cat([rates[:1], rates, rates]))
        self.phases = nn.Parameter(torch.zeros(1 + 2 * num_rates))
        nn.init.constant_(self.phases[1 + num_rates :], math.pi / 2)
        time_dim = len(self.rates)
        self.keys = nn.Linear(time_dim, num_heads * time_dim, bias=False)
        nn.init.orthogonal_(self.keys.weight, gain=math.sqrt(num_heads))
        looks = num_heads * num_references
        width = looks * (2 * num_channels + input_dim)
        self.head = MLP(width, (hidden_dim,), hidden_dim)

    def forward(self, batch: SeriesBatch, *, reverse: bool) -> Tensor:
        """See `Encoder`."""
        dtype = batch.values.dtype
        rows = torch.arange(batch.times.shape[1], device=batch.times.device)
        inside = (rows < batch.lengths[:, None])[..., None]
        offsets = (-batch.times if reverse else batch.times).to(dtype)
        weights = self._weights(offsets, inside)  # (batch, time, head * reference)
        # asinh is the identity for ordinary readings and tames outliers
        parts = [torch.asinh(batch.values), batch.inputs(batch.times)]
        readings = torch.cat([part.to(dtype) for part in parts], dim=-1)
        inputs_seen = inside.expand(-1, -1, batch.inputs.dim)
        seen = torch.cat([batch.mask & inside, inputs_seen, inside], dim=-1)
        read = torch.where(seen[..., :-1], readings, 0.0)
        sums, masses = (weights.transpose(1, 2) @ torch.cat([read, seen.to(dtype)], dim=-1)).split(
            [read.shape[-1], seen.shape[-1]], dim=-1
        )
        # 1 where nothing was read: the gradient of 0 / tiny is infinite
        divisors = torch.where(masses > 0, masses, 1.0)
        averages = sums / divisors[..., :-1]
        shares = masses[..., : batch.values.shape[-1]] / divisors[..., -1:]
        summary: Tensor = self.head(torch.cat([averages, shares], dim=-1).flatten(1))
        return summary

    def _weights(self, offsets: Tensor, inside: Tensor) -> Tensor:
        """Positive weight of each row for each head and reference point, 0 for padding."""
        queries = self.keys(self._embed(self.references)).unflatten(-1, (self.num_heads, -1))
        maps = self.keys.weight.unflatten(0, (self.num_heads, -1))
        # <A q, A k> = <A'A q, k>: the keys of all rows need no map of their own
        queries = torch.einsum("qhe,hed->hqd", queries, maps).flatten(0, 1)
        scores = self._embed(offsets) @ queries.t() / math.sqrt(len(self.rates))
        highest = scores.detach().masked_fill(~inside, -torch.inf).amax(dim=1, keepdim=True)
        relative = (scores - highest.clamp(min=torch.finfo(scores.dtype).min)).clamp(
            _LEAST_SCORE, 0.0
        )
        return relative.exp() * inside

    def _embed(self, times: Tensor) -> Tensor:
        angles = times[..., None] * self.rates + self.phases
        return torch.cat([angles[..., :1], torch.sin(angles[..., 1:])], dim=-1)
