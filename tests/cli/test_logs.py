"""LOGS: a file, several, a folder, a pattern or the address of a database; what a run keeps."""

import json
import shutil

import numpy as np
import pytest
from cli_cases import answer_of, run

from latentode.cli.runs.job import HeadFiles, Job
from latentode.cli.runs.logs import Logs
from latentode.cli.session import Session
from latentode.config import LatentODEConfig

URL = "postgresql://ann:s3cret@db.local/plant"
SHOWN = "postgresql://ann@db.local/plant"
SMALL = (
    "--latent-dim", "2", "--hidden-dim", "6", "--batch-size", "4", "--epochs", "1",
    "--threads", "1", "--set", "train.steps_per_epoch=2", "--no-report",
)  # fmt: skip


def test_a_run_keeps_the_address_and_the_command_without_the_password():
    job = Job(Logs((URL,)), LatentODEConfig(), HeadFiles())
    facts = job.facts(Session(args=("train", URL, "--table", "log")))
    assert "s3cret" not in json.dumps(facts)
    assert facts["command"] == ["latentode", "train", SHOWN, "--table", "log"]
    assert facts["log"]["path"] == SHOWN
    assert job.stem == "plant"


@pytest.mark.parametrize("parts", [(URL,), (URL, URL.replace("plant", "mill"))])
def test_the_logs_of_a_run_are_read_again_from_their_addresses(parts):
    logs = Logs.recorded(Logs(parts).record())
    assert logs.parts == tuple(part.replace(":s3cret", "") for part in parts)
    assert logs.gone() is None
    logs.check_unchanged(logs.record())


def test_an_address_is_shown_without_its_password_and_read_with_it():
    logs = Logs((URL,))
    assert str(logs) == SHOWN
    assert logs.source == URL


def day(folder, number, rows=48):
    """The log of one day, every half hour."""
    path = folder / f"day{number}.csv"
    hours = np.arange(rows) / 2
    lines = [
        f"2024-03-{number:02}T{int(hour):02}:{30 * (k % 2):02},{np.sin(hour + number):.3f}\n"
        for k, hour in enumerate(hours)
    ]
    path.write_text("time,x\n" + "".join(lines))
    return path


@pytest.fixture
def days(tmp_path):
    folder = tmp_path / "days"
    folder.mkdir()
    for number in (2, 10, 1):
        day(folder, number)
    (folder / "README.md").write_text("notes\n")
    return folder


@pytest.mark.parametrize("way", ["files", "folder", "pattern"])
def test_several_files_are_one_log_in_order_of_their_names(days, way):
    words = {
        "files": [days / f"day{number}.csv" for number in (1, 2, 10)],
        "folder": [days],
        "pattern": [days / "day*.csv"],
    }[way]
    data = answer_of("inspect", *words)["data"]
    assert data["num_rows"] == data["rows_read"] == 3 * 48
    assert data["first"].startswith("2024-03-01T00:00")
    assert data["last"].startswith("2024-03-10T23:30")
    assert any("3 files read as one log" in note for note in data["notes"])


def test_a_path_that_does_not_exist_is_refused_by_name(tmp_path):
    for words in (["inspect", tmp_path / "no.csv"], ["train", tmp_path / "no*.csv"]):
        result = run(*words)
        assert result.exit_code == 2
        assert f"'{words[1]}' does not exist" in result.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("daily")
    files = [day(folder, number) for number in (1, 2, 3)]
    result = run("train", *files, *SMALL, "--out", folder / "run")
    assert result.exit_code == 0, result.output
    return folder


def test_a_run_on_several_files_remembers_all_of_them(trained):
    record = json.loads((trained / "run" / "run.json").read_text())
    assert record["log"]["paths"] == [str(trained / f"day{number}.csv") for number in (1, 2, 3)]
    assert record["log"]["bytes"] == sum(
        (trained / f"day{number}.csv").stat().st_size for number in (1, 2, 3)
    )
    report = json.loads((trained / "run" / "data_report.json").read_text())
    assert report["num_rows"] == 3 * 48


def test_later_files_are_forecast_together(trained):
    files = [day(trained, number) for number in (5, 6)]
    words = ("--every", "30min", "--samples", "2", "-o", "-")
    result = run("forecast", trained / "run", *files, *words)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].split(",")[1].startswith("2024-03-07")


def test_a_run_on_several_files_is_judged_by_all_of_them(trained):
    result = run("evaluate", trained / "run", "--samples", "2", "-o", "-")
    assert result.exit_code == 0, result.output


def test_a_run_on_several_files_goes_on_only_where_none_has_changed(trained, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(trained / "run", copy)
    record = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(record | {"status": "interrupted"}))
    original = (trained / "day2.csv").read_bytes()
    try:
        (trained / "day2.csv").write_bytes(original + b"2024-03-02T23:45,0.5\n")
        result = run("resume", copy)
        assert result.exit_code == 3
        assert "expected the log that this run was started on" in result.stderr
        (trained / "day2.csv").unlink()
        result = run("resume", copy)
        assert result.exit_code == 3
        assert "day2.csv: the log of this run has gone" in result.stderr
    finally:
        (trained / "day2.csv").write_bytes(original)
    result = run("resume", copy)
    assert result.exit_code == 0, result.output
    assert json.loads((copy / "run.json").read_text())["status"] == "done"
    moved = tmp_path / "moved"
    moved.mkdir()
    files = [shutil.copy(trained / f"day{number}.csv", moved) for number in (1, 2, 3)]
    (copy / "run.json").write_text(json.dumps(record | {"status": "interrupted"}))
    assert run("resume", copy, *files).exit_code == 0


def test_too_short_a_log_is_trained_on_with_more_files_of_it(tmp_path):
    files = [day(tmp_path, number, rows=12) for number in (1, 2, 3, 4)]
    refused = run("train", files[0], *SMALL, "--out", tmp_path / "run")
    assert refused.exit_code == 3
    assert "Give a longer log, or more files of it." in refused.stderr
    assert not (tmp_path / "run").exists()
    assert run("train", *files, *SMALL, "--out", tmp_path / "run").exit_code == 0
