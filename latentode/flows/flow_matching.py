"""Flow matching: the field of a flow by regression, without a solve."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from latentode.errors import ConfigError
from latentode.flows.cnf import CNF

Pairing = Literal["independent", "optimal"]

# the price of an exact assignment grows with the cube, so a batch is paired in groups of this size
_GROUP = 64


def flow_matching_loss(
    flow: CNF,
    x: Tensor,
    context: Tensor | None = None,
    *,
    pairing: Pairing = "independent",
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Mean square of :math:`f(t, (1-t) x_0 + t x_1) - (x_1 - x_0)` over a batch.

    :math:`x_1` are the data, :math:`x_0` draws of the base, t uniform. The minimum over f is a
    field that carries the base to the data, at a hundredth of the price of a likelihood step. It is
    no bound on the likelihood: use it to start with, and maximise the likelihood afterwards.

    Args:
        flow: A flow of one block.
        x: Data, shape (batch, dim).
        context: Shape (batch, context).
        pairing: "independent", or "optimal": data and draws are paired by the exact assignment of
            least squared distance within groups of the batch, which makes paths straighter. With a
            context the pairs would carry it over to other rows, so that is refused.
        generator: Source of times and draws.

    Returns:
        Loss in standardised units squared, 0-dim.

    Raises:
        ConfigError: If the flow has several blocks, or a context is to be paired optimally.

    Reference:
        Lipman, Chen, Ben-Hamu, Nickel, Le (2023), Flow matching for generative modeling,
        https://arxiv.org/abs/2210.02747; Tong et al. (2024), minibatch optimal transport,
        https://arxiv.org/abs/2302.00482.
    """
    if len(flow.nets) != 1:
        raise ConfigError(
            f"flow matching: expected a flow of one block, got {len(flow.nets)}. The path between "
            "blocks is not given: use blocks=1, or maximise the likelihood from the start."
        )
    if pairing == "optimal" and context is not None:
        raise ConfigError(
            'pairing: expected "independent" with a context, got "optimal". Pairs would bend the '
            "base of each context."
        )
    data = (x - flow.shift) / flow.scale
    start = flow.base.rsample((len(data),), data, generator).detach()
    if pairing == "optimal":
        start = start[optimal_pairs(start, data)]
    # one time in each of as many equal parts as there are rows: uniform, with less variance
    part = torch.arange(len(data), device=data.device, dtype=data.dtype)
    within = torch.rand(len(data), generator=generator, dtype=data.dtype, device=data.device)
    t = (part + within) / len(data)
    order = torch.randperm(len(data), generator=generator, device=data.device)
    t = t[order][:, None]
    field = flow.fields(data.new_zeros(1, 0) if context is None else context, generator)[0]
    slope = field(t[:, 0], (1 - t) * start + t * data)
    return (slope - (data - start)).square().mean()


def optimal_pairs(start: Tensor, data: Tensor) -> Tensor:
    """Row of `start` for each row of `data`, of least total squared distance within each group."""
    from scipy.optimize import linear_sum_assignment  # here, as few processes fit a flow

    chosen = []
    for first in range(0, len(data), _GROUP):
        group = slice(first, first + _GROUP)
        cost = torch.cdist(data[group], start[group]).square()
        columns = linear_sum_assignment(cost.double().cpu().numpy())[1]
        chosen.append(torch.from_numpy(columns).to(data.device) + first)
    return torch.cat(chosen)
