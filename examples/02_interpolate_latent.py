"""Walk between two series in latent space.

Problem: a latent state stands for a whole trajectory. Between the states of two spirals lie states
that were never observed: what do they decode to?

Look at: the decoded curves, which should change from one spiral to the other step by step; and the
latent trajectories, which should turn.

Reference: Chen et al. (2018), Neural ordinary differential equations, section 5.1.

Expected output: interpolate_latent.png and latent_trajectory.png in the output folder. Run time:
about a minute on two cores; 15 seconds with --smoke.

    python examples/02_interpolate_latent.py [--smoke] [--out FOLDER]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from latentode import LatentODE, LatentODEConfig, plot, synthetic


def main() -> None:
    """Train on spirals, interpolate between two of them, draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="a few seconds of training")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for the pictures")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    log = synthetic.make("spiral", random_state=0).dataset
    settings = {"windows.split": "series", "train.max_epochs": 10}
    if options.smoke:
        settings |= {"train.max_epochs": 1, "train.steps_per_epoch": 5}
    config = LatentODEConfig().updated(**settings)
    model = LatentODE(max_time="1min", random_state=0, config=config).fit(log)

    first, second = log.series_ids[:2]
    between = model.interpolate_latent(first, second, log, num_steps=6)
    axes = plot.forecast(between)
    print(plot.save(axes, options.out / "interpolate_latent.png"))
    latent = model.latent_trajectory(log, num_draws=20)
    print(plot.save(plot.latent_trajectory(latent), options.out / "latent_trajectory.png"))


if __name__ == "__main__":
    main()
