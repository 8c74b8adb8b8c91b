"""``train PARTS``: what is kept of a run on parts, what is refused, and restarts by torchrun."""

import hashlib
import json
import os

import pytest
from click.testing import CliRunner
from model_cases import irregular_log

from latentode.cli.app import root
from latentode.cli.runs.elastic import doubt_of_restarts
from latentode.cli.runs.provenance import launcher
from latentode.scale import write_parts

SMALL = ("--epochs", "2", "--latent-dim", "2", "--hidden-dim", "6", "--threads", "1",
         "--context", "24h", "--horizon", "12h", "--set", "train.steps_per_epoch=2",
         "--set", "train.batch_size=4", "--set", "train.buffer_readings=200",
         "--no-report")  # fmt: skip


def run(*words):
    return CliRunner().invoke(root, [*map(str, words)])


def record_of(folder):
    return json.loads((folder / "run.json").read_text())


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    log = irregular_log((40,) * 12, extras=False)
    return write_parts(log, tmp_path_factory.mktemp("log") / "pumps", 6).folder


@pytest.fixture(scope="module")
def trained(parts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    return run("train", parts, "--out", folder, *SMALL), folder


def test_run_on_parts_is_kept_as_one_on_a_log(trained, parts):
    result, folder = trained
    assert result.exit_code == 0, result.output
    record = record_of(folder)
    assert record["log"]["path"] == str(parts)
    manifest = (parts / "manifest.json").read_bytes()
    assert record["log"]["sha256"] == hashlib.sha256(manifest).hexdigest()
    assert (record["processes"], record["launcher"]) == (1, None)
    report = json.loads((folder / "data_report.json").read_text())
    assert (report["parts"], report["series"]) == (len([*parts.glob("part-*")]), 12)
    assert (folder / "model" / "model.safetensors").exists()


def test_what_is_trained_on_is_said(trained, parts):
    lines = trained[0].stderr.splitlines()
    assert lines[0].startswith(f"{parts}: 5 parts, ")
    assert "12 series, 2023-11-14" in lines[0]
    assert any(line.startswith("in memory: of ") for line in lines)
    assert lines[-2].endswith(f"forecast {trained[1]} {parts} -o pumps-forecasts")
    assert lines[-1].endswith(f"evaluate {trained[1]} {parts} -o pumps-scores")


def test_forecast_of_a_model_of_parts_asks_for_a_log(trained):
    result = run("forecast", trained[1])
    assert result.exit_code == 3
    assert "remembers no series. Name LOGS: those parts, or a later log." in result.stderr


def test_what_is_proposed_works(trained, parts, tmp_path):
    result = run("forecast", trained[1], parts, "--samples", "3", "-o", tmp_path / "forecasts")
    assert result.exit_code == 0, result.output
    assert len([*(tmp_path / "forecasts").glob("part-*")]) == len([*parts.glob("part-*")])


@pytest.mark.parametrize("command", ["evaluate", "plot"])
def test_parts_are_not_read_as_one_log(trained, parts, command):
    result = run(command, trained[1])
    assert result.exit_code == 3
    assert f"{parts}: expected a log, got a folder of parts" in result.stderr


def test_finished_run_has_nothing_to_continue(trained):
    assert "the run is done" in run("resume", trained[1]).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tz", "UTC", "--na=-9"], "--tz, --na: how a log is read"),
        (["--labels", "LABELS"], "--labels: modelled beside a log in memory alone"),
        (["--model-times"], "--model-times: modelled beside"),
    ],
)
def test_options_without_a_place_are_refused(parts, tmp_path, words, said):
    file = tmp_path / "labels.csv"
    file.write_text("id,label\ns1,a\n")
    words = [str(file) if word == "LABELS" else word for word in words]
    result = run("train", parts, *words, "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "run").exists()


def test_setting_of_how_a_log_is_read_is_refused(parts, tmp_path):
    words = ("--set", "data.columns.id=pump", "--out", tmp_path / "run", *SMALL)
    result = run("train", parts, *words)
    assert result.exit_code == 4
    assert "data.columns.id: expected no setting of how the log is read" in result.stderr
    assert not (tmp_path / "run").exists()


def test_changed_parts_are_not_continued(trained, tmp_path):
    record = record_of(trained[1]) | {"status": "interrupted"}
    record["log"]["sha256"] = "0" * 64
    copy = tmp_path / "run"
    copy.mkdir()
    (copy / "run.json").write_text(json.dumps(record))
    (copy / "config.toml").write_bytes((trained[1] / "config.toml").read_bytes())
    result = run("resume", copy)
    assert result.exit_code == 3
    assert "expected the log that this run was started on" in result.stderr


@pytest.fixture
def restarted(monkeypatch):
    """As torchrun starts the program again."""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job-7")


@pytest.fixture
def stopped(trained, tmp_path):
    """A run that stands at its first checkpoints, as a killed process leaves it."""
    folder = tmp_path / "stopped"
    folder.mkdir()
    for file in trained[1].rglob("*"):
        target = folder / file.relative_to(trained[1])
        if file.is_file() and "model" not in target.parts[-2]:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    record = record_of(folder) | {"status": "running", "launcher": "job-7", "processes": 2}
    record["command"] = [word.replace(str(trained[1]), str(folder)) for word in record["command"]]
    (folder / "run.json").write_text(json.dumps(record))
    return folder


@pytest.mark.usefixtures("restarted")
def test_restarted_group_goes_on_from_its_last_checkpoint(parts, stopped):
    result = run("train", parts, "--out", stopped, *SMALL)
    assert result.exit_code == 0, result.output
    assert "epoch   1" not in result.stderr
    assert "begun by 2 processes, continued by 1: a batch is now 1 times" in result.stderr
    record = record_of(stopped)
    assert (record["status"], record["processes"]) == ("done", 1)
    assert len(record["attempts"]) == 1


@pytest.mark.usefixtures("restarted")
def test_restarted_group_begins_anew_where_nothing_was_saved(parts, stopped):
    (stopped / "checkpoints" / "last.json").unlink()
    result = run("train", parts, "--out", stopped, *SMALL)
    assert result.exit_code == 0, result.output
    assert "epoch   1" in result.stderr
    assert "attempts" not in record_of(stopped)


@pytest.mark.usefixtures("restarted")
def test_run_of_another_call_is_never_taken_for_ones_own(parts, stopped, monkeypatch):
    before = (stopped / "run.json").read_bytes()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job-8")
    assert run("train", parts, "--out", stopped, *SMALL).exit_code == 8
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job-7")
    assert run("train", parts, "--out", stopped, *SMALL, "--seed", "1").exit_code == 8
    assert (stopped / "run.json").read_bytes() == before


def test_restarts_that_would_fail_on_several_nodes_are_doubted(monkeypatch):
    told = {"GROUP_WORLD_SIZE": "2", "TORCHELASTIC_MAX_RESTARTS": "3"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "False")
    assert doubt_of_restarts() is None
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    assert "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1" in doubt_of_restarts()
    monkeypatch.setenv("GROUP_WORLD_SIZE", "1")
    assert doubt_of_restarts() is None


def test_calls_of_torchrun_without_a_name_are_told_by_their_process(monkeypatch):
    assert launcher() is None
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert launcher().endswith(f":{os.getppid()}")
