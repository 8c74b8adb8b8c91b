"""The optimiser: torch's steps to the bit, a state that is taken over whole, and no compiler."""

import pytest
import torch
from places import HELPERS
from programs import python
from torch import nn

from latentode.flows.adam import AdamW


def networks(count, dtype=torch.float32):
    """Copies of a network, one layer of which gets no gradient at first."""
    torch.manual_seed(0)
    made = [nn.ModuleList([nn.Linear(3, 4), nn.Linear(4, 2)]) for _ in range(count)]
    for copy in made:
        copy.load_state_dict(made[0].state_dict())
        copy.to(dtype)
    return made


def groups_of(model):
    """Two groups: the matrices decay, and have a step size of their own."""
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    return [
        {"params": matrices, "weight_decay": 0.3, "lr": 0.02},
        {"params": vectors, "weight_decay": 0.0},
    ]


def descend(model, optimizer, steps):
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        weight = model[0].weight
        x = torch.randn(5, 3, generator=generator).to(weight)
        y = torch.tanh(model[0](x))
        y = model[1](y) if step >= 2 else y  # so the second layer's count of steps is another
        optimizer.zero_grad()
        (y**2).mean().backward()
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * 0.97
        optimizer.step()


def assert_same_bits(first, second):
    for got, expected in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(got, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.99)])
def test_steps_are_those_of_torch_bit_for_bit(betas, dtype, device):
    model, reference = (network.to(device) for network in networks(2, dtype))
    optimizer = AdamW(groups_of(model), 0.01, betas)
    descend(model, optimizer, range(30))
    fused = torch.device(device).type == "cpu" or None
    torchs = torch.optim.AdamW(groups_of(reference), 0.01, betas, fused=fused)
    descend(reference, torchs, range(30))
    assert_same_bits(model, reference)
    entries = torchs.state_dict()["state"]
    state = {f"{i}.{name}": v for i, entry in entries.items() for name, v in entry.items()}
    assert optimizer.tensors().keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in optimizer.tensors().items())


def test_without_decay_steps_are_those_of_torchs_adam_bit_for_bit():
    model, reference = networks(2)
    descend(model, AdamW([{"params": list(model.parameters())}], 0.01), range(20))
    descend(reference, torch.optim.Adam(reference.parameters(), 0.01, fused=True), range(20))
    assert_same_bits(model, reference)


@pytest.mark.parametrize("steps", [0, 1, 5])
def test_a_restored_state_goes_on_with_the_same_bits(steps):
    whole, halves = networks(2)
    optimizer, first = AdamW(groups_of(whole), 0.01), AdamW(groups_of(halves), 0.01)
    descend(whole, optimizer, range(9))
    descend(halves, first, range(steps))
    saved = first.tensors()
    second = AdamW(groups_of(halves), 0.01)
    second.load(saved)
    for taken_over, before in zip(second.param_groups, first.param_groups, strict=True):
        taken_over["lr"] = before["lr"]  # the caller's to keep
    kept = {name: value.clone() for name, value in saved.items()}
    descend(halves, second, range(steps, 9))
    assert_same_bits(halves, whole)
    assert all(torch.equal(saved[name], value) for name, value in kept.items())  # a copy went on


def test_loading_replaces_the_whole_state():
    model, _ = networks(2)
    optimizer = AdamW(groups_of(model), 0.01)
    descend(model, optimizer, range(5))
    optimizer.load({})
    assert optimizer.tensors() == {}


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("0.exp_avg", (7,)),
        ("0.exp_avg", ()),
        ("0.step", (4, 3)),
        ("9.exp_avg", (4, 3)),
        ("-1.exp_avg", (2,)),
    ],
)
def test_a_tensor_that_fits_no_weight_is_refused(name, shape):
    model, _ = networks(2)
    with pytest.raises(ValueError, match=f"{name}: a tensor of shape .* fits no weight"):
        AdamW(groups_of(model), 0.01).load({name: torch.zeros(shape)})


@pytest.mark.parametrize("missing", ["step", "exp_avg", "exp_avg_sq"])
def test_part_of_a_state_is_refused_and_changes_nothing(missing):
    model, _ = networks(2)
    optimizer = AdamW(groups_of(model), 0.01)
    descend(model, optimizer, range(3))
    before = optimizer.tensors()
    del before[f"1.{missing}"]
    with pytest.raises(ValueError, match="expected step, exp_avg, exp_avg_sq of a weight"):
        optimizer.load(before)
    assert len(optimizer.tensors()) == len(before) + 1


FITS = """
import sys
import numpy as np
import torch
from event_cases import streams
from model_cases import irregular_log
from training_cases import training_settings
from latentode.estimators.event_forecaster import EventForecaster
from latentode.flows.density_estimator import DensityEstimator
from latentode.flows.fitting import FlowFitConfig
from latentode.models.fitted.training_log import TrainingLog
from latentode.training.fit import fit_model

torch.set_num_threads(1)
short = {"train__max_epochs": 1, "train__steps_per_epoch": 1}
refined = {"model__refine": 4, "model__memory": False, "model__knots": 0}
fit_model(TrainingLog(irregular_log(extras=False)), training_settings(**short, **refined))
EventForecaster(latent_dim=2, hidden_dim=4, steps=1).fit(streams([[1.0, 4.0, 7.0]] * 4))
brief = FlowFitConfig(warm_up_steps=1, steps=1)
DensityEstimator(hidden_dims=(4,), fit_config=brief).fit(np.zeros((8, 2)) + np.arange(8)[:, None])
print(sorted(n for n in sys.modules if n.startswith(("torch._dynamo", "torch._inductor"))))
"""


def test_fitting_loads_no_compiler():
    done = python("-c", FITS, cwd=HELPERS)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
