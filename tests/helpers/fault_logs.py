"""Dated logs of one channel for the cases of faults, and runs on them."""

import numpy as np
import pandas as pd
from cli_cases import SMALL, run

DATED = SMALL[2:]  # without the unit of times


def wave(count, seed=0):
    noise = 0.1 * np.random.default_rng(seed).normal(size=count)
    return np.sin(0.3 * np.arange(count)) + noise


def stamps(nanoseconds):
    return [str(np.datetime64(int(time), "ns")) for time in nanoseconds]


def hourly(count=120):
    return [str(time) for time in pd.date_range("2024-01-01", periods=count, freq="h")]


def log_of(path, times, values, **columns):
    pd.DataFrame({**columns, "time": times, "level": values}).to_csv(path, index=False)
    return path


def trained_on(log, folder, *options):
    return run("train", log, *DATED, "--epochs", "1", "--out", folder, *options)


def forecast_of(*args, out):
    result = run("forecast", *args, "-o", out, "--overwrite")
    assert result.exit_code == 0, result.stderr
    return pd.read_csv(out), result.stderr
