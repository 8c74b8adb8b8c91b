"""One window, its latent paths, and what is read of them.
=======================================================

Problem: a model has seen two days of a pump. How do the values between two readings, a forecast and
the risk of passing a limit all come from one latent state?

Look at: the window on top, whose channels are read at times of their own; below it the latent
paths, solved once from the newest reading on, and back; and below these what is read of them at any
times: bands and sample paths of a channel, and how often the paths are beyond a limit. Bands are
narrow where something was read and wide where nothing was.

Reference: Rubanova, Chen, Duvenaud (2019), Latent ODEs for irregularly-sampled time series.

Expected output: solve_and_read.png in the output folder. Run time: about 3 minutes on two cores; 20
seconds with --smoke.

    python examples/03_solve_once_read_everywhere.py [--smoke] [--out FOLDER]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentode import LatentODE, LatentODEConfig, plot, results

LOG = Path(__file__).resolve().parents[1] / "datasets" / "pump_station.csv"
PUMP, CHANNEL, LIMIT = "pump-1", "flow", 25
NOW = pd.Timestamp("2025-10-26 22:00", tz="UTC")  # in the part that training never looks at


def main() -> None:
    """Train, solve, read, draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="a few seconds of training")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for the picture")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    config = LatentODEConfig()
    if options.smoke:
        config = config.updated(**{"train.max_epochs": 1, "train.steps_per_epoch": 5})
    logs = pd.read_csv(LOG)
    logs["timestamp"] = pd.to_datetime(logs["timestamp"], utc=True)
    model = LatentODE(random_state=0, config=config)
    model.fit(logs, id_column="sensor_id")
    print(plot.save(draw(model, logs), options.out / "solve_and_read.png"))


def draw(model: LatentODE, logs: pd.DataFrame) -> Figure:
    """The window of one pump, its latent paths, and what is read of them, over one axis of time."""
    logs = logs[logs["sensor_id"] == PUMP]  # a series is predicted alike alone and among others
    seen = logs[logs["timestamp"] <= NOW]
    figure = Figure(figsize=(8, 8.5), layout="constrained")
    window, latent, read, risk = figure.subplots(4, sharex=True, height_ratios=(1.6, 2.2, 3, 1.2))
    start, end = NOW - pd.Timedelta(days=2), NOW + pd.Timedelta(days=1)

    pump = seen[seen["timestamp"] >= start]
    channels = [name for name in logs.columns if name not in ("timestamp", "sensor_id")]
    for row, name in enumerate(reversed(channels)):
        times = pump["timestamp"][pump[name].notna()]
        window.plot(stamps(times), [row] * len(times), "|", color="black", markersize=7)
    window.set_yticks(range(len(channels)), channels[::-1])
    window.set_title("the window: what was read, and when", loc="left")

    paths = model.latent.density(seen, num_draws=12).sel(series=PUMP)
    for number, shade in enumerate(("tab:blue", "tab:orange", "tab:green")):
        states = paths["value"].isel(latent=number)
        latent.plot(paths["time"], states.T, color=shade, lw=0.7, alpha=0.7)
    latent.set_ylabel("latent state\n(3 of its coordinates)")
    latent.set_title("solve: 12 draws of the state, one path each", loc="left")

    inside = model.interpolate(seen, every="20min", num_draws=200).sel(series=PUMP, channel=CHANNEL)
    beyond = model.forecast(seen, every="20min", num_draws=200)
    ahead = beyond.sel(series=PUMP, channel=CHANNEL)
    for part in (inside, ahead):
        draw_band(read, part)
    read.plot(ahead["time"], ahead["value"][:6].T, color="tab:blue", lw=0.6)
    read.plot(stamps(pump["timestamp"]), pump[CHANNEL], ".", color="black", markersize=4)
    later = logs[logs["timestamp"].between(NOW, end)]
    read.plot(stamps(later["timestamp"]), later[CHANNEL], "o", mfc="none", color="black", ms=4)
    read.set_ylabel(f"{CHANNEL} (m3/h)")
    read.set_title("read: a channel at any times, bands and sample paths", loc="left")

    above = results.exceedance(beyond, f"{CHANNEL}>{LIMIT}").sel(series=PUMP).squeeze(drop=True)
    risk.plot(ahead["time"], above["probability"].values.ravel(), color="tab:red")
    risk.set_ylim(0, 1)
    risk.set_title(f"read: the share of paths above {LIMIT} m3/h", loc="left")
    for axes in (window, latent, read, risk):
        axes.axvline(stamps(NOW), color="gray", ls="--", lw=1)
        axes.spines[["top", "right"]].set_visible(False)
    risk.set_xlim(stamps(start), stamps(end))
    risk.set_xlabel("time (UTC)")
    return figure


def draw_band(axes: Axes, part) -> None:  # noqa: ANN001
    """The 90 % band of a channel and its median."""
    low, middle, high = part["value"].quantile([0.05, 0.5, 0.95], dim="draw").values
    axes.fill_between(part["time"], low, high, color="tab:blue", alpha=0.25, lw=0)
    axes.plot(part["time"], middle, color="tab:blue", lw=1.5)


def stamps(times):  # noqa: ANN001, ANN201
    """Times as the arrays of predictions have them: UTC, without a zone."""
    return times.dt.tz_localize(None) if isinstance(times, pd.Series) else times.tz_localize(None)


if __name__ == "__main__":
    main()
