"""Events that bring about events: aftershocks near San Jacinto.
=============================================================

Problem: a catalogue of quakes over ten years. How much of the rate is background, how much follows
earlier quakes, and when will the next one come? A jump process (a latent ODE that jumps at each
quake, beside decaying counts of the past) is trained on the first 80 % and scored on the rest.

Look at: the gain over a constant rate beside that of a Hawkes process, which is the classical
answer; bursts in the rate after each cluster; the points of the QQ plot.

Reference: Ogata (1988), Statistical models for earthquake occurrences and residual analysis for
point processes, JASA 83.

Expected output: nats per event gained on the last fifth, quantiles of the time to the next quake,
earthquakes.png and earthquakes_fit.png in the output folder. Run time: about 4 minutes; 20 seconds
with --smoke. Without the data (../shared/data) a Hawkes process is simulated.

.. code-block:: text

    python examples/21_earthquakes.py [--smoke] [--out FOLDER] [--data FILE]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import torch

from latentode import EventForecaster, plot, read_events
from latentode.config import DataConfig
from latentode.config.durations import NS_PER_UNIT
from latentode.data.events import EventStreams
from latentode.data.synthetic import events as synthetic_events
from latentode.models.point_processes import HawkesProcess, HomogeneousProcess
from latentode.training.events.fit import EventFitting, fit_events
from latentode.training.events.scoring import score_streams

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "earthquakes_sanjac.csv.gz"


def main() -> None:
    """Split in time, fit, compare with a Hawkes process, look ahead."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="a few seconds of training")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for the pictures")
    parser.add_argument("--data", type=Path, default=SHARED)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    streams = read(options.data, smoke=options.smoke)
    start, end = streams.windows[0, 0].tolist()
    edge = start + round(0.8 * (end - start))
    train, test = streams.between(start, edge), streams.between(edge + 1, end)
    unit_ns = NS_PER_UNIT[streams.clock.unit]

    model = EventForecaster(steps=4 if options.smoke else 280, random_state=0).fit(train)
    rates = torch.from_numpy(train.rates(unit_ns))
    hawkes = HawkesProcess(rates, rates * torch.tensor([0.3, 5.0], dtype=torch.float64))
    fit_events(hawkes, train, unit_ns, EventFitting(steps=5 if options.smoke else 200, lr=0.05))

    gain = model.score(test)["gain_per_event"]
    constant = per_event(HomogeneousProcess(rates), test, unit_ns)
    print(f"{test.num_scored} quakes in the last fifth, nats per event over a constant rate:")
    print(f"  jump process {gain:+.4f}")
    print(f"  Hawkes       {per_event(hawkes, test, unit_ns) - constant:+.4f}")
    following = model.next_event(test, horizon=10 / float(rates.sum()), num_draws=20)
    for level in (0.05, 0.5, 0.95):
        ahead = float(following["quantile_time"].sel(quantile=level)[0])
        print(f"next quake: {level:.0%} within {ahead:.3g} {streams.clock.unit}")

    axes = plot.intensity(model.intensity(test, points=1000), observed=test)
    print(plot.save(axes, options.out / "earthquakes.png"))
    test_of_gaps = model.goodness_of_fit(test)["all"]["time_rescaling"]
    axes = plot.rescaled_gaps(*model.rescaled_quantiles(test), p_value=test_of_gaps.p_value)
    print(plot.save(axes, options.out / "earthquakes_fit.png"))


def per_event(process: object, streams: EventStreams, unit_ns: int) -> float:
    """Nats per event."""
    scores, _ = score_streams(process, streams, unit_ns)
    return float(scores.log_prob().sum()) / streams.num_scored


def read(path: Path, *, smoke: bool) -> EventStreams:
    """The catalogue in days, ties spread; with --smoke its first 400 quakes."""
    if not path.exists():
        print(f"{path} is not there: simulating a Hawkes process")
        return synthetic_events.hawkes_events(
            1, 300.0 if smoke else 3000.0, background=[0.5], branching=[[[0.6]]], decay=[2.0]
        )
    frame = pd.read_csv(path)[["series", "time"]]
    frame = frame.head(400) if smoke else frame
    windows = pd.DataFrame({"id": ["sanjac"], "start": 0.0, "end": frame["time"].max()})
    config = DataConfig.model_validate({"time": {"unit": "d"}})
    return read_events(frame, config, windows=windows).spread_ties()


if __name__ == "__main__":
    main()
