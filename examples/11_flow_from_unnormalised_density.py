r"""Fit a flow to a density that is known up to its constant, without any data.
===========================================================================

Problem: a posterior is given by its logarithm plus an unknown constant. A flow q is trained by the
reverse Kullback-Leibler divergence, E_q[log q - log p~], from its own draws; its minimum is minus
the logarithm of the unknown constant.

Look at: how close a continuous flow and a stack of planar layers with as many parameters come to
that minimum, which quadrature gives here.

Reference: Rezende, Mohamed (2015), Variational inference with normalizing flows, table 1,
https://arxiv.org/abs/1505.05770; Chen et al. (2018), section 4.1, https://arxiv.org/abs/1806.07366.

Expected output: reverse_kl.png in the output folder, and a line a flow. Run time: about two minutes
on one core; five seconds with --smoke.

.. code-block:: text

    python examples/11_flow_from_unnormalised_density.py [--smoke] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from latentode import plot
from latentode.flows import CNF

SIDE = 4.5


def log_wave(z: Tensor) -> Tensor:
    """A band along a sine wave (the second density of the paper), without its constant."""
    middle = torch.sin(2 * math.pi * z[..., 0] / 4)
    return -0.5 * ((z[..., 1] - middle) / 0.4) ** 2 - 0.5 * (z[..., 0] / 2) ** 4


class PlanarFlow(nn.Module):
    """Layers z + u tanh(w z + b), five parameters each, kept invertible as in the paper."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.w = nn.Parameter(0.5 * torch.randn(layers, 2))
        self.u = nn.Parameter(0.5 * torch.randn(layers, 2))
        self.b = nn.Parameter(torch.zeros(layers))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Draws for standard normal noise, and their log-density."""
        log_density = -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)
        for w, u, b in zip(self.w, self.u, self.b, strict=True):
            along = (w * u).sum()
            u = u + (nn.functional.softplus(along) - 1 - along) * w / w.square().sum()
            bend = torch.tanh(z @ w + b)
            log_density = log_density - torch.log1p((1 - bend.square()) * (u * w).sum())
            z = z + bend[:, None] * u
        return z, log_density


def main() -> None:
    """Train both flows on the same density, print their divergences, draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="a few steps")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for the picture")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    steps, batch = (3, 32) if options.smoke else (1_500, 256)

    axis = torch.linspace(-SIDE, SIDE, 181)
    grid = torch.cartesian_prod(axis, axis).flip(-1)
    target = log_wave(grid)
    constant = float(torch.logsumexp(target, 0)) + 2 * math.log(float(axis[1] - axis[0]))

    torch.manual_seed(0)
    flow = CNF(2, hidden_dims=(16, 16))
    size = sum(p.numel() for p in flow.parameters())
    planar = PlanarFlow(size // 5)

    def draw_continuous(noise: Tensor) -> tuple[Tensor, Tensor]:
        result = flow.push(noise)
        return result.value, result.log_prob

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    panels = figure.subplots(1, 3)
    extent = (-SIDE, SIDE, -SIDE, SIDE)
    plot.density(target.reshape(181, 181).double().numpy(), extent=extent, ax=panels[0])
    panels[0].set_title("density, up to a constant")
    cases = {"continuous": (flow, draw_continuous), "planar": (planar, planar)}
    for axes, (name, (module, sampler)) in zip(panels[1:], cases.items(), strict=True):
        divergence = train(module, sampler, steps, batch) + constant
        print(f"{name}: {count(module)} parameters, KL(q || p) {divergence:.3f} nats")
        with torch.no_grad():
            samples = sampler(torch.randn(2_000, 2))[0].double().numpy()
        plot.density(
            target.reshape(181, 181).double().numpy(), extent=extent, samples=samples, ax=axes
        )
        axes.set_title(f"{name} flow: KL {divergence:.3f} nats")
    print(plot.save(panels[0], options.out / "reverse_kl.png"))


def count(module: nn.Module) -> int:
    """Number of parameters."""
    return sum(p.numel() for p in module.parameters())


def train(
    module: nn.Module, sampler: Callable[[Tensor], tuple[Tensor, Tensor]], steps: int, batch: int
) -> float:
    """Minimise the reverse divergence; returns it, less the constant, on fresh draws."""
    optimizer = torch.optim.Adam(module.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        z, log_density = sampler(torch.randn(batch, 2))
        loss = (log_density - log_wave(z)).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 5.0)
        optimizer.step()
        schedule.step()
    module.eval()
    with torch.no_grad():
        z, log_density = sampler(torch.randn(5_000, 2))
        return float((log_density - log_wave(z)).mean())


if __name__ == "__main__":
    main()
