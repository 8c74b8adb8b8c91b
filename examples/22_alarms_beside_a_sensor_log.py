"""Alarms beside a sensor log: rates that the hidden state of the machine drives.
==============================================================================

Problem: pumps report pressure, flow, temperature and vibration now and then, and alarm when they
run hot and shake. How often will each alarm, also pumps that were never trained on? One latent
state drives the readings and the rate of alarms. The alarms are simulated, so that the true rate is
known at every minute.

Look at: the relative error of the expected number of alarms on pumps that were held out, in all and
in stretches of six hours, beside that of a constant rate; the nats that each alarm gains when
alarms are forecast a day ahead; and the picture: the recovered rate with its band on the true one.

Reference: Snyder and Miller (1991), Random Point Processes in Time and Space, chapter 7: Poisson
processes whose rate is a random process.

Expected output: an error below 10 % in all, some 15 % in stretches of six hours where the constant
rate is off by 99 %, and alarms_beside_a_sensor_log.png in the output folder. Run time: some minutes
on one core; half a minute with --smoke.

.. code-block:: text

    python examples/22_alarms_beside_a_sensor_log.py [--smoke] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentode import LatentODE, LatentODEConfig, TimeSeriesDataset, plot, read_log
from latentode.plot.style import plot_times

DATASETS = Path(__file__).resolve().parents[1] / "datasets"
sys.path.insert(0, str(DATASETS))  # the simulation is a script, not part of the package

from pump_alarms import alarm_rate, draw_alarms, expected_alarms  # noqa: E402
from pump_physics import Truth, simulate  # noqa: E402

STRETCH = 36  # steps of ten minutes
HOUR_NS = 3_600_000_000_000


def main() -> None:
    """Train on some pumps, recover the rates of the others, draw one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="a few seconds of training")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for the picture")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    truth = simulate()
    alarms = simulate_alarms(truth)
    model, log = train(alarms, smoke=options.smoke)
    test = held_out(model, log)
    draws = 10 if options.smoke else 100
    rates = model.events.intensity(test, every="10min", num_draws=draws)
    for name, value in errors(rates, truth).items():
        print(f"{name:>42}: {value:+.1%}" if "in all" in name else f"{name:>42}: {value:.1%}")
    scores = model.events.score(test, split="all", num_draws=draws)
    print(
        f"forecast a day ahead, {scores['events']} alarms of held-out pumps gain "
        f"{scores['gain_per_event']:+.3f} nats each over a constant rate "
        f"(known truth: {gain_of_truth(model, test, truth):+.3f})"
    )
    print(plot.save(draw(model, test, rates, truth), options.out / PICTURE))


PICTURE = "alarms_beside_a_sensor_log.png"


def simulate_alarms(truth: Truth) -> pd.DataFrame:
    """Alarms of all pumps as rows of sensor, time and mark."""
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame(
            {
                "sensor_id": name,
                "timestamp": pd.to_datetime(draw_alarms(truth, pump, rng), utc=True),
                "mark": "alarm",
            }
        )
        for pump, name in enumerate(truth.pump_ids)
    ]
    return pd.concat(parts, ignore_index=True)


def train(alarms: pd.DataFrame, *, smoke: bool) -> tuple[LatentODE, TimeSeriesDataset]:
    """A model of readings and alarms of 17 pumps, and the log of all of them."""
    settings: dict[str, Any] = {"windows.split": "series", "train.max_time": None}
    settings |= SMOKE if smoke else FULL
    config = LatentODEConfig().updated(**settings)
    log, _ = read_log(DATASETS / "pump_station.csv", config.data)
    model = LatentODE(context="24h", horizon="24h", random_state=0, config=config)
    return model.fit(log, events=alarms, on_event=print_event), log


FULL = {"train.max_epochs": 20}
SMOKE = {"train.max_epochs": 1, "train.steps_per_epoch": 3, "train.batch_size": 16}


def held_out(model: LatentODE, log: TimeSeriesDataset) -> TimeSeriesDataset:
    """The pumps that training has not seen."""
    members = model.fitted_.schema.split.members
    return log.select_series([i for i, n in enumerate(log.series_ids) if members[n] == "test"])


def errors(rates: Any, truth: Truth) -> dict[str, float]:
    """Relative errors of the expected alarms, the mean of the draws against the truth."""
    found, known = [], []
    for name in rates["series"].values:
        one = rates.sel(series=name, mark="alarm")
        real = ~np.isnat(one["time"].values)
        times = one["time"].values[real].astype("M8[ns]").astype(np.int64)
        mean = one["intensity"].mean("draw").values[real]
        hours = np.diff(times) / HOUR_NS
        steps = hours * (mean[1:] + mean[:-1]) / 2
        exact = np.diff(expected_alarms(truth, truth.pump_ids.index(str(name)), times))
        whole = len(steps) // STRETCH * STRETCH
        found.append(steps[:whole].reshape(-1, STRETCH).sum(1))
        known.append(exact[:whole].reshape(-1, STRETCH).sum(1))
        print(f"{name:>10}: {found[-1].sum():6.1f} alarms expected, truly {known[-1].sum():6.1f}")
    own, exact = np.concatenate(found), np.concatenate(known)
    return {
        "expected alarms, in all": float(own.sum() / exact.sum() - 1),
        "in stretches of six hours": float(np.abs(own - exact).sum() / exact.sum()),
        "of a constant rate, in stretches": float(np.abs(exact.mean() - exact).sum() / exact.sum()),
    }


def gain_of_truth(model: LatentODE, test: TimeSeriesDataset, truth: Truth) -> float:
    """Nats per alarm that the true rate gains over the constant rate of the training."""
    streams = model.events.read(test)
    blocks = model.events.blocks(test, split="all", num_draws=2)
    total = -float(blocks.constant.sum())
    for i, name in enumerate(streams.series_ids):
        pump = truth.pump_ids.index(name)
        own = streams.times[streams.starts[i] : streams.starts[i + 1]]
        start, end = streams.windows[i, 0]
        minutes = (own[own >= start] - truth.times[0]) / (HOUR_NS / 60)
        course = alarm_rate(truth.values[:, pump])
        at_alarms = np.interp(minutes, np.arange(len(course)), course)
        total += float(np.log(at_alarms * blocks.model_ns / HOUR_NS).sum())
        total -= float(np.diff(expected_alarms(truth, pump, np.array([start, end])))[0])
    return total / streams.num_scored


def draw(model: LatentODE, test: TimeSeriesDataset, rates: Any, truth: Truth) -> Any:
    """The recovered rate of the busiest held-out pump with its band, the true one, the alarms."""
    streams = model.events.read(test)
    name = streams.series_ids[int(streams.counts().sum(1).argmax())]
    axes = plot.intensity(rates, series=name, observed=streams)
    course = alarm_rate(truth.values[:, truth.pump_ids.index(name)])
    times = truth.times.view("M8[ns]")
    axes[0].plot(plot_times(times), course, color="black", linewidth=0.7, label="true rate")
    axes[0].set_ylim(top=1.25 * course.max())
    axes[0].legend(loc="upper right")
    return axes


def print_event(event: dict[str, Any]) -> None:
    """One line for the plan and for each epoch."""
    if event["event"] == "plan":
        print("\n".join(event["lines"]))
    elif event["event"] == "epoch":
        print(
            f"epoch {event['epoch']:>2}: validation CRPS {event['validation_crps']:.3f}, "
            f"{event['event_gain']:+.3f} nats per alarm"
        )


if __name__ == "__main__":
    main()
