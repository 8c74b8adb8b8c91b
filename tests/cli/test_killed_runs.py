"""What is said of a run whose process was killed, and what is put right."""

import errno
import json
import sys

import pytest
from cli_cases import run
from programs import ended, started

from latentode.cli.runs.run_folder import RunFolder
from latentode.errors import DataError
from latentode.files import RunLock
from latentode.files.faults import explained


@pytest.fixture
def killed(tmp_path):
    """The folder of a run that was killed before it had a model."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"schema": 1, "status": "running"}))
    (folder / "config.toml").touch()
    return folder


def test_a_run_is_running_only_while_a_process_works_on_it(killed):
    dead = run("info", killed)
    assert dead.exit_code == 5
    assert "a run that is interrupted. Continue it with `latentode resume" in dead.stderr
    with RunLock(killed):
        alive = run("info", killed)
    assert alive.exit_code == 5
    assert "a run that is running. Wait for it." in alive.stderr


def test_the_attempt_that_was_killed_is_recorded_as_interrupted(killed):
    with RunFolder.open(killed).recorded():
        pass
    record = json.loads((killed / "run.json").read_text())
    assert [each["status"] for each in record["attempts"]] == ["interrupted"]
    assert record["status"] == "done"


@pytest.mark.parametrize("command", ["info", "resume"])
def test_a_run_killed_before_its_settings_were_written_says_to_begin_again(killed, command):
    (killed / "config.toml").unlink()
    result = run(command, killed)
    assert result.exit_code == 5
    assert "it was killed before it began. Remove the folder, and train again." in result.stderr


def test_a_model_that_a_killed_process_moved_aside_is_put_back(killed):
    with started(sys.executable, "-c", "") as process:
        ended(process)
    aside = killed / f".model.{process.pid}-{'0' * 8}.latentode-old"  # of no known machine
    aside.mkdir()
    (aside / "model.json").write_text("{}")
    result = run("info", killed)
    assert "expected a trained model" not in result.stderr
    assert (killed / "model" / "model.json").read_text() == "{}"
    assert not aside.exists()


@pytest.mark.parametrize(
    ("number", "status", "room"),
    [(errno.ENOSPC, "failed", 4_000), (errno.ENOSPC, "failed", 0), (errno.EACCES, "running", 0)],
)
def test_a_record_is_written_over_itself_only_where_the_disk_is_full(
    killed, monkeypatch, number, status, room
):
    folder = RunFolder.open(killed)

    def refused(*_):
        with explained(folder.record_path):
            raise OSError(number, "refused")

    def fail():
        with folder.recorded(command=["train"], note=" " * room):
            folder.record["note"] = ""
            monkeypatch.setattr(folder, "write_json", refused)
            raise DataError("is no log. " * (1 if room else 1_000))

    with pytest.raises(DataError, match="is no log"):
        fail()
    record = json.loads((killed / "run.json").read_text())
    assert (record["status"], record["command"]) == (status, ["train"])
    assert bool(record.get("error")) == bool(room)  # where it fits
