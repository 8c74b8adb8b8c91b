"""A small run, its log, and a server of it that all tests of this folder ask."""

import numpy as np
import pandas as pd
import pytest
from cli_cases import run
from served import serving

SMALL = (
    "--latent-dim", "2", "--hidden-dim", "8", "--batch-size", "8", "--threads", "1",
    "--set", "train.steps_per_epoch=2", "--epochs", "1", "--no-refit", "--no-report",
    "--context", "12h", "--horizon", "6h",
    "--set", "solver.step_size=0.25", "--set", "model.memory=false",
)  # fmt: skip


def log_of(series=("north", "south", "=east"), rows=150):
    """A log of two channels, read at times of their own."""
    draw, tables = np.random.default_rng(0), []
    for name in series:
        hours = np.cumsum(draw.uniform(0.3, 1.2, rows))
        level = 5 + np.sin(hours / 4) + 0.1 * draw.normal(size=rows)
        flow = 40 + 10 * np.cos(hours / 6) + draw.normal(size=rows)
        flow[draw.random(rows) < 0.3] = np.nan
        start = pd.Timestamp("2025-03-01T00:00:00Z")
        time = (start + pd.to_timedelta(np.rint(hours * 3600), "s")).strftime("%Y-%m-%dT%H:%M:%SZ")
        tables.append(
            pd.DataFrame({"time": time, "id": name, "level": level.round(3), "flow": flow.round(2)})
        )
    return pd.concat(tables)


@pytest.fixture(scope="session")
def small():
    """Options of a training that takes a second."""
    return SMALL


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """With ``log.csv``, a later ``next.csv`` of one series, and ``run``."""
    folder = tmp_path_factory.mktemp("serve")
    log = log_of()
    log.to_csv(folder / "log.csv", index=False)
    log[log["id"] == "south"].tail(60).to_csv(folder / "next.csv", index=False)
    result = run("train", folder / "log.csv", "--out", folder / "run", *SMALL)
    assert result.exit_code == 0, result.stderr
    return folder


@pytest.fixture(scope="session")
def body(folder):
    """The later log as bytes."""
    return (folder / "next.csv").read_bytes()


@pytest.fixture(scope="session")
def server(folder):
    """A server of the run, with low limits."""
    limits = (
        "--max-body", "200kB", "--max-times", "500", "--max-samples", "300", "--max-memory", "10MB",
    )  # fmt: skip
    others = {"LATENTODE_MAX_MEMORY": "50GB"}  # which is for the command line
    words = (folder / "run", *limits, "--allowed-host", "forecasts.example")
    with serving(*words, environment=others) as server:
        yield server
