"""Two processes of torchrun on parts: equal replicas, and a kill that costs an epoch at most."""

import json
import os

import pytest
from model_cases import irregular_log
from places import HELPERS, ROOT
from programs import python
from safetensors.torch import load_file
from training_cases import same

from latentode.scale import write_parts

SMALL = ("--epochs", "4", "--latent-dim", "2", "--hidden-dim", "6", "--threads", "1",
         "--context", "24h", "--horizon", "12h", "--set", "train.steps_per_epoch=2",
         "--set", "train.batch_size=4", "--set", "train.buffer_readings=200",
         "--no-report")  # fmt: skip
LAUNCHER = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
            "--max-restarts", "1", "part_program.py")  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="POSIX signals")]


def train(folder, words, **environment):
    """The folder of a run of two processes, with the weights of each beside it."""
    folder.mkdir()
    path = os.pathsep.join([str(ROOT), str(HELPERS)])
    told = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path, **environment}
    done = python(*LAUNCHER, folder, *words, *SMALL, cwd=HELPERS, env=told)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    log = irregular_log((40,) * 12)
    return write_parts(log, tmp_path_factory.mktemp("log") / "parts", 6).folder


@pytest.fixture(scope="module")
def undisturbed(parts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "undisturbed"
    train(folder, ("train", parts, "--out", folder / "run"))
    return folder


def weights(folder, rank):
    return load_file(folder / f"weights-{rank}.safetensors")


def test_replicas_are_equal(undisturbed):
    assert same(weights(undisturbed, 0), weights(undisturbed, 1))


@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_process_that_is_killed_costs_an_epoch_and_changes_no_bit(
    undisturbed, parts, tmp_path, rank
):
    folder = tmp_path / "killed"
    done = train(folder, ("train", parts, "--out", folder / "run"), KILL_RANK=rank)
    assert done.stdout == f"{folder / 'run'}\n"
    record = json.loads((folder / "run" / "run.json").read_text())
    assert (record["status"], record["processes"], len(record["attempts"])) == ("done", 2, 1)
    assert same(weights(folder, 0), weights(folder, 1))
    assert same(weights(folder, 0), weights(undisturbed, 0))
    lines = (folder / "run" / "metrics.csv").read_text()
    assert lines == (undisturbed / "run" / "metrics.csv").read_text()
    assert (folder / "run" / "model" / "model.safetensors").exists()
