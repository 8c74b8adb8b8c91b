"""LOGS in parts: forecast, interpolate and density, a folder in and a folder out."""

import json

import pandas as pd
import pytest
from cli_cases import answer_of, run
from part_cases import irregular_parts
from pump_log import tiny

from latentode.cli.signals import Stopped
from latentode.files import RunLock
from latentode.scale import write_parts
from latentode.scale.predictions import PartForecast

BRIEF = ("--samples", "3")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    log, parts = irregular_parts(folder, extras=False)
    tiny(log).save(folder / "model")
    parts.folder.rename(folder / "parts")
    frame = pd.DataFrame({"series": ["a", "a"], "time": [1, 2], "c0": [1.0, 2.0]})
    frame.to_csv(folder / "log.csv", index=False)
    return folder


def test_each_part_is_forecast_into_a_file_of_its_own(folder, tmp_path):
    out = tmp_path / "out"
    words = ("forecast", folder / "model", folder / "parts", *BRIEF, "-o", out)
    answer = answer_of(*words, "--every", "2h", "--quantiles", "0.5", "--horizon", "4h")
    assert answer["outputs"] == [str(out)]
    assert answer["data"] == {"parts": 4, "kept": 0, "series": 24, "rows": 48}
    frame = pd.concat([pd.read_parquet(each) for each in sorted(out.glob("part-*.parquet"))])
    assert frame["series"].nunique() == 24
    assert list(frame.columns) == ["series", "time", "channel", "mean", "sd", "q0.5"]
    about = json.loads((out / "manifest.json").read_text())
    assert about["command"].startswith("latentode forecast") or "forecast" in about["command"]
    assert about["request"]["every"] == "2h"


def test_the_same_command_goes_on_and_another_is_refused(folder, tmp_path):
    out = tmp_path / "out"
    words = ("forecast", folder / "model", folder / "parts", "-o", out)
    assert run(*words, *BRIEF).exit_code == 0
    (out / "part-00001.parquet").unlink()
    answer = answer_of(*words, *BRIEF)
    assert (answer["data"]["kept"], answer["data"]["parts"]) == (3, 4)
    refused = run(*words, "--samples", "4")
    assert refused.exit_code == 8
    assert "num_draws (3 there, 4 now)" in refused.stderr
    assert "--overwrite" in refused.stderr
    assert run(*words, "--samples", "4", "--overwrite").exit_code == 0
    with RunLock(out):
        held = run(*words, "--samples", "4")
    assert held.exit_code == 8
    assert "held by process" in held.stderr


def test_the_step_is_chosen_once_and_said(folder, tmp_path):
    words = ("forecast", folder / "model", folder / "parts", *BRIEF, "-o", tmp_path / "out")
    said = run(*words).stderr
    assert "--every 2h: a round time step near that of the readings, for all parts alike" in said
    assert "4 of 4 parts" in said


def test_a_damaged_part_is_listed_and_ends_with_exit_code_7(folder, tmp_path):
    out, parts = tmp_path / "out", tmp_path / "parts"
    log, _ = irregular_parts(tmp_path, extras=False)
    write_parts(log, parts, 4)
    whole = (parts / "part-00002.parquet").read_bytes()
    (parts / "part-00002.parquet").write_bytes(whole[:-9])
    words = ("forecast", folder / "model", parts, *BRIEF, "-o", out)
    result = run(*words)
    assert result.exit_code == 7
    assert "expected results of all 4 parts, got failures of 1, the first of part 2" in (
        result.stderr
    )
    (failed,) = json.loads((out / "failures.json").read_text())
    assert (failed["part"], failed["kind"]) == (2, "data")
    assert json.loads(run(*words, "--json").stdout)["error"]["kind"] == "parts"
    (parts / "part-00002.parquet").write_bytes(whole)
    assert answer_of(*words)["data"]["kept"] == 3
    assert not (out / "failures.json").exists()


@pytest.mark.parametrize("form", ["csv", "nc", "json"])
def test_results_have_the_format_that_is_asked_for(folder, tmp_path, form):
    words = ("interpolate", folder / "model", folder / "parts", *BRIEF, "-o", tmp_path / "out")
    assert run(*words, "--every", "12h", "--format", form).exit_code == 0
    assert len(list((tmp_path / "out").glob(f"part-*.{form}"))) == 4


def test_missing_cells_are_filled_in(folder, tmp_path):
    words = ("interpolate", folder / "model", folder / "parts", *BRIEF, "-o", tmp_path / "out")
    assert answer_of(*words, "--at-missing")["data"]["rows"] > 0
    assert "every" not in run(*words, "--at-missing").stderr


def test_densities_of_readings_and_of_series_lie_beside_each_other(folder, tmp_path):
    words = ("density", folder / "model", folder / "parts", *BRIEF, "-o", tmp_path / "out")
    assert run(*words).exit_code == 0
    series = [pd.read_parquet(each) for each in (tmp_path / "out").glob("series-*.parquet")]
    assert pd.concat(series)["series"].nunique() == 24


def test_a_run_that_a_signal_ends_says_how_to_go_on(folder, tmp_path, monkeypatch):
    asked = PartForecast.asked

    def ended(self, model, dataset, file):
        if file.stem.endswith("2"):
            raise Stopped(15)
        return asked(self, model, dataset, file)

    words = ("forecast", folder / "model", folder / "parts", *BRIEF, "-o", tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(PartForecast, "asked", ended)
        result = run(*words)
    assert result.exit_code == 143
    assert "Continue with the same: " in result.stderr
    assert answer_of(*words)["data"]["kept"] == 2


@pytest.mark.slow
def test_processes_give_the_bytes_of_a_loop(folder, tmp_path):
    words = ("forecast", folder / "model", folder / "parts", *BRIEF)
    assert run(*words, "-o", tmp_path / "loop").exit_code == 0
    assert run(*words, "-o", tmp_path / "two", "--workers", "2").exit_code == 0
    for file in sorted((tmp_path / "loop").glob("part-*")):
        assert (tmp_path / "two" / file.name).read_bytes() == file.read_bytes()


def test_shards_share_a_folder(folder, tmp_path):
    words = ("forecast", folder / "model", folder / "parts", *BRIEF, "-o", tmp_path / "out")
    assert answer_of(*words, "--shard", "1/3")["data"]["parts"] == 2
    assert answer_of(*words, "--shard", "2/3")["data"]["parts"] == 1
    assert answer_of(*words, "--shard", "3/3")["data"]["parts"] == 1
    assert answer_of(*words)["data"]["kept"] == 4


def test_a_request_in_other_words_is_the_same(folder, tmp_path):
    words = ("forecast", folder / "model", folder / "parts", "-o", tmp_path / "out")
    asked = ("--samples", "4", "--horizon", "2h", "--every")
    answer_of(*words, *asked, "1h")
    assert answer_of(*words, *asked, "60min")["data"]["kept"] == 4
    assert run(*words, *asked, "30min").exit_code != 0


def test_parts_of_another_log_are_refused_once_and_before_the_work(folder, tmp_path):
    _, parts = irregular_parts(tmp_path, extras=False, num_channels=1)
    words = ("forecast", folder / "model", parts.folder, *BRIEF, "-o", tmp_path / "out")
    refused = run(*words)
    assert refused.exit_code == 3
    assert "the log has no c1" in refused.stderr
    assert not (tmp_path / "out").exists()
    assert run(*words, "--allow-missing-channels").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("parts",), "-o: expected a folder for the results of the parts, got none"),
        (("parts", "-o", "out.csv"), "-o: expected a folder .*got 'out.csv'.*--format"),
        (("parts", "-o", "-"), "-o: expected a folder"),
        (("parts", "-o", "out", "--engine", "dask"), "--engine and --address go together"),
        (("parts", "-o", "out", "--address", "tcp://x:1"), "--engine and --address go together"),
        (
            ("parts", "-o", "out", "--engine", "dask", "--address", "x:1", "--workers", "2"),
            "--workers: expected none beside --engine",
        ),
        (("parts", "-o", "out", "--shard", "1/2", "--overwrite"), "--overwrite: expected none"),
        (("parts", "-o", "out", "--shard", "3/2"), "as 3/16, got '3/2'"),
        (("parts", "-o", "out", "--plan", "log.csv"), "--plan: of no use to LOGS in parts"),
        (("parts", "-o", "out", "--tz", "UTC"), "--tz: of no use to LOGS in parts"),
        (("parts", "-o", "out", "--aggregate", "sum by day"), "--aggregate: of no use"),
        (("parts", "-o", "out", "--format", "nc", "--quantiles", "0.5"), "--quantiles: expected a"),
        (("parts", "log.csv", "-o", "out"), "expected one folder of parts, got 2 logs"),
        (
            ("log.csv", "--workers", "2"),
            "--workers: expected LOGS in parts.*partition log.csv PARTS",
        ),
        (("--shard", "1/2"), "--shard: expected LOGS in parts, got none"),
    ],
)
def test_what_has_no_meaning_is_refused_by_name(folder, monkeypatch, words, message):
    monkeypatch.chdir(folder)
    before = sorted(each.name for each in folder.iterdir())
    result = run("forecast", "model", *words)
    assert result.exit_code == 2
    assert pd.Series(" ".join(result.stderr.split())).str.contains(message).all(), result.stderr
    assert sorted(each.name for each in folder.iterdir()) == before


def test_exported_models_have_no_densities_of_parts_either(folder, tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"")
    words = ("density", tmp_path / "model.onnx", folder / "parts", "-o", tmp_path / "out")
    assert run(*words).exit_code == 5
