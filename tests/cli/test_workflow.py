"""From a log to forecasts, scores and pictures through the command line, with the real trainer."""

import csv
import importlib
import io
import json
import os
import shutil
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from cli_cases import SMALL, answer_of, run
from places import ROOT
from programs import ended, python, started

from latentode import LatentODE, results
from latentode.cli.runs.provenance import fingerprint
from latentode.data.dataset import Clock


def rows_of(path_or_text):
    text = path_or_text.read_text() if isinstance(path_or_text, Path) else path_or_text
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "oscillator.csv"
    sizes = ("--option", "num_series=4", "--option", "num_points=40", "--option", "coverage=0.8")
    assert run("data", "make", "oscillator", *sizes, "-o", path).exit_code == 0
    return path


@pytest.fixture(scope="module")
def trained(log, tmp_path_factory):
    """A run folder that no test changes."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    result = run("train", log, *SMALL, "--epochs", "2", "--out", folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    """A copy of the run folder for a test to write into."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def test_run_folder_holds_what_a_run_leaves(trained):
    names = {entry.name for entry in trained.iterdir()}
    assert names >= {
        "run.json", "config.toml", "data_report.json", "model", "checkpoints", "metrics.csv",
        "log.jsonl",
    }  # fmt: skip
    assert json.loads((trained / "run.json").read_text())["status"] == "done"
    assert len(rows_of(trained / "metrics.csv")) == 2


def test_inspect_reports_without_importing_torch(log):
    words = ("inspect", log, "--time-unit", "s", "--json")
    done = python("-X", "importtime", "cli.py", *words, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "latentode.data.reading.log" in modules
    assert not modules & {"torch", "xarray", "matplotlib"}
    data = json.loads(done.stdout)["data"]
    assert data["channels"] == ["position", "velocity"]


def test_inspect_prints_the_plan_of_the_reader(log):
    result = run("inspect", log, "--time-unit", "s")
    assert "series: 4; channels: 2" in result.stdout
    assert result.stderr == ""


def test_inspect_of_an_empty_log_exits_3_in_one_line(tmp_path):
    (tmp_path / "empty.csv").write_text("time,x\n")
    result = run("inspect", tmp_path / "empty.csv")
    assert result.exit_code == 3
    assert len(result.stderr.splitlines()) == 1
    assert "no data rows" in result.stderr


def test_data_options_reach_the_reader(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("t;a;b\n0;1,5;2\n1;2,5;3\n2;3,5;4\n")
    words = ("--sep", ";", "--decimal", ",", "--channels", "a", "--time-unit", "min")
    answer = answer_of("inspect", path, *words)
    assert answer["data"]["channels"] == ["a"]
    assert answer["data"]["clock"]["unit"] == "min"


def test_forecast_without_log_writes_into_the_run_folder(folder):
    result = run("forecast", folder, "--samples", "5")
    assert result.exit_code == 0, result.output
    path = Path(result.stdout.strip())
    assert path.parent == folder / "forecasts"
    rows = rows_of(path)
    assert {row["series"] for row in rows} == {f"series-{n}" for n in range(1, 5)}
    assert {"q0.05", "q0.5", "q0.95"} <= set(rows[0])


def test_two_forecasts_in_one_second_are_two_files(folder):
    for _ in range(2):
        assert run("forecast", folder, "--samples", "2").exit_code == 0
    assert len(list((folder / "forecasts").iterdir())) == 2


@pytest.mark.parametrize("suffix", ["csv", "nc", "parquet", "json"])
def test_forecast_writes_every_format_and_never_over_another_file(trained, log, tmp_path, suffix):
    path = tmp_path / f"out.{suffix}"
    words = ("forecast", trained, log, "--samples", "3", "-o", path)
    answer = answer_of(*words)
    assert answer["outputs"] == [str(path)]
    before = path.read_bytes()
    assert run(*words).exit_code == 8
    assert path.read_bytes() == before
    assert run(*words, "--overwrite").exit_code == 0


def test_forecast_to_stdout_is_data_only(trained, log):
    words = ("--horizon", "2", "--every", "0.5", "--samples", "3", "--quantiles", "0.1,0.9")
    result = run("forecast", trained, log, *words, "-o", "-")
    rows = rows_of(result.stdout)
    assert result.exit_code == 0
    assert len(rows) == 4 * 4 * 2  # series, steps, channels
    assert {"q0.1", "q0.9"} <= set(rows[0])


def test_forecast_at_given_times_keeps_their_order_and_duplicates(trained, log, tmp_path):
    times = tmp_path / "times.csv"
    times.write_text("series,time\nseries-2,12\nseries-1,11.5\nseries-2,11\nseries-1,11.5\n")
    result = run("forecast", trained, log, "--times", times, "--samples", "3", "-o", "-")
    rows = [r for r in rows_of(result.stdout) if r["channel"] == "position"]
    asked = [(row["series"], float(row["time"])) for row in rows]
    assert asked == [("series-2", 12), ("series-1", 11.5), ("series-2", 11), ("series-1", 11.5)]
    assert {**rows[1], "channel": ""} == {**rows[3], "channel": ""}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--horizon", "1000000000s", "--every", "1s"), 7),
        (("--samples", "1000000000"), 7),
        (("--horizon", "6h", "--every", "1s", "--samples", "20000"), 7),
        (("--horizon", "100h", "--every", "1ms", "--samples", "1"), 7),
        (("--horizon", "soon"), 4),
        (("--samples", "0"), 2),
        (("--quantiles", "0.5,1.5"), 2),
        (("--quantiles", "half"), 2),
        (("-o", "x.xlsx"), 2),
        (("-o", "absent-folder/x.csv"), 7),
        (("-o", "-", "--json"), 2),
        (("--times", __file__, "--horizon", "1h"), 2),
    ],
)
def test_forecast_refuses_before_it_loads_a_model(trained, monkeypatch, words, code):
    monkeypatch.setattr("latentode.cli.runs.request.load_model", lambda *_: pytest.fail("loaded"))
    result = run("forecast", trained, *words)
    assert result.exit_code == code, result.output


def test_forecast_too_large_for_the_model_is_refused(trained, log):
    # 4 series x 200 steps x 2 channels x 200,000 samples: refused by the library, not the option
    words = ("--horizon", "2", "--every", "0.01", "--samples", "200000")
    result = run("forecast", trained, log, *words)
    assert result.exit_code == 7


def test_interpolate_fills_a_grid_and_missing_cells(trained, log, tmp_path):
    path = tmp_path / "grid.csv"
    words = ("interpolate", trained, log, "--samples", "3")
    assert run(*words, "--every", "2", "-o", path).exit_code == 0
    times = [float(row["time"]) for row in rows_of(path)]
    assert 0 <= min(times) < max(times) <= 10
    gaps = sum(row["position"] == "" or row["velocity"] == "" for row in rows_of(log))
    result = run(*words, "--at-missing", "-o", "-")
    assert gaps > 0
    assert len(rows_of(result.stdout)) == 2 * gaps


def test_interpolate_refuses_two_kinds_of_times(trained, log):
    assert run("interpolate", trained, log, "--every", "2", "--at-missing").exit_code == 2


def test_evaluate_prints_the_table_and_writes_the_numbers(folder, log):
    result = run("evaluate", folder, log, "--samples", "20", "--rolling", "10")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("forecast (")
    assert "readings scored; errors are scaled: 1 is a channel's standard deviation" in lines[0]
    scored = ["MAE", "RMSE", "CRPS", "NLL", "coverage", "90%", "width", "90%"]
    assert lines[1].split() == scored
    assert lines[2].startswith("model ")
    assert any(line.startswith("interpolation (") for line in lines)
    assert any(line.startswith("lead time") for line in lines)
    assert any(line.startswith("all lead times") for line in lines)
    assert "the model" in result.stdout
    scores = json.loads((folder / "metrics.json").read_text())
    assert set(scores["forecast"]["overall"]["model"]) >= {"mae", "rmse", "crps", "nll"}
    assert str(folder / "metrics.json") in result.stderr


def test_evaluate_takes_the_log_of_the_run_and_answers_in_json(folder):
    answer = answer_of("evaluate", folder, "--samples", "10", "--rolling", "5")
    assert set(answer["metrics"]) == {"forecast", "interpolation"}
    assert answer["outputs"] == [str(folder / "metrics.json")]


def test_evaluate_against_compares_and_leaves_the_scores_of_the_run_alone(folder, log, tmp_path):
    asked = LatentODE.load(folder / "model").backtest_windows(str(log), max_windows=5)
    asked.assign(value=0.0).to_csv(tmp_path / "mine.csv", index=False)
    words = ("evaluate", folder, "--samples", "10", "--rolling", "5")
    answer = answer_of(*words, "--against", tmp_path / "mine.csv")
    assert answer["outputs"] == [str(folder / "comparison.json")]
    found = json.loads((folder / "comparison.json").read_text())["comparison"]
    assert found["matched"]["scored"] == len(asked)
    assert "yours" in found["overall"]
    assert not (folder / "metrics.json").exists()
    done = run(*words, "--against", tmp_path / "mine.csv", "--labels", tmp_path / "mine.csv")
    assert (done.exit_code, "--labels: of no use to --against" in done.stderr) == (2, True)


def test_density_prints_series_and_surprising_readings_and_writes_them_all(trained, log, tmp_path):
    target = tmp_path / "surprise.csv"
    result = run("density", trained, log, "--samples", "10", "-o", target)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split() == [
        "series",
        "log-likelihood",
        "se",
        "readings",
        "nats",
        "per",
        "reading",
    ]
    assert len([line for line in lines[1:5] if line.split()]) == 4
    answer = answer_of("density", trained, "--samples", "10")["data"]
    assert [row["series"] for row in answer["series"]] == [line.split()[0] for line in lines[1:5]]
    assert answer["trace"] == "none needed"
    found = [row["surprise"] for row in answer["surprising"]]
    assert found == sorted(found, reverse=True)
    rows = [row for row in rows_of(target) if row["mean"]]
    assert len(rows) == sum(row["num_readings"] for row in answer["series"])
    assert max(float(row["mean"]) for row in rows) == pytest.approx(found[0], rel=1e-6)


def test_evaluate_quiet_prints_the_path(folder):
    result = run("-q", "evaluate", folder, "--samples", "10", "--rolling", "5")
    assert result.stdout == f"{folder / 'metrics.json'}\n"
    assert result.stderr == ""


def test_plot_draws_run_and_result(folder, log, tmp_path):
    assert run("evaluate", folder, log, "--samples", "10", "--rolling", "5").exit_code == 0
    result = run("plot", folder)
    assert result.exit_code == 0, result.output
    assert "the first of" in result.stderr
    names = ["training.png", "calibration.png", "forecast.png"]
    assert result.stdout.splitlines() == [str(folder / "plots" / name) for name in names]
    for path in result.stdout.splitlines():
        assert Path(path).read_bytes().startswith(b"\x89PNG")
    file = tmp_path / "i.nc"
    assert run("interpolate", folder, log, "--samples", "3", "-o", file).exit_code == 0
    picture = tmp_path / "i.svg"
    chosen = ("--series", "series-2", "--channels", "velocity")
    assert "the first of" not in run("plot", file, "-o", picture, *chosen).stderr
    assert "<svg" in picture.read_text()
    assert run("plot", file, "-o", picture).exit_code == 8
    assert run("plot", file, "-o", tmp_path / "i.bmp").exit_code == 2


def test_plot_gives_the_calibration_every_score_of_the_forecast(folder, monkeypatch):
    seen = []
    monkeypatch.setattr("latentode.plot.calibration", seen.append)
    monkeypatch.setattr("latentode.plot.save", lambda *_: None)
    assert run("evaluate", folder, "--samples", "10", "--rolling", "5").exit_code == 0
    assert run("plot", folder).exit_code == 0
    assert seen == [json.loads((folder / "metrics.json").read_text())["forecast"]]
    assert set(seen[0]["channels"]) == {"position", "velocity"}


def test_evaluate_rolls_over_as_many_origins_as_asked(folder):
    scores = answer_of("evaluate", folder, "--samples", "5", "--rolling", "3")["metrics"]
    assert 1 <= scores["forecast"]["num_windows"] <= 3


@pytest.mark.parametrize("inside", [True, False])
def test_plot_of_a_result_draws_the_readings_of_a_log(folder, log, tmp_path, monkeypatch, inside):
    parent = folder / "forecasts" if inside else tmp_path
    parent.mkdir(exist_ok=True)
    words = ("--samples", "3", "-o", parent / "f.nc")
    assert run("forecast", folder, log, *words).exit_code == 0
    seen = []
    real = importlib.import_module("latentode.plot").forecast
    monkeypatch.setattr(
        "latentode.plot.forecast",
        lambda result, **rest: (seen.append(rest["observed"]), real(result, **rest))[1],
    )
    # the clock of the log is elapsed: without what the result says of it, it cannot be read
    done = run("plot", parent / "f.nc", log, "-o", tmp_path / "f.png")
    assert done.exit_code == 0, done.output
    assert seen[0].series_ids == ("series-1", "series-2", "series-3", "series-4")
    assert seen[0].clock.unit == "s"
    words = ("--from", "1", "--series", "all")
    assert run("plot", folder, log, *words, "-o", tmp_path / "r.png").exit_code == 0
    assert seen[1].series_ids == seen[0].series_ids


def test_plot_refuses_a_table_with_what_to_type(log):
    done = run("plot", log)
    assert done.exit_code == 3
    assert f"inspect {log} --plot {log.stem}.png`" in done.stderr
    assert "forecast RUN -o forecast.nc` and `" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_plot_draws_the_probabilities_of_limits(log, tmp_path):
    draws = np.random.default_rng(0).normal(size=(20, 1, 3, 1))
    names = {"series_ids": ("a",), "channels": ("x",)}
    times = np.arange(3)[None] * 3_600_000_000_000
    dataset = results.to_dataset(draws, times, clock=Clock("calendar"), **names)
    results.write(results.exceedance(dataset, "x>0"), tmp_path / "f-exceeds.nc")
    assert run("plot", tmp_path / "f-exceeds.nc").exit_code == 0
    assert (tmp_path / "f-exceeds.png").stat().st_size > 0
    for words in ((log,), ("--channels", "x")):
        done = run("plot", tmp_path / "f-exceeds.nc", "-o", tmp_path / "g.png", *words)
        assert done.exit_code == 2
        assert "probabilities of limits" in done.stderr


def test_plot_of_a_file_that_is_no_result_exits_3(tmp_path):
    path = tmp_path / "x.nc"
    path.write_bytes(b"not a result")
    assert run("plot", path).exit_code == 3


def test_info_describes_run_and_model_alike(trained):
    run_text, model_text = run("info", trained), run("info", trained / "model")
    assert "position, velocity" in run_text.stdout
    assert "run.status" in run_text.stdout
    assert model_text.stdout == run_text.stdout
    data = answer_of("info", trained)["data"]
    assert data["model"]["parameters"] > 0


def test_info_needs_a_run():
    assert run("info").exit_code == 2


def test_broken_model_exits_5(folder):
    weights = folder / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    answer = json.loads(run("forecast", folder, "--json").stdout)
    assert answer["error"]["code"] == 5
    assert answer["error"]["kind"] == "checkpoint"
    assert answer["run_dir"] == str(folder)


def test_run_without_model_says_what_to_do(folder):
    shutil.rmtree(folder / "model")
    result = run("forecast", folder)
    assert result.exit_code == 5
    assert f"resume {folder}" in result.stderr


def test_folder_that_is_no_run_exits_5(tmp_path):
    assert run("forecast", tmp_path).exit_code == 5


def test_log_of_other_channels_exits_3(trained, tmp_path):
    (tmp_path / "x.csv").write_text("time,other\n0,1\n1,2\n2,3\n")
    result = run("forecast", trained, tmp_path / "x.csv", "--id-column", "")
    assert result.exit_code == 3
    assert "position" in result.stderr


def test_log_without_the_column_of_ids_says_how_to_go_on(trained, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("time,position,velocity\n0,1,2\n1,2,2\n2,3,2\n")
    result = run("forecast", trained, path)
    assert result.exit_code == 3
    assert "no column 'series'" in result.stderr
    assert "--id-column ''" in result.stderr
    done = run("forecast", trained, path, "--id-column", "", "--samples", "2", "-o", "-")
    assert done.exit_code == 0, done.output


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
from latentode.cli import main; main()
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX limits")
@pytest.mark.parametrize(("limit", "trains"), [(100, False), (8000, True)])
def test_file_size_limit_exits_7_and_leaves_only_whole_files(log, tmp_path, limit, trains):
    folder = tmp_path / "run"
    words = ("train", log, *SMALL, "--epochs", "1", "--out", folder, "--json")
    done = python("-c", LIMITED, limit, *words, cwd=ROOT)
    assert done.returncode == 7, done.stderr
    assert json.loads(done.stdout)["error"]["kind"] == "resources"
    assert ("latent 3" in done.stderr) is trains  # the plan of the model was said
    assert not list(folder.rglob("*.latentode-tmp"))
    if trains:
        assert json.loads((folder / "run.json").read_text())["status"] == "failed"
        assert not (folder / "model").exists()


@contextmanager
def training(log, folder):
    """A training that would take for ever, once it has closed an epoch."""
    words = ("train", log, *SMALL, "--set", "train.patience=100000", "--max-time", "1h")
    program = started(
        sys.executable, "cli.py", *words, "--epochs", "100000", "--out", folder,
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    with program as process:
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("epoch   1"):
                break
        else:
            raise AssertionError(f"training ended early: {''.join(said)}")
        yield process


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_during_training_saves_and_the_run_resumes(log, tmp_path, number, code):
    folder = tmp_path / "run"
    with training(log, folder) as process:
        process.send_signal(number)
        out, err = ended(process)
    assert process.returncode == code
    assert out == ""
    assert f"Continue with: python cli.py resume {folder}" in err
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "interrupted"
    assert record["log"] == fingerprint(log)
    assert not (folder / ".lock").exists()
    before = len(rows_of(folder / "metrics.csv"))
    resumed = run("resume", folder, "--max-time", "1s")
    assert resumed.exit_code == 0, resumed.output
    assert resumed.stdout.strip() == str(folder)
    assert len(rows_of(folder / "metrics.csv")) > before
    assert json.loads((folder / "run.json").read_text())["status"] == "done"
    assert run("forecast", folder, "--samples", "2").exit_code == 0


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_interrupted_run_resumes_under_torchrun_on_every_rank(log, tmp_path):
    folder = tmp_path / "run"
    with training(log, folder) as process:
        process.send_signal(signal.SIGTERM)
        ended(process)
    before = len(rows_of(folder / "metrics.csv"))
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = ("cli.py", "resume", folder, "--max-time", "2s")
    done = python(*launcher, *words, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{folder}\n"  # said once, by the first rank
    epochs = [int(float(row["epoch"])) for row in rows_of(folder / "metrics.csv")]
    assert epochs == list(range(1, len(epochs) + 1))
    assert len(epochs) > before
    assert json.loads((folder / "run.json").read_text())["status"] == "done"


def test_second_train_into_a_running_folder_exits_8_and_harms_nothing(log, tmp_path):
    folder = tmp_path / "run"
    with training(log, folder) as first:
        second = run("train", log, "--out", folder)
        assert second.exit_code == 8
        assert json.loads((folder / "run.json").read_text())["status"] == "running"
        third = run("resume", folder)
        assert third.exit_code == 8
        first.send_signal(signal.SIGTERM)
        ended(first)
    assert first.returncode == 143
