"""Runs that are killed: the same bits as one that was not, and a state that always loads."""

import json
import os
import signal
import subprocess
import sys

import pytest
from places import HELPERS
from training_cases import digests

TERM, INT, KILL = int(signal.SIGTERM), int(signal.SIGINT), int(signal.SIGKILL)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


def program(*args, seconds=120):
    done = subprocess.run(
        [sys.executable, "training_program.py", *map(str, args)],
        capture_output=True,
        text=True,
        cwd=HELPERS,
        timeout=seconds,
        # a forked child cannot use CUDA, and torch asks it questions where it is seen
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert program("resume", folder, "[]") == {"statuses": [0]}
    return digests(folder)


@pytest.mark.parametrize(
    "kills",
    [
        # epochs have 15 steps: the last step of one, inside one, inside one twice, the very last
        [(TERM, 14), (KILL, 22), (-INT, 40), (INT, 59)],
        pytest.param([(TERM, 20), (KILL, 40)], marks=pytest.mark.slow),
        pytest.param([(KILL, 15), (TERM, 16), (INT, 29), (KILL, 44)], marks=pytest.mark.slow),
    ],
    ids=["edges", "20+20+20", "boundaries"],
)
def test_a_killed_run_ends_with_the_same_bits_as_one_that_was_not(tmp_path, uninterrupted, kills):
    statuses = program("resume", tmp_path, json.dumps(kills))["statuses"]
    assert statuses == [-n if n == KILL else 128 + abs(n) for n, _ in kills] + [0]
    found = digests(tmp_path)
    assert found.keys() == uninterrupted.keys()
    assert {"metrics.csv", "model/model.safetensors", "checkpoints/best.json"} <= found.keys()
    assert found == uninterrupted


@pytest.mark.slow
def test_a_run_killed_before_its_first_checkpoint_has_to_start_again(tmp_path, uninterrupted):
    assert program("resume", tmp_path, json.dumps([(KILL, 2)]))["statuses"] == [-KILL, 1]
    assert program("resume", tmp_path, "[]")["statuses"] == [0]
    assert digests(tmp_path) == uninterrupted


def test_a_run_killed_while_it_saves_leaves_a_state_that_loads(tmp_path):
    found = program("save", tmp_path, json.dumps([0, 8]))
    assert found["failed"] == 0
    assert len(found["steps"]) == 8
    assert found["steps"] == sorted(found["steps"])
    assert found["steps"][-1] > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_fifty_runs_killed_while_they_save_leave_states_that_load(tmp_path, seed):
    found = program("save", tmp_path, json.dumps([seed, 10]), seconds=300)
    assert found["failed"] == 0
    assert len(found["steps"]) == 10
