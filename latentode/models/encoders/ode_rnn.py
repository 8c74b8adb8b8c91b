"""ODE-RNN encoder: the hidden state moves between readings."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentode.data.batches.batch import SeriesBatch
from latentode.models.encoders.base import Encoder, row_features
from latentode.models.nn.gated import Field, Unit
from latentode.models.nn.mlp import MLP
from latentode.models.nn.recurrent import recur
from latentode.models.nn.scanned import states_of_moved_rows
from latentode.models.nn.schedule import Schedule


class ODERNNEncoder(Encoder):
    r"""Between rows solve :math:`dh/dt = f(h)`, at each row update h by a GRU cell.

    Each series takes :math:`n = \lceil \Delta t / \text{max\_step} \rceil` Euler steps (at most
    `max_substeps`) over its own gap :math:`\Delta t`: no union of time stamps, and a summary that
    does not depend on the batch. One step a gap trains worse on sparse series. The cost grows with
    the most steps that one series takes, wherever the long gaps of the others are.

    Args:
        num_channels: Channels of the log.
        input_dim: Known-input features.
        hidden_dim: Size of the state.
        max_step: Longest Euler step, model time.
        max_substeps: Most Euler steps over one gap; a longer gap takes longer steps.

    Reference:
        Rubanova, Chen, Duvenaud (2019), Latent ODEs for irregularly-sampled time series,
        https://arxiv.org/abs/1907.03907 (there: Euler on the union of all time stamps of a batch)
    """

    waits_for_device = True  # the schedule of the steps is laid on the host

    def __init__(
        self,
        num_channels: int,
        input_dim: int,
        hidden_dim: int,
        max_step: float = 0.1,
        max_substeps: int = 8,
    ) -> None:
        super().__init__()
        self.hidden_dim = hidden_dim
        self.max_step = max_step
        self.max_substeps = max_substeps
        self.cell = nn.GRUCell(3 * num_channels + 1 + input_dim, hidden_dim)
        self.field = MLP(hidden_dim, (hidden_dim,), hidden_dim, final_scale=0.3)

    def forward(self, batch: SeriesBatch, *, reverse: bool) -> Tensor:
        """See `Encoder`."""
        features, gaps = row_features(batch, reverse=reverse)
        counts = torch.ceil(gaps.detach() / self.max_step).clamp(1, self.max_substeps)
        unit, (first, second) = Unit(*self.cell.parameters()), self.field.layers
        field = Field(*first.parameters(), *second.parameters())
        if torch.compiler.is_exporting():
            states = states_of_moved_rows(features, unit, gaps, counts, self.max_substeps, field)
            return states.gather(1, batch.lengths[:, None, None].expand(-1, 1, self.hidden_dim))[
                :, 0
            ]
        rows = torch.arange(gaps.shape[1], device=gaps.device)
        schedule = Schedule.of(counts.long().where(rows < batch.lengths[:, None], 0))
        steps = (gaps / counts).flatten().index_select(0, schedule.rows)
        packed = features.flatten(0, 1).index_select(0, schedule.rows)
        last = recur(schedule, packed, unit, steps, field)
        return last.new_zeros(batch.size, self.hidden_dim).index_copy(0, schedule.series, last)
