"""Runs training in child processes that are killed: a program for `test_training_resume`.

    python training_program.py resume RUN_DIR '[[SIGNAL, STEP], ...]'
    python training_program.py save RUN_DIR '[SEED, COUNT]'

"resume": one child a pair, each going on where the last one stopped; it gets the signal while it
takes step STEP; a last child trains to the end. "save": children that do nothing but save states
are killed by SIGKILL at random moments; after each, what is on the disk is loaded and compared.
Children are forked from a process that has loaded everything and started no thread, so each costs
only its own work. Prints JSON.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import torch
from model_cases import irregular_log
from training_cases import parts, training_settings

from latentode.models.fitted.training_log import TrainingLog
from latentode.training import Interrupted
from latentode.training.fit import fit_model
from latentode.training.optimizer import WeightAverage, make_optimizer
from latentode.training.state import Checkpoints, Progress
from latentode.training.step import GradientStep

CONFIG = training_settings(
    train__max_epochs=4,
    train__steps_per_epoch=15,
    train__patience=50,
    train__optimizer__warmup_steps=10,
)


def in_child(work, *args):
    """Exit status of a function in a forked child, 256 - n if signal n ended it."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = work(*args) or 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def wait_for(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def train(run_dir, resume, number, at):
    step_of = GradientStep.__call__

    def signalled(self, rows, step, lr):
        if step == at:
            os.kill(os.getpid(), abs(number))
            if number < 0:  # a second time, at once
                os.kill(os.getpid(), -number)
        return step_of(self, rows, step, lr)

    GradientStep.__call__ = signalled
    log = irregular_log((60, 50, 40), extras=False)
    try:
        fit_model(TrainingLog(log), CONFIG, run_dir=run_dir, resume=resume)
    except Interrupted as stop:
        return 128 + stop.signal
    return 0


def resume(run_dir, kills):
    statuses = [
        wait_for(in_child(train, run_dir, index > 0, number, at))
        for index, (number, at) in enumerate([*kills, (0, -1)])
    ]
    return {"statuses": statuses}


class Owners:
    """Model, average and optimiser whose every number is the step, so that a mixture shows."""

    def __init__(self, value):
        made = parts(model__hidden_dim=24)
        self.model = made.model
        self.average = WeightAverage(self.model, 0.9)
        self.optimizer = make_optimizer(self.model, made.config.train.optimizer)
        self.model.zero_grad()
        for parameter in self.model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        self.optimizer.step()
        self.fill(value)

    def fill(self, value):
        with torch.no_grad():
            for tensor in self.model.state_dict().values():
                tensor.fill_(value)
        for tensor in self.average.tensors.values():
            tensor.fill_(value)
        for state in self.optimizer.state.values():
            for tensor in state.values():
                tensor.fill_(value)

    def values(self):
        tensors = [*self.model.state_dict().values(), *self.average.tensors.values()]
        tensors += [t for state in self.optimizer.state.values() for t in state.values()]
        return {number for tensor in tensors for number in tensor.unique().tolist()}


def states(first):
    """Progress from some step on: a new best state at every third."""
    for step in range(first + 1, 1_000_000):
        yield Progress(step=step, epoch=step, best_step=step - step % 3, history=[{"epoch": step}])


def save_for_ever(run_dir, first):
    checkpoints, owners = Checkpoints(run_dir), Owners(0)
    checkpoints.prepare()
    (run_dir / "ready").touch()
    for progress in states(first):
        owners.fill(progress.step)
        checkpoints.save(progress, owners.model, owners.average, owners.optimizer)


def load(run_dir):
    """The last step on the disk, after checking that all of it is of that step."""
    checkpoints, owners = Checkpoints(run_dir), Owners(-1)
    checkpoints.prepare()
    if not (run_dir / "checkpoints" / "last.json").exists():
        return 0
    progress, best = checkpoints.restore(owners.model, owners.average, owners.optimizer)
    found = {number for tensor in best.values() for number in tensor.unique().tolist()}
    assert owners.values() == {progress.step}, "a state of several steps"
    assert found == {progress.best_step}, "a best state of another step"
    stray = [p.name for p in (run_dir / "checkpoints").iterdir() if "latentode-" in p.name]
    assert not stray, stray
    return progress.step


def load_and_tell(run_dir, first):
    step = load(run_dir)
    (run_dir / "loaded").write_text(str(step))
    return 0 if step >= first else 3


def save(run_dir, seed, count):
    moments = random.Random(seed)
    steps, step = [], 0
    for _ in range(count):
        (run_dir / "ready").unlink(missing_ok=True)
        child = in_child(save_for_ever, run_dir, max(step, 2))
        while not (run_dir / "ready").exists():
            time.sleep(0.001)
        time.sleep(moments.uniform(0.0, 0.15))
        os.kill(child, signal.SIGKILL)
        assert wait_for(child) == -signal.SIGKILL
        status = wait_for(in_child(load_and_tell, run_dir, step))
        if status:
            return {"steps": steps, "failed": status}
        step = int((run_dir / "loaded").read_text())
        steps.append(step)
    return {"steps": steps, "failed": 0}


def main():
    torch.set_num_threads(1)
    what, run_dir, values = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    run_dir.mkdir(parents=True, exist_ok=True)
    Owners(0)  # the first step of an optimiser loads a good part of torch
    found = resume(run_dir, values) if what == "resume" else save(run_dir, *values)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
