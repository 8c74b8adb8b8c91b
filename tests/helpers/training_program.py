"""Runs training in child processes that are killed: a program for `tests/training/test_resume.py`.

    python training_program.py FOLDER '{NAME: {"kills": [[SIGNAL, STEP], ...]}, ...}'
    python training_program.py FOLDER '{NAME: {"operations": [NUMBER, ...]}, ...}'

Each name is a run, in a folder of that name. With "kills" there is one child a pair, each going on
where the last one stopped; it gets the signal while it takes step STEP; a last child trains to the
end. With "operations", children that do nothing but save states kill themselves by SIGKILL before
their file operation of that number; after each, what is on the disk is loaded and compared.
Children are forked from a process that has loaded everything and started no thread, so each costs
only its own work. Prints JSON: statuses of the children, or the steps that were loaded.
"""

import itertools
import json
import os
import signal
import sys
import traceback
from pathlib import Path

import torch
from model_cases import irregular_log
from training_cases import parts, training_settings

from latentode.models.fitted.training_log import TrainingLog
from latentode.training import Interrupted
from latentode.training.fit import fit_model
from latentode.training.optimizer import Learner
from latentode.training.state import Checkpoints, Progress
from latentode.training.step import GradientStep

CONFIG = training_settings(
    train__max_epochs=4,
    train__steps_per_epoch=5,
    train__patience=50,
)

FILE_OPERATIONS = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}


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


def statuses_of(run_dir, kills):
    return [
        wait_for(in_child(train, run_dir, index > 0, number, at))
        for index, (number, at) in enumerate([*kills, (0, -1)])
    ]


class Owners:
    """Model, average and optimiser whose every number is the step, so that a mixture shows."""

    def __init__(self, value):
        made = parts(model__hidden_dim=24)
        self.learner = Learner(made.model, made.config.train.optimizer)
        for parameter in made.model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        self.learner.optimizer.step()
        self.fill(value)

    def tensors(self):
        return [tensor for part in self.learner.parts().values() for tensor in part.values()]

    def fill(self, value):
        with torch.no_grad():
            for tensor in self.tensors():
                tensor.fill_(value)

    def values(self):
        return {number for tensor in self.tensors() for number in tensor.unique().tolist()}


def states(first):
    """Progress from some step on: a new best state at every third."""
    for step in range(first + 1, 1_000_000):
        yield Progress(step=step, epoch=step, best_step=step - step % 3, history=[{"epoch": step}])


def kill_before(operation):
    """Kill this process before its file operation of a number, as Python itself counts them."""
    numbers = itertools.count(1)

    def hook(event, _arguments):
        if event in FILE_OPERATIONS and next(numbers) == operation:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def save_until_killed(checkpoints, owners, first, operation):
    kill_before(operation)
    for progress in states(first):
        owners.fill(progress.step)
        checkpoints.save(progress, owners.learner)


def check(holds, said):
    """An assertion that python -O keeps: pytest rewrites none in programs."""
    if not holds:
        raise AssertionError(said)


def load(checkpoints, owners):
    """The last step on the disk, after checking that all of it is of that step."""
    checkpoints.states.prepare()
    if not (checkpoints.states.path / "last.json").exists():
        return 0
    owners.fill(-1)
    progress, best = checkpoints.restore(owners.learner)
    best_steps = {number for tensor in best.values() for number in tensor.unique().tolist()}
    check(owners.values() == {progress.step}, "a state of several steps")
    check(best_steps == {progress.best_step}, "a best state of another step")
    stray = [p.name for p in checkpoints.states.path.iterdir() if "latentode-" in p.name]
    check(not stray, stray)
    return progress.step


def steps_loaded(run_dir, operations):
    checkpoints, owners, steps = Checkpoints(run_dir), Owners(0), [0]
    checkpoints.states.prepare()
    for operation in operations:
        child = in_child(save_until_killed, checkpoints, owners, max(steps[-1], 2), operation)
        status = wait_for(child)
        check(status == -signal.SIGKILL, status)
        steps.append(load(checkpoints, owners))
    return steps[1:]


def main():
    torch.set_num_threads(1)
    results = {}
    for name, plan in json.loads(sys.argv[2]).items():
        run_dir = Path(sys.argv[1]) / name
        run_dir.mkdir(exist_ok=True)
        if "kills" in plan:
            results[name] = statuses_of(run_dir, plan["kills"])
        else:
            results[name] = steps_loaded(run_dir, plan["operations"])
    print(json.dumps(results))


if __name__ == "__main__":
    main()
