"""Processes that torchrun starts again go on with their own run, and begin none anew."""

import json

import pytest

from latentode.cli.runs.elastic import begun_by_same_call
from latentode.cli.runs.provenance import launcher

COMMAND = ["train", "parts", "--out", "run"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "one")
    folder = tmp_path / "run"
    folder.mkdir()

    def with_record(**facts):
        record = {"schema": 1, "launcher": launcher(), "command": COMMAND, "status": "running"}
        (folder / "run.json").write_text(json.dumps(record | facts))
        return folder

    return with_record


def test_a_run_of_the_same_call_is_gone_on_with(run):
    assert begun_by_same_call(run(), COMMAND) is not None
    assert begun_by_same_call(run(), [*COMMAND, "--seed", "1"]) is None
    assert begun_by_same_call(run(launcher="another"), COMMAND) is None


def test_what_is_trained_is_not_begun_again_whatever_its_checkpoints(run):
    assert begun_by_same_call(run(status="done"), COMMAND) is None
    (run() / "model").mkdir()
    assert begun_by_same_call(run(), COMMAND) is None
