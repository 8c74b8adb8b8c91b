"""Walk between two series in latent space.
========================================

Problem: a latent state stands for a whole trajectory. Between the states of two spirals lie states
that were never observed: what do they decode to?

Look at: the decoded curves, which should change from one spiral to the other step by step; and the
latent trajectories, which should turn.

Reference: Chen et al. (2018), Neural ordinary differential equations, section 5.1.

Expected output: interpolate_latent.png and latent_trajectory.png in the output folder. Run time:
about a minute on two cores; 15 seconds with --smoke.

.. code-block:: text

    python examples/02_interpolate_latent.py [--smoke] [--out FOLDER]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from latentode import LatentODE, LatentODEConfig, plot, synthetic


def main() -> None:
    """Train on spirals, interpolate between two of them, draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="a few seconds of training")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for the pictures")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    log = synthetic.make("spiral", random_state=0).dataset
    # without the memory of readings and states at knots, the state at the anchor alone must carry
    # the whole trajectory
    settings = {
        "windows.split": "series",
        "train.max_epochs": 40,
        "model.memory": False,
        "model.knots": 0,
    }
    if options.smoke:
        settings |= {"train.max_epochs": 1, "train.steps_per_epoch": 5}
    config = LatentODEConfig().updated(**settings)
    model = LatentODE(
        context="2s", horizon="2s", max_time="1min", random_state=0, config=config
    ).fit(log)

    first, second = log.series_ids[:2]
    between = model.interpolate_latent(first, second, log, num_steps=6)
    print(plot.save(draw(between), options.out / "interpolate_latent.png"))
    latent = model.latent_trajectory(log, num_draws=20)
    print(plot.save(plot.latent_trajectory(latent), options.out / "latent_trajectory.png"))


def draw(between) -> Figure:  # noqa: ANN001
    """One panel a channel, one curve a point between the two states."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    panels = figure.subplots(between.sizes["channel"], sharex=True)
    shades = np.linspace(0.15, 0.9, between.sizes["series"])
    for axes, channel in zip(panels, between.channel.values, strict=True):
        for shade, point in zip(shades, between.series.values, strict=True):
            curve = between.sel(series=point, channel=channel)
            axes.plot(curve.time, curve.value[0], color=(shade, 0.3, 1 - shade), label=point)
        axes.set_ylabel(channel)
    panels[-1].set_xlabel("time (s)")
    panels[0].legend(title="share of the second state", ncols=between.sizes["series"])
    return figure


if __name__ == "__main__":
    main()
