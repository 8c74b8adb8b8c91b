"""Sums of parts of the windows are those of all windows."""

import dataclasses
import json

import numpy as np
import pytest
from ar_process import ar_dataset
from small_series import DAY, HOUR, whole_span

from latentode.evaluation import forecast_task, scores
from latentode.evaluation.evaluate import evaluate_task, tally_task
from latentode.evaluation.lead_bins import LeadBins
from latentode.evaluation.naive_rows import NaiveRows
from latentode.evaluation.tally import Tally
from latentode.evaluation.tasks import Task

SCALE = np.array([1.0, 50.0])
OPTIONS = {"scale": SCALE, "lead_bins": LeadBins.until(6 * HOUR), "path_ns": 6 * HOUR}


def _waves(visible, targets):
    """Draws and densities that are functions of the target alone."""
    del visible
    number = np.arange(30)[:, None]
    draws = np.sin(targets.times / HOUR + 7.0 * number) * SCALE[targets.channel]
    return draws, -np.abs(targets.values)


@pytest.fixture(scope="module")
def task():
    dataset = ar_dataset(length=900)
    return forecast_task(
        dataset, context_ns=DAY, horizon_ns=6 * HOUR, max_windows=12, **whole_span(dataset)
    )


@pytest.fixture(scope="module")
def naive(task):
    return NaiveRows(np.zeros(2), DAY).learned(task)


def _part(task, windows):
    kept = np.isin(task.targets.window, windows)
    number = np.searchsorted(windows, task.targets.window[kept])
    return Task(task.visible.select_series(windows), task.targets.select(kept).renumbered(number))


def _close(found, expected, where=""):
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key in expected:
            _close(found[key], expected[key], f"{where}/{key}")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12), where
    else:
        assert found == expected, where


def _without_shuffled(result):
    """Draws are permuted by one stream: what stands beside the paths, and words on it, differ."""
    paths = {name: value for name, value in result["paths"].items() if name != "shuffled"}
    return result | {"paths": paths, "sentences": [], "pit": []}


@pytest.mark.parametrize("seed", range(4))
def test_scores_of_any_parts_of_the_windows_merge_to_those_of_all(task, naive, seed):
    whole = evaluate_task(task, _waves, naive=naive, **OPTIONS)
    part_of = np.random.default_rng(seed).integers(0, 3, len(task.visible))
    tallies = [
        tally_task(_part(task, windows), _waves, naive=naive, **OPTIONS)
        for part in range(3)
        if len(windows := np.flatnonzero(part_of == part))
    ]
    merged = Tally.merged(tallies).result(SCALE, scores.SCORES)
    _close(_without_shuffled(merged), _without_shuffled(whole))
    assert sum(merged["pit"]) == pytest.approx(1.0)


def test_a_tally_comes_back_from_its_json(task, naive):
    tally = tally_task(task, _waves, naive=naive, rolling=True, **OPTIONS)
    again = Tally.from_dict(json.loads(json.dumps(tally.to_dict(), allow_nan=False)))
    assert again.result(SCALE, scores.SCORES) == tally.result(SCALE, scores.SCORES)


def test_a_row_whose_band_one_part_could_not_learn_has_no_score_of_it(task, naive):
    banded = tally_task(task, _waves, naive=naive, **OPTIONS)
    bare = tally_task(task, _waves, naive=dataclasses.replace(naive, bands=None), **OPTIONS)
    result = Tally.merged([banded, bare]).result(SCALE, scores.SCORES)
    assert "coverage_90" not in result["overall"]["baselines"]["last"]
    assert "coverage_90" in result["overall"]["model"]
    assert any("no bands" in sentence for sentence in result["sentences"])
