"""Cases that several test files share."""

import numpy as np
import pytest
import torch
from training_cases import parts, with_poison

from latentode.training.execution.graphs import StepGraphs
from latentode.training.optimizer import make_optimizer
from latentode.training.step import GradientStep


def both_take(steps, device="cpu", poison=(), **values):
    """The same steps with and without graphs: outcomes and weights of either run."""
    found = []
    for graphed in (False, True):
        made = parts(**{"model__dropout": 0.0, **values})
        sampler = with_poison(made.sampler, poison) if poison else None
        step = step_of(made, graphed=graphed, device=device, sampler=sampler)
        outcomes = [step(rows_of(made, number), number, 1e-3) for number in range(steps)]
        found.append((outcomes, [p.detach().cpu() for p in made.model.parameters()], step))
    return found


def assert_alike(plain, graphed):
    for one, other in zip(plain[0], graphed[0], strict=True):
        assert (one.finite, one.skipped_windows) == (other.finite, other.skipped_windows)
        assert other.loss == pytest.approx(one.loss, rel=1e-5, abs=1e-5, nan_ok=True)
        assert other.kl == pytest.approx(one.kl, rel=1e-4, abs=1e-5, nan_ok=True)
        assert other.grad_norm == pytest.approx(one.grad_norm, rel=1e-4, abs=1e-5, nan_ok=True)


def assert_gradients_alike(device, **values):
    made = parts(model__dropout=0.0, **values)
    gradients = []
    for graphed in (False, True):
        step = step_of(made, graphed=graphed, device=device)
        step.optimizer.step = lambda: None
        step.config = step.config.model_copy(
            update={"optimizer": step.config.optimizer.model_copy(update={"clip_norm": 1e9})}
        )
        step(rows_of(made, 0), 150, 1e-3)
        gradients.append([p.grad.clone() for p in made.model.parameters()])
    largest = max(float(gradient.abs().max()) for gradient in gradients[0])
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6 * largest)


class Repeat:
    """Repeats a computation as a graph does, and counts what was recorded."""

    def __init__(self):
        self.count = 0

    def __call__(self, run):
        self.count += 1
        run()
        return run


def step_of(made, *, graphed, device="cpu", sampler=None, **options):
    """A `GradientStep`; with `graphed` on a CPU, too."""
    made.model.to(device).train()
    optimizer = make_optimizer(made.model, made.config.train.optimizer)
    device = torch.device(device)
    step = GradientStep(
        made.model, sampler or made.sampler, optimizer, made.config.train, device, 10.0
    )
    if device.type == "cpu" and graphed:
        record = options.pop("record", Repeat())
        step.graphs = StepGraphs(
            made.model, step._loss, step.parameters, step.penalties, record, **options
        )
    elif not graphed:
        step.graphs = None
    return step


def rows_of(made, step, size=4):
    rows = made.sampler.eligible_rows()
    return np.random.default_rng(step).choice(rows, size=size)
