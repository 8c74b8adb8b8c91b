"""What an exported program computes: from padded windows and noise to what is read of them."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.known_inputs import KnownInputs
from latentode.export.path import path
from latentode.models.latent_ode import LatentODEModel
from latentode.models.nn.nearest import nearest_readings


class GraphInputs(NamedTuple):
    """What the graph is given, by name; see `WindowGraph.forward`."""

    times: Tensor
    values: Tensor
    mask: Tensor
    lengths: Tensor
    query_times: Tensor
    phases: Tensor
    knot_times: Tensor
    knot_values: Tensor
    static: Tensor
    noise: Tensor
    ahead: Tensor
    behind: Tensor


class GraphOutputs(NamedTuple):
    """What the graph gives.

    Attributes:
        location: Shape (draw, batch, step, channel), scaled units.
        scale: Likewise.
        gaps: To the nearest readings before and after, +inf without, model time, shape (2, batch,
            step, channel).
        neighbours: Times of these readings, model time, likewise.
    """

    location: Tensor
    scale: Tensor
    gaps: Tensor
    neighbours: Tensor


class WindowGraph(nn.Module):
    """A model as one function of tensors, of any number of windows, rows, queries and draws.

    Args:
        model: The model.
        rates: Angular rates of its calendar periods, radians per unit of model time.
    """

    rates: Tensor

    def __init__(self, model: LatentODEModel, rates: Tensor) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("rates", rates)

    def forward(
        self,
        times: Tensor,
        values: Tensor,
        mask: Tensor,
        lengths: Tensor,
        query_times: Tensor,
        phases: Tensor,
        knot_times: Tensor,
        knot_values: Tensor,
        static: Tensor,
        noise: Tensor,
        ahead: Tensor,
        behind: Tensor,
    ) -> tuple[Tensor, ...]:
        """What is read of some windows, as `GraphOutputs`.

        See `SeriesBatch` and `KnownInputs` for what the windows are.

        Args:
            times: Shape (batch, time), of more than 128 rows, which the encoder condenses.
            values: Shape (batch, time, channel).
            mask: Likewise.
            lengths: Shape (batch,).
            query_times: Shape (batch, step).
            phases: Shape (batch, period).
            knot_times: Shape (batch, knot).
            knot_values: Shape (batch, knot, input).
            static: Shape (batch, static).
            noise: Standard normal numbers of the latent states, shape (draw, batch, latent).
            ahead: Numbers of the grid points after the anchor, see `path`.
            behind: The same of those before it.
        """
        batch = SeriesBatch(
            times=times,
            values=values,
            mask=mask,
            lengths=lengths,
            query_times=query_times,
            inputs=KnownInputs(phases, self.rates, knot_times, knot_values),
            static=static,
            # how long windows are the program is not told: as long as any
            lower=-math.inf,
            upper=0.0,
            targets=values[:, :0],
            target_mask=mask[:, :0],
            shift=torch.zeros_like(values[:, :1]).double(),
        )
        z0 = self.model.posterior(batch).at(noise)
        decoded = self.model.decode(path(self.model, z0, batch, ahead, behind), batch)
        index, gaps = nearest_readings(times, mask, lengths, query_times)
        rows = times.expand(2, *times.shape)
        neighbours = rows.gather(2, index.flatten(2)).view_as(index)
        return tuple(GraphOutputs(decoded.location, decoded.scale, gaps, neighbours))
