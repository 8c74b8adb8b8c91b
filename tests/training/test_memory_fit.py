"""The memory alone, fitted to simulated readings, against the best prediction that there is."""

from functools import cache

import numpy as np
import pytest
import torch
from model_cases import EPOCH, HOUR, sampler_of, settings
from oracles import matern
from scipy.interpolate import CubicSpline
from small_series import make_dataset

from latentode.data.schema import DataSchema
from latentode.models.fitted.latent_ode import build_model
from latentode.training.memory_fit import fit_memory

# smoothness, rate an hour, variance of noise, share of rows that were read
PROCESSES = {
    "rough": (0.5, 0.2, 0.0, 0.8),
    "once differentiable": (1.5, 0.4, 0.0, 0.8),
    "twice differentiable": (2.5, 0.5, 0.0, 0.8),
    "smooth, with noise": (2.5, 0.3, 0.1, 0.8),
    "smooth, sparse": (2.5, 0.3, 0.0, 0.3),
}
NAMES = (*PROCESSES, "sum of sines", "noise around a level")
SETTINGS = {"windows__context": "36h", "windows__horizon": "6h", "train__steps_per_epoch": 12}


def sine_sum(hours):
    return np.sin(hours / 3.0) + 0.6 * np.sin(hours / 1.7 + 1.0) + 0.3 * np.sin(hours / 0.9)


def simulated_log():
    """Two series of all processes, at random times."""
    generator = np.random.default_rng(0)
    parts = []
    for _ in range(2):
        hours = np.sort(generator.choice(300 * 60, size=450, replace=False)) / 60
        columns, seen = [], []
        for smoothness, rate, noise, share in PROCESSES.values():
            covariance = matern(smoothness, rate * np.abs(hours[:, None] - hours))
            lower = np.linalg.cholesky(covariance + 1e-10 * np.eye(len(hours)))
            path = lower @ generator.normal(size=len(hours))
            columns.append(path + np.sqrt(noise) * generator.normal(size=len(hours)))
            seen.append(generator.random(len(hours)) < share)
        columns += [sine_sum(hours + generator.normal()), generator.normal(size=len(hours))]
        seen += [generator.random(len(hours)) < 0.8 for _ in range(2)]
        row, channel = np.nonzero(np.stack(seen, axis=1))
        times = EPOCH + np.round(hours[row] * HOUR).astype(np.int64)
        parts.append((times, channel, np.stack(columns, axis=1)[row, channel]))
    return make_dataset(parts, NAMES)


@cache
def errors():
    """Predictions of hidden readings less their values, by channel and by what predicts."""
    log, config = simulated_log(), settings(**SETTINGS)
    schema = DataSchema.fit(log, config)
    torch.manual_seed(0)
    model = build_model(config, schema)
    memory = fit_memory(model, sampler_of(log, schema, config), config.train)
    sampler = sampler_of(log, schema, config, "test")
    batch = sampler.batch(sampler.eligible_rows()[::3], (1,), hidden=0.3)
    nothing = batch.values.new_zeros(1, *batch.values.shape)
    with torch.no_grad():
        fitted = memory(batch, model.smooth, batch.query_times, nothing)[0][0].numpy()
    hours, scaler = schema.time_scale.unit_ns / HOUR, schema.scaler
    found = {name: {} for name in NAMES}
    for w, c in np.ndindex(batch.size, len(NAMES)):
        read = batch.mask[w, :, c].numpy()
        asked = batch.target_mask[w, :, c].numpy() & (batch.query_times[w].numpy() <= 0)
        times, queries = batch.times[w].numpy()[read], batch.query_times[w].numpy()[asked]
        inside = (queries >= times[:1]) & (queries <= times[-1:]) if len(times) > 3 else []
        if not np.any(inside):
            continue
        values, queries = batch.values[w, :, c].numpy()[read].astype(float), queries[inside]
        truth = batch.targets[w, :, c].numpy()[asked][inside]
        before = np.searchsorted(times, queries, side="right") - 1
        answers = {
            "fitted": fitted[w, asked, c][inside],
            "last": values[before],
            "linear": np.interp(queries, times, values),
            "spline": CubicSpline(times, values, bc_type="natural")(queries),
            "mean": np.full(len(queries), values.mean()),
        }
        if NAMES[c] in PROCESSES:
            smoothness, speed, noise, _ = PROCESSES[NAMES[c]]
            level = -scaler.center[c] / scaler.scale[c]
            gaps = [np.abs(t[:, None] - times) * hours for t in (times, queries)]
            inner, outer = (matern(smoothness, speed * gap) for gap in gaps)
            inner += (noise + 1e-10) * np.eye(len(times))
            answers["best"] = level + outer @ np.linalg.solve(inner, values - level)
        for name, answer in answers.items():
            found[NAMES[c]].setdefault(name, []).append(answer - truth)
    return {n: {k: np.concatenate(e) for k, e in parts.items()} for n, parts in found.items()}


def root_mean_square(error):
    return float(np.sqrt(np.mean(np.square(error))))


@pytest.mark.parametrize("name", PROCESSES)
def test_the_error_is_near_that_of_kriging_with_the_true_covariance(name):
    of_all = errors()[name]
    assert root_mean_square(of_all["fitted"]) < 1.1 * root_mean_square(of_all["best"])


@pytest.mark.parametrize("name", NAMES)
def test_no_naive_rule_is_better(name):
    of_all = {k: float(np.mean(np.abs(error))) for k, error in errors()[name].items()}
    for rule in ("last", "linear", "spline", "mean"):
        assert of_all["fitted"] < 1.02 * of_all[rule], rule
