"""Scores of parts are those of the log, where all of its windows are scored."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from pump_log import tiny

from latentode.cli.app import root
from latentode.config import LatentODEConfig
from latentode.data import synthetic
from latentode.data.schema import DataSchema
from latentode.errors import DataError
from latentode.evaluation.backtest import backtest
from latentode.scale import write_parts
from latentode.scale.evaluation import merged_scores, score_part, windows_of_part
from latentode.scale.parts import in_natural_order

EVERY = 1_000_000  # origins: more than there are


def _waves(visible, targets):
    """Draws and densities that are functions of the target alone."""
    del visible
    number = np.arange(20)[:, None]
    return np.sin(targets.times / 1e10 + 7.0 * number) + targets.channel, -np.abs(targets.values)


@pytest.fixture(scope="module")
def log():
    simulated = synthetic.make("sensor", num_series=9, num_days=3.0, every=60.0)
    return in_natural_order(simulated.dataset)


@pytest.mark.parametrize("split", ["time", "series"])
def test_merged_scores_are_those_of_the_whole_log(tmp_path, log, split):
    config = LatentODEConfig().updated(**{"windows.split": split, "windows.horizon": "6h"})
    schema = DataSchema.fit(log, config)
    parts = write_parts(log, tmp_path / "parts", 4)
    asked = {"split": "test", "max_windows": EVERY}
    scores = [score_part(part, schema, _waves, **asked) for part in parts]
    merged = merged_scores(json.loads(json.dumps(scores, allow_nan=False)), schema)
    whole = backtest(log, schema, _waves, **asked)
    for task in ("forecast", "interpolation"):
        assert merged[task]["num_targets"] == whole[task]["num_targets"]
        assert merged[task]["num_windows"] == whole[task]["num_windows"]
        for ours, theirs in (
            (merged[task]["overall"], whole[task]["overall"]),
            *(
                (merged[task]["channels"][name], whole[task]["channels"][name])
                for name in schema.channels
            ),
        ):
            assert ours["model"] == pytest.approx(theirs["model"], rel=1e-9)
            for row in ("last", "linear"):
                for key in ("mae", "rmse"):
                    expected = theirs["baselines"][row][key]
                    assert ours["baselines"][row][key] == pytest.approx(expected, rel=1e-9)


def test_parts_without_any_target_are_refused_with_the_reason(log):
    config = LatentODEConfig().updated(**{"windows.horizon": "6h"})
    schema = DataSchema.fit(log, config)
    none = [{name: {"reason": "too short"} for name in ("forecast", "interpolation")}]
    with pytest.raises(DataError, match=r"expected targets in some of 2.*too short"):
        merged_scores(none * 2, schema)


@pytest.mark.parametrize(("windows", "parts", "each"), [(400, 256, 2), (400, 400, 1), (10, 3, 4)])
def test_all_parts_together_have_about_the_windows_that_were_asked_for(windows, parts, each):
    assert windows_of_part(windows, parts) == each


@pytest.fixture(scope="module")
def trained(tmp_path_factory, log):
    folder = tmp_path_factory.mktemp("scored")
    model = tiny(log)
    model.save(folder / "model")
    return model, folder, write_parts(log, folder / "parts", 3)


def _run(*words):
    return CliRunner().invoke(root, [*map(str, words)])


def test_the_program_scores_parts_as_it_scores_their_log(trained, log):
    model, folder, parts = trained
    out = folder / "scores"
    asked = ("evaluate", folder / "model", parts.folder, "-o", out, "--samples", 20)
    answer = _run(*asked, "--rolling", EVERY)
    assert answer.exit_code == 0, answer.stderr
    merged = json.loads((out / "metrics.json").read_text())
    whole = model.evaluate(log, num_draws=20, max_windows=EVERY)
    for task in ("forecast", "interpolation"):
        assert merged[task]["num_targets"] == whole[task]["num_targets"]
        ours, theirs = (each[task]["overall"]["model"] for each in (merged, whole))
        assert ours == pytest.approx(theirs, rel=1e-4)
        assert f"{ours['crps']:.4g}" in answer.stdout
    assert len(list(out.glob("part-*.json"))) == len(parts) > 1


def test_shards_merge_once_all_of_them_are_done(trained):
    _, folder, parts = trained
    out = folder / "shards"
    asked = ("evaluate", folder / "model", parts.folder, "-o", out, "--samples", 4)
    first = _run(*asked, "--shard", "1/2")
    assert first.exit_code == 0, first.stderr
    left = len(parts) // 2
    assert f"{left} of {len(parts)} parts are left to other shards" in first.stderr
    assert not (out / "metrics.json").exists()
    second = _run(*asked, "--shard", "2/2")
    assert second.exit_code == 0, second.stderr
    assert (out / "metrics.json").exists()
    again = _run(*asked, "--samples", 5, "--shard", "2/2")
    assert again.exit_code == 8


def test_what_decides_the_scores_is_part_of_the_request(trained):
    _, folder, parts = trained
    out = folder / "far"
    asked = ("evaluate", folder / "model", parts.folder, "-o", out, "--samples", 4)
    assert _run(*asked).exit_code == 0
    other = _run(*asked, "--far-readings", "keep")
    assert other.exit_code == 8
    assert "far_readings" in other.stderr
