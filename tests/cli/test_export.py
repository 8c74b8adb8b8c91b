"""Exported models in the place of RUN: the same commands, files and numbers, refusals by name."""

import json

import numpy as np
import pandas as pd
import pytest
from cli_cases import run
from export_cases import eager, fitted, log_of_kinds

from latentode import results
from latentode.estimators import ExportedLatentODE, LatentODE
from latentode.runtime.exported import ExportedModel


@pytest.fixture(scope="module")
def model():
    return fitted("default", extras=False)


@pytest.fixture(scope="module")
def estimator(model):
    made = LatentODE(config=model.config)
    made.fitted_ = model
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With a log, and files that stand for exported ones."""
    folder = tmp_path_factory.mktemp("export")
    log = log_of_kinds(extras=False)
    readings = log.readings
    stamps = pd.to_datetime(readings.times[readings.reading_rows()], utc=True)
    names = np.array(log.series_ids)[readings.row_series()[readings.reading_rows()]]
    channels = np.array(log.channels)[readings.channel_index]
    rows = {"id": names, "time": stamps, "channel": channels, "value": readings.values}
    pd.DataFrame(rows).to_csv(folder / "log.csv", index=False)
    (folder / "model.onnx").write_bytes(b"stands for an exported model")
    (folder / "model.pt2").write_bytes(b"taken")
    return folder


@pytest.fixture
def exported(monkeypatch, model):
    """What is read of any exported file."""
    monkeypatch.setattr(ExportedModel, "load", lambda _: eager(model))


@pytest.mark.usefixtures("exported")
def test_a_forecast_from_the_newest_readings_is_that_of_the_model(folder, estimator):
    output = folder / "forecast.nc"
    result = run("forecast", folder / "model.onnx", "--every", "2h", "--samples", 20, "-o", output)
    assert result.exit_code == 0, result.stderr
    expected = estimator.forecast(every="2h", num_draws=20)
    found = results.read(output)
    assert found.sizes == expected.sizes
    np.testing.assert_allclose(found["value"], expected["value"], rtol=2e-5, atol=1e-4)


@pytest.mark.usefixtures("exported")
def test_python_has_the_same_answers(estimator):
    dataset = log_of_kinds(extras=False)
    asked = ExportedLatentODE.load("model.onnx")
    for name, options in (("interpolate", {"every": "5h"}), ("forecast", {"every": "3h"})):
        found, expected = (
            getattr(one, name)(dataset, num_draws=10, **options) for one in (asked, estimator)
        )
        np.testing.assert_allclose(found["value"], expected["value"], rtol=2e-5, atol=1e-4)
    options = {"split": "all", "max_windows": 4, "num_draws": 10}
    found, expected = (one.evaluate(dataset, **options) for one in (asked, estimator))
    for task in ("forecast", "interpolation"):
        scores = [each[task]["overall"]["model"] for each in (found, expected)]
        assert scores[0] == pytest.approx(scores[1], rel=1e-3, abs=1e-4)
    assert asked.config_ == estimator.fitted_.config


@pytest.mark.usefixtures("exported")
def test_far_readings_are_chosen_as_with_a_run():
    asked = ExportedLatentODE.load("model.onnx")
    asked.set_far_readings("keep")
    assert asked.reading_predictor(3).keeps_far


@pytest.mark.usefixtures("exported")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["density", "model.onnx", "log.csv"], "forecast, interpolate and evaluate"),
        (["forecast", "model.onnx", "--device", "cuda"], "--device: expected cpu"),
        (["evaluate", "model.onnx", "log.csv", "--labels", "log.csv"], "--labels: of no use"),
    ],
)
def test_what_an_exported_model_cannot_is_refused_by_name(folder, monkeypatch, words, said):
    monkeypatch.chdir(folder)
    result = run(*words)
    assert result.exit_code != 0
    assert said in result.stderr


@pytest.mark.usefixtures("exported")
def test_scores_are_written_where_the_output_is_named(folder, monkeypatch):
    monkeypatch.chdir(folder)
    words = ("--split", "all", "--samples", 4, "--rolling", 3, "-o", "scores.json")
    result = run("evaluate", "model.onnx", "log.csv", *words)
    assert result.exit_code == 0, result.stderr
    assert set(json.loads((folder / "scores.json").read_text())) == {"forecast", "interpolation"}


def test_an_existing_file_is_not_replaced_unasked(folder, monkeypatch):
    monkeypatch.chdir(folder)
    result = run("export", folder, "model.pt2")
    assert result.exit_code != 0
    assert "exists already" in result.stderr


def test_a_file_of_another_kind_is_refused(folder, tmp_path):
    result = run("forecast", folder / "log.csv", "-o", tmp_path / "out.csv")
    assert result.exit_code == 5
    assert "expected the folder of a run" in result.stderr
    assert "`latentode train` makes a run of a log" in result.stderr


def test_a_damaged_file_is_refused(tmp_path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "cut.onnx").write_bytes(b"\x08\x0a\x12")
    result = run("forecast", tmp_path / "cut.onnx", "-o", tmp_path / "out.csv")
    assert result.exit_code == 5
    assert "not an ONNX file" in result.stderr


def test_plot_says_how_a_model_in_one_file_is_drawn(folder, monkeypatch):
    monkeypatch.chdir(folder)
    result = run("plot", "model.onnx")
    assert result.exit_code == 3
    assert "got a model in one file. Type `" in result.stderr
    assert "forecast model.onnx -o forecast.nc`" in result.stderr


def test_a_model_in_one_file_remembers_nothing(folder):
    result = run("forecast", folder / "model.onnx", "--append", folder / "log.csv")
    assert result.exit_code == 2
    assert "expected a run folder, got a model alone. Without --append, LOGS with" in result.stderr
