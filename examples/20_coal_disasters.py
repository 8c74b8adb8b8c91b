"""A rate that changes once: coal-mine disasters in Britain, 1851 to 1962.
=======================================================================

Problem: 191 explosions with ten or more deaths. Did mining become safer, when, and does one
disaster make another more likely? A latent ODE drives the rate of a Poisson process; the window of
observation is 1851 to 1963, not the first event to the last.

Look at: the fall of the rate around 1890; the gain in nats over a constant rate, beside that of ten
constant steps; the p-values of the rescaled gaps. All of it is in sample, as the set is so small.

Reference: Jarrett (1979), A note on the intervals between coal-mining disasters, Biometrika 66.

Expected output: a table of nats per event gained over a constant rate, p-values, and
coal_disasters.png in the output folder. Run time: about half a minute; 5 seconds with --smoke.
Without the data (../shared/data) a stream with a step of the published size is simulated.

.. code-block:: text

    python examples/20_coal_disasters.py [--smoke] [--out FOLDER] [--data FILE]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from latentode import plot, read_events
from latentode.config import DataConfig
from latentode.data.events import EventStreams
from latentode.models.point_processes import (
    HistoryFreeProcess,
    HomogeneousProcess,
    PiecewiseConstantProcess,
    goodness_of_fit,
)
from latentode.results.events import intensity_dataset
from latentode.training.events.fit import EventFitting, fit_events
from latentode.training.events.scoring import score_streams

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "point_processes"
YEAR_H = 365.25 * 24
HOUR_NS = 3_600_000_000_000
YEAR_NS = round(YEAR_H * HOUR_NS)
FIRST, LAST = 1851.0, 1963.0


def main() -> None:
    """Fit three rates, compare them, draw the neural one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="a few seconds of training")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for the picture")
    parser.add_argument("--data", type=Path, default=SHARED / "coal_disasters.csv")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)

    streams = read(options.data)
    rates = torch.from_numpy(streams.rates(YEAR_NS))
    span = LAST - FIRST
    models = {
        "constant": HomogeneousProcess(rates),
        "steps of 11 years": PiecewiseConstantProcess(rates, span, 10),
        "latent ODE": HistoryFreeProcess(4, 16, rates, span),
    }
    for name, model in models.items():
        steps = 10 if options.smoke else 300
        if name != "constant":
            fit_events(model, streams, YEAR_NS, EventFitting(steps=steps, lr=0.02))
    base, count = None, streams.num_scored
    for name, model in models.items():
        scores, events = score_streams(model, streams, YEAR_NS)
        total = float(scores.log_prob().sum())
        base = total if base is None else base
        test = goodness_of_fit.time_rescaling(goodness_of_fit.rescale(scores, events))
        free = sum(p.numel() for p in model.parameters())
        print(
            f"{name:>18}: {(total - base) / count:+.4f} nats per event, "
            f"p of rescaled gaps {test.p_value:.3f}, {free} parameters (in sample)"
        )
    axes = plot.intensity(rate_by_year(models["latent ODE"], streams), observed=streams)
    print(plot.save(axes, options.out / "coal_disasters.png"))


def read(path: Path) -> EventStreams:
    """Disasters on an elapsed clock in hours since 1851."""
    if path.exists():
        years = pd.read_csv(path)["date"].to_numpy()
    else:
        print(f"{path} is not there: simulating a step from 3.1 to 0.9 a year in 1890")
        rng = np.random.default_rng(0)
        early = rng.uniform(FIRST, 1890, rng.poisson(3.1 * 39))
        years = np.sort(np.r_[early, rng.uniform(1890, LAST, rng.poisson(0.9 * 73))])
    frame = pd.DataFrame({"id": "coal", "time": (years - FIRST) * YEAR_H, "mark": "disaster"})
    windows = pd.DataFrame({"id": ["coal"], "start": 0.0, "end": (LAST - FIRST) * YEAR_H})
    config = DataConfig.model_validate({"time": {"unit": "h"}})
    return read_events(frame, config, windows=windows)


def rate_by_year(model: HistoryFreeProcess, streams: EventStreams) -> object:
    """Disasters a year on a grid, labelled."""
    shares = torch.linspace(0, 1, 300, dtype=torch.float64)
    with torch.no_grad():
        states, _ = model.solve(model.span)
        rates = model.process.log_intensity(states.at(shares)).exp().numpy()
    times = np.rint(shares.numpy()[None] * streams.windows[0, 0, 1]).astype(np.int64)
    return intensity_dataset(
        rates,
        times,
        series_ids=streams.series_ids,
        mark_names=streams.mark_names,
        clock=streams.clock,
        unit="year",
    )


if __name__ == "__main__":
    main()
