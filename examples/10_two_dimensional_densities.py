"""Learn two-dimensional densities by maximum likelihood.
======================================================

Problem: draws of a density with gaps, sharp edges or thin arms. A continuous normalizing flow must
carry a single normal blob there without tearing it.

Look at: the learned density beside the data, the filaments that a continuous map must leave between
separate parts, the field in the middle of the way, and the printed likelihood: above the known
entropy by what was not learned.

Reference: Grathwohl et al. (2019), FFJORD, section 4.1, https://arxiv.org/abs/1810.01367.

Expected output: densities.png in the output folder, and a line a density. Run time: about two
minutes a density on one core; five seconds with --smoke.

.. code-block:: text

    python examples/10_two_dimensional_densities.py [NAME ...] [--smoke] [--out FOLDER]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentode import plot
from latentode.flows import CNF, FlowFitConfig, draw_toy, fit_flow, toy_entropy
from latentode.flows.toy_densities import ToyName

SIDE = 4.5


def main() -> None:
    """Fit a flow to each density, print its likelihood, draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(get_args(ToyName)))
    parser.add_argument("--smoke", action="store_true", help="a few steps on two densities")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for the picture")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    names = options.names or list(get_args(ToyName))[: 2 if options.smoke else None]
    config = FlowFitConfig(20_000, 800) if not options.smoke else FlowFitConfig(60, 2, 64)

    figure = Figure(figsize=(13, 3.4 * len(names)), layout="constrained")
    rows = figure.subplots(len(names), 4, squeeze=False)
    for name, panels in zip(names, rows, strict=True):
        flow = learn(name, config, hidden=16 if options.smoke else 128)
        draw(name, flow, panels)
    print(plot.save(rows[0, 0], options.out / "densities.png"))


def learn(name: ToyName, config: FlowFitConfig, hidden: int) -> CNF:
    """A flow fitted to draws, scored on fresh ones."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    data = draw_toy(name, 50_000, generator).float()
    flow = CNF(2, hidden_dims=(hidden, hidden))
    flow.standardize(data.mean(0), data.std(0))
    fit_flow(flow, data, config=config, generator=generator)
    with torch.no_grad():
        result = flow.evaluate(draw_toy(name, 2_000, generator).float())
    entropy = toy_entropy(name)
    known = "" if entropy is None else f", entropy {entropy:.3f}"
    print(
        f"{name}: {-float(result.log_prob.mean()):.3f} nats per point{known}; {result.trace} "
        f"trace, {result.solver_gap:+.4f} by the solver of training"
    )
    return flow


@torch.no_grad()
def draw(name: ToyName, flow: CNF, panels: np.ndarray) -> None:
    """Data, density, field halfway with trajectories, samples."""
    count = 90
    axis = torch.linspace(-SIDE, SIDE, count)
    grid = torch.cartesian_prod(axis, axis).flip(-1)  # rows go up y
    log_density = flow.log_prob(grid).reshape(count, count).double().numpy()
    standard = (grid - flow.shift) / flow.scale
    slope = flow.scale * flow.fields(torch.zeros(1, 0))[0](torch.tensor(0.5), standard)
    field = slope.reshape(count, count, 2).double().numpy()
    data = draw_toy(name, 2_000, torch.Generator().manual_seed(1)).numpy()
    samples = flow.sample((2_000,), generator=torch.Generator().manual_seed(2)).double().numpy()
    extent = (-SIDE, SIDE, -SIDE, SIDE)
    axes: list[Axes] = list(panels)
    plot.density(None, extent=extent, samples=data, ax=axes[0]).set_title(f"{name}: data")
    plot.density(log_density, extent=extent, ax=axes[1]).set_title("density")
    plot.density(log_density, extent=extent, field=field, ax=axes[2]).set_title("field halfway")
    plot.density(None, extent=extent, samples=samples, ax=axes[3]).set_title("samples")


if __name__ == "__main__":
    main()
