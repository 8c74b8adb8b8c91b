"""What is said of a run whose process was killed, and what is put right."""

import json
import sys

import pytest
from cli_cases import run
from programs import ended, started

from latentode.cli.runs.run_folder import RunFolder
from latentode.files import RunLock


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
