"""Paths in the result of an evaluation, of a process whose paths are known."""

import math

import numpy as np
import pytest
from ar_process import STATIONARY, ar_dataset, ar_result
from small_series import DAY, HOUR, whole_span

from latentode.cli.commands.evaluate import describe
from latentode.evaluation import evaluate_task, forecast_task
from latentode.evaluation.naive_rows import NaiveRows
from latentode.evaluation.summary import path_table, table
from latentode.evaluation.unit_tables import unit_tables


def _paths_of_the_ar_process(visible, targets):
    """Draws of whole paths, of targets in order of window and time."""
    phi, scales = 0.9, np.array([1.0, 50.0])
    final = visible.readings.dense(visible.readings.series_starts[1:] - 1)
    values = final[targets.window, targets.channel] / scales[targets.channel]
    shocks = np.random.default_rng(len(targets)).normal(size=(100, len(targets)))
    draws = np.empty_like(shocks)
    group = targets.window * 2 + targets.channel
    before = {}
    for index, key in enumerate(group.tolist()):
        path = draws[:, before[key]] if key in before else values[index]
        draws[:, index] = phi * path + shocks[:, index]
        before[key] = index
    return draws * scales[targets.channel], np.zeros(len(targets))


def test_paths_of_the_true_process_cover_and_independent_draws_are_said_to_fail():
    dataset = ar_dataset()
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=6 * HOUR, max_windows=600, **whole_span(dataset)
    )
    options = {"scale": STATIONARY * np.array([1.0, 50.0]), "naive": NaiveRows(np.zeros(2))}
    paths = evaluate_task(task, _paths_of_the_ar_process, path_ns=6 * HOUR, **options)
    # overlapping horizons share innovations
    for name, share in paths["paths"]["model"]["coverage_90"].items():
        assert share == pytest.approx(0.9, abs=4 * math.sqrt(0.09 / 600)), name
    assert not any("whole paths" in text for text in paths["sentences"])
    alone = ar_result()
    wrong = alone["paths"]["model"]["coverage_90"]
    (sentence,) = [text for text in alone["sentences"] if "whole paths" in text]
    assert f"largest step {wrong['largest step']:.1%}" in sentence
    assert wrong["largest step"] < 0.8
    assert "mean over channels" not in sentence  # channels are independent
    for key in ("energy", "variogram"):
        assert paths["paths"]["model"][key] < paths["paths"]["shuffled"][key]
        assert alone["paths"]["model"][key] > paths["paths"]["model"][key]


def test_paths_stand_beside_shuffled_ones_in_a_table():
    result = ar_result()
    header, *rows = path_table(result)
    assert header == ["paths", "model", "shuffled"]
    model, shuffled = result["paths"]["model"], result["paths"]["shuffled"]
    shares = [model["coverage_90"], shuffled["coverage_90"]]
    assert rows[4] == [
        "coverage 90% of largest step",
        *(f"{s['largest step']:.1%}" for s in shares),
    ]
    assert [row[0] for row in rows[-2:]] == ["energy score", "variogram score"]
    assert rows[-1][1:] == [f"{model['variogram']:.4g}", f"{shuffled['variogram']:.4g}"]


def test_paths_are_printed_below_the_scores_of_readings_where_there_are_any():
    result = ar_result()
    lines = describe({"forecast": result}).splitlines()
    heads = [line.split()[0] for line in lines if line]
    in_units = sum(1 + len(rows) for _, rows in unit_tables(result))
    assert heads.index("paths") == 1 + len(table(result)) + in_units
    assert lines[heads.index("paths")].split() == ["paths", "model", "shuffled"]
    assert "paths" not in describe({"forecast": {**result, "paths": {}, "sentences": []}})
