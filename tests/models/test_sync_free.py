"""Inside the model the host never waits for the device, so that a step can be captured in a graph.

The device "meta" stands for an accelerator here: it has shapes and no numbers, so it cannot be
read, and what goes to it from the host is seen by the modes below.
"""

import traceback
from dataclasses import replace

import pytest
import torch
from model_cases import case, irregular_log, noise_for
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from latentode import ode
from latentode.config import RegularizersConfig
from latentode.flows.regularizers import REGULARIZERS
from latentode.ode.trajectory import join
from latentode.training.terms import PathPenalties, loss_terms

# what cannot be answered before the device has come to the end of its work
WAITING = {
    "_local_scalar_dense", "item", "nonzero", "equal", "is_nonzero", "masked_select", "_unique2",
    "unique_dim", "unique_consecutive", "allclose", "bincount",
}  # fmt: skip
# Operators that copy a lone number of the host to the device; others get it as an argument.
COPYING = {"where", "cat", "stack", "index", "index_put", "index_put_", "copy_", "_to_copy"}
# Python's ways to make a tensor of numbers of the host
CREATING = {torch.tensor, torch.as_tensor, torch.Tensor.new_tensor}


class Operators(TorchDispatchMode):
    """Notes each operator that makes the host wait, with the file of the package it is in."""

    def __init__(self, found):
        super().__init__()
        self.found = found

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        keywords = keywords or {}
        name = function._schema.name.removeprefix("aten::")
        inputs = [x for x in tree_leaves((arguments, keywords)) if isinstance(x, torch.Tensor)]
        devices = {x.device.type for x in inputs}
        if keywords.get("device") is not None and inputs:
            devices.add(torch.device(keywords["device"]).type)
        copies = name in COPYING and len(devices) > 1
        by_mask = name.startswith("index") and any(x.dtype == torch.bool for x in inputs[1:2])
        if name in WAITING or copies or by_mask:
            self.found.append((name, place()))
        return function(*arguments, **keywords)


class Creations(TorchFunctionMode):
    """Notes each tensor that is made of numbers of the host on another device."""

    def __init__(self, found):
        super().__init__()
        self.found = found

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        made = function(*arguments, **(keywords or {}))
        if function in CREATING and made.device.type != "cpu":
            source = arguments[1 if function is torch.Tensor.new_tensor else 0]
            if not isinstance(source, torch.Tensor) or source.device != made.device:
                self.found.append((function.__name__, place()))
        return made


def place():
    files = [x.filename for x in traceback.extract_stack() if "/latentode/" in x.filename]
    return files[-1].rpartition("/latentode/")[2] if files else "outside"


def waits(compute):
    """What makes the host wait in a computation and its backward pass, (operator, file)."""
    found = []
    with Creations(found), Operators(found):
        loss = compute()
        loss.backward()
    assert loss.device.type == "meta"
    return found


def waits_of_the_model(model, batch, **options):
    model, batch, noise = model.train().to("meta"), batch.to("meta"), noise_for(batch).to("meta")
    return waits(lambda: sum(x.sum() for x in model(batch, noise, **options)))


@pytest.mark.parametrize("encoder", ["rnn", "attention"])
@pytest.mark.parametrize(
    "values",
    [
        {"model__anchor": "start", "model__dropout": 0.1},
        {"model__memory": False, "model__likelihood": "gaussian", "model__dynamics": "time"},
        {"solver__method": "rk4", "solver__substeps": 2},
        {"model__dynamics_noise": "learned"},
        {"model__dynamics_noise": "learned", "model__anchor": "start"},
    ],
)
def test_the_host_never_waits_inside_an_unchecked_model(encoder, values):
    model, batch = case(model__encoder=encoder, **values)
    assert batch.lower < 0 or "model__anchor" in values
    found = waits_of_the_model(model, batch, check=False)
    assert found == []


def test_nor_does_it_under_regularisers_of_the_paths():
    model, batch = case(model__anchor="start", model__dropout=0.1)
    weights = dict.fromkeys((*REGULARIZERS, "steer"), 0.5)
    penalties = PathPenalties.of(RegularizersConfig(**weights))
    model, batch, noise = model.train().to("meta"), batch.to("meta"), noise_for(batch).to("meta")

    def loss():
        terms = loss_terms(model, batch, noise, penalties, check=False)
        return terms.kl.sum() + penalties.total(terms.regularizers)

    assert waits(loss) == []


@pytest.mark.parametrize("anchor", ["origin", "start"])
def test_nor_does_it_for_labels(anchor):
    sizes = {"model__knots": 0, "model__dropout": 0.1}
    model, batch = case(num_classes=3, model__anchor=anchor, **sizes)
    labels = torch.arange(batch.size) % 4 - 1
    found = waits_of_the_model(model, replace(batch, labels=labels), check=False)
    assert found == []


def test_nor_does_it_where_long_windows_are_condensed():
    log = irregular_log((400, 300), extras=False)
    sizes = {"windows__context": "96h", "windows__horizon": "6h"}
    model, batch = case(log, size=2, model__encoder="attention", **sizes)
    assert batch.times.shape[1] > 128
    found = waits_of_the_model(model, batch, check=False)
    assert found == []


def test_a_checked_model_and_a_schedule_are_seen_to_wait():
    model, batch = case()
    with pytest.raises(RuntimeError, match="meta"):
        waits_of_the_model(model, batch)
    model, batch = case(model__encoder="ode_rnn")
    with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
        waits_of_the_model(model, batch, check=False)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda x: torch.where(x > 0, x, torch.zeros(())),
        lambda x: x * x.new_tensor([1.0, 2.0, 3.0]),
        lambda x: x * torch.tensor(2.0, device=x.device),
        lambda x: x * torch.ones(3).to(x.device),
        lambda x: torch.as_tensor(1.0, device=x.device) * x,
    ],
)
def test_every_kind_of_copy_is_seen(spoil):
    x = torch.ones(3, device="meta", requires_grad=True)
    assert len(waits(lambda: spoil(x).sum())) == 1
    assert waits(lambda: torch.where(x > 0, x * 2.0 + torch.ones(()), 0.0).sum()) == []


def test_unchecked_halves_join_as_checked_ones_do():
    config = ode.solve.__defaults__[0].model_copy(update={"step_size": 0.25, "method": "rk4"})
    z0 = torch.randn(2, 3, 4, dtype=torch.float64)

    def both(check):
        ahead, back = (
            ode.solve(lambda _, z: -z, z0, 0.0, end, config, check=check) for end in (1.0, -0.6)
        )
        return join(back, ahead, check=check)

    one, other = both(True), both(False)
    assert torch.equal(one.states, other.states)
    assert (one.first, one.step) == (other.first, other.step) == (-3, 0.25)
