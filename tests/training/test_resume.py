"""Runs that are killed: the same bits as one that was not, and a state that always loads."""

import json
import os
import signal

import pytest
from places import HELPERS
from programs import python
from training_cases import digests

TERM, INT, KILL = int(signal.SIGTERM), int(signal.SIGINT), int(signal.SIGKILL)
# epochs have 5 steps: the last step of one, inside one, inside one twice, the very last
EDGES = [(TERM, 4), (KILL, 7), (-INT, 13), (INT, 19)]
# a save takes about 30 file operations, so these lie in the first four saves of a process
OPERATIONS = range(3, 120, 9)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


def program(folder, **plans):
    done = python(
        "training_program.py",
        folder,
        json.dumps(plans),
        cwd=HELPERS,
        # a forked child cannot use CUDA, and torch asks it questions where it is seen
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def expected_statuses(kills):
    return [-n if n == KILL else 128 + abs(n) for n, _ in kills] + [0]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folder of some runs, and what became of each."""
    folder = tmp_path_factory.mktemp("runs")
    plans = {"whole": {"kills": []}, "edges": {"kills": EDGES}}
    results = program(folder, **plans, saves={"operations": list(OPERATIONS)})
    assert results["whole"] == [0]
    return folder, results


def test_a_killed_run_ends_with_the_same_bits_as_one_that_was_not(runs):
    folder, results = runs
    assert results["edges"] == expected_statuses(EDGES)
    files, uninterrupted = digests(folder / "edges"), digests(folder / "whole")
    assert {"metrics.csv", "model/model.safetensors", "checkpoints/best.json"} <= files.keys()
    assert files == uninterrupted


@pytest.mark.slow
@pytest.mark.parametrize(
    "kills",
    [[(TERM, 7), (KILL, 13)], [(KILL, 5), (TERM, 6), (INT, 9), (KILL, 14)]],
    ids=["7+6+7", "boundaries"],
)
def test_so_does_a_run_that_is_killed_at_other_steps(tmp_path, runs, kills):
    assert program(tmp_path, again={"kills": kills})["again"] == expected_statuses(kills)
    assert digests(tmp_path / "again") == digests(runs[0] / "whole")


@pytest.mark.slow
def test_a_run_killed_before_its_first_checkpoint_has_to_start_again(tmp_path, runs):
    assert program(tmp_path, begun={"kills": [(KILL, 2)]})["begun"] == [-KILL, 1]
    assert program(tmp_path, begun={"kills": []})["begun"] == [0]
    assert digests(tmp_path / "begun") == digests(runs[0] / "whole")


def assert_never_lost(steps, number):
    assert len(steps) == number
    assert steps == sorted(steps)
    assert steps[-1] > steps[0]


def test_a_run_killed_while_it_saves_leaves_a_state_that_loads(runs):
    assert_never_lost(runs[1]["saves"], len(OPERATIONS))


@pytest.mark.slow
def test_a_run_killed_before_any_file_operation_leaves_a_state_that_loads(tmp_path):
    operations = list(range(1, 150))
    steps = program(tmp_path, saves={"operations": operations})["saves"]
    assert_never_lost(steps, len(operations))
