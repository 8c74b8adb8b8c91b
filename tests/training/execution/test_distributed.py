"""Two processes under torchrun: equal replicas, and the same training as one process."""

import json
import os

import ddp_program
import pytest
import torch
from places import HELPERS
from programs import python
from safetensors.torch import load_file
from training_cases import same

from latentode.models.fitted.device import device_of, rank, world_size
from latentode.training.execution.distributed import agree, largest, local_part, process_group


def run(*command):
    done = python(*command, cwd=HELPERS, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Weights of two processes, and of one with the whole batch."""
    folder = tmp_path_factory.mktemp("ddp")
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    run(*launcher, "ddp_program.py", folder)
    (folder / "alone").mkdir()
    ddp_program.train(folder / "alone", "plain")
    return folder


@pytest.mark.parametrize("name", ["plain", "window", "part", "resumed"])
def test_replicas_hold_the_same_bits(out, name):
    first, second = (load_file(out / f"{name}-{r}.safetensors") for r in (0, 1))
    assert same(first, second)


def test_two_processes_train_as_one_on_the_doubled_batch(out):
    alone = load_file(out / "alone" / "plain-0.safetensors")
    for name, value in load_file(out / "plain-0.safetensors").items():
        # float32 sums in another order, over 8 steps of at most lr = 0.003
        torch.testing.assert_close(value, alone[name], rtol=1e-4, atol=2e-5)


def facts(out, name, number):
    return json.loads((out / f"{name}-{number}.json").read_text())


def test_a_window_that_fails_on_one_process_is_left_out_there_and_all_go_on(out):
    assert facts(out, "window", 0) == {"skipped": 8, "step": 8}
    assert facts(out, "window", 1) == {"skipped": 0, "step": 8}
    assert not same(load_file(out / "window-0.safetensors"), load_file(out / "plain-0.safetensors"))


def test_a_step_that_fails_on_one_process_is_refused_by_all_and_none_waits(out):
    assert facts(out, "part", 0) == facts(out, "part", 1) == {"skipped": 1, "step": 8}


def test_only_the_first_process_writes_and_all_resume(out):
    lines = (out / "run" / "metrics.csv").read_text().splitlines()
    assert len(lines) == 3
    resumed = load_file(out / "resumed-1.safetensors")
    saved = load_file(out / "run" / "model" / "model.safetensors")
    assert same(resumed, {n: saved[f"model.{n}"] for n in resumed})


def test_one_process_needs_no_launcher():
    with process_group("cpu"):
        assert (rank(), world_size()) == (0, 1)
        assert local_part(7) == slice(0, 7)
        value = torch.tensor([3.0])
        assert agree(value) is value
        assert largest(3, False, device=torch.device("cpu")) == [3, False]
        assert device_of("cpu") == torch.device("cpu")
