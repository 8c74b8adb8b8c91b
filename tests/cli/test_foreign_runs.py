"""A run folder of somebody else: nothing outside of it is written or read."""

import json
import shutil
from pathlib import Path

import pytest
from cli_cases import SMALL, run


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "oscillator.csv"
    sizes = ("--option", "num_series=4", "--option", "num_points=40")
    assert run("data", "make", "oscillator", *sizes, "-o", path).exit_code == 0
    return path


@pytest.fixture(scope="module")
def trained(log, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    result = run("train", log, *SMALL, "--epochs", "1", "--out", folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.mark.parametrize(
    "name", ["metrics.csv", "log.jsonl", "metrics.json", "model/model.safetensors", "plots"]
)
@pytest.mark.parametrize("command", ["resume", "evaluate", "forecast", "plot", "info"])
def test_a_link_that_leads_out_of_a_run_is_refused_and_nothing_is_written(
    folder, tmp_path, name, command
):
    outside = tmp_path / "outside"
    if name == "plots":
        outside.mkdir()
    else:
        outside.write_text("precious")
    inside = folder / name
    if inside.exists():
        inside.unlink()
    inside.symlink_to(outside)
    result = run(command, folder)
    assert result.exit_code == 5, result.output
    assert f"got a link to {outside}" in result.stderr
    assert list(outside.iterdir()) == [] if name == "plots" else outside.read_text() == "precious"


def test_a_checkpoint_that_is_a_link_is_refused(folder, tmp_path):
    state = next(path for path in (folder / "checkpoints").iterdir() if path.is_dir())
    shutil.move(state, tmp_path / "elsewhere")
    state.symlink_to(tmp_path / "elsewhere")
    result = run("resume", folder)
    assert result.exit_code == 5
    assert "got a link to" in result.stderr


def test_a_run_that_lies_behind_a_link_works_as_any_other(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert run("forecast", tmp_path / "link").exit_code == 0


@pytest.mark.parametrize("command", ["evaluate", "plot"])
def test_a_log_that_a_run_names_is_read_by_its_sum_alone(folder, tmp_path, command):
    secret = tmp_path / "secret.csv"
    secret.write_text("root:secret\nmore:secrets\n")
    record = json.loads((folder / "run.json").read_text())
    record["log"]["path"] = str(secret)
    (folder / "run.json").write_text(json.dumps(record))
    result = run(command, folder)
    assert "secrets" not in result.output
    if command == "evaluate":
        assert result.exit_code == 3
        assert "has gone or changed" in result.stderr
    else:  # a picture without what was read
        assert result.exit_code == 0


def test_a_log_that_has_changed_is_read_once_it_is_named(trained, log, tmp_path):
    folder = Path(shutil.copytree(trained, tmp_path / "run"))
    grown = tmp_path / "grown.csv"
    grown.write_text(log.read_text())
    record = json.loads((folder / "run.json").read_text())
    record["log"]["path"] = str(grown)
    (folder / "run.json").write_text(json.dumps(record))
    assert run("evaluate", folder, "--samples", 4).exit_code == 0
    with grown.open("a") as file:
        file.write(log.read_text().splitlines()[-1].replace("3,", "4,", 1) + "\n")
    assert run("evaluate", folder, "--samples", 4).exit_code == 3
    named = run("evaluate", folder, grown, "--samples", 4)
    assert named.exit_code == 0, named.stderr
