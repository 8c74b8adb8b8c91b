"""Gradients of the whole model: complete, finite, and right."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from grids import thinned
from model_cases import case, double, gradients, irregular_log, loss_of, noise_for

from latentode.config import SolverConfig

AXES = {
    "encoder": ("rnn", "ode_rnn", "attention"),
    "anchor": ("origin", "start"),
    "dynamics": ("autonomous", "time", "inputs"),
    "likelihood": ("gaussian", "student_t"),
    "noise": ("constant", "state"),
}
COMBINATIONS = list(itertools.product(*AXES.values(), ("elbo", "iwae")))
# any three of them in some combination that is not slow
GRID = [
    pytest.param(each.values, marks=each.marks)
    for each in thinned([*AXES.values(), ("elbo", "iwae")], together=3)
]


def combination(choice):
    return {f"model__{name}": value for name, value in zip(AXES, choice, strict=False)}


@pytest.mark.parametrize("choice", GRID, ids="-".join)
def test_every_parameter_learns(choice):
    model, batch = case(**combination(choice))
    found = gradients(model, loss_of(model, batch, noise_for(batch), choice[-1]))
    assert len(found) > 20
    for name, gradient in found.items():
        assert gradient is not None, name
        assert torch.isfinite(gradient).all(), name
        assert gradient.abs().max() > 0, name


@pytest.mark.parametrize("choice", [COMBINATIONS[0], COMBINATIONS[-1]], ids="-".join)
def test_no_parameter_is_registered_twice(choice):
    model, _ = case(**combination(choice))
    every = [*model.named_parameters(remove_duplicate=False)]
    assert len({id(p) for _, p in every}) == len(every)
    pointers = [p.data_ptr() for _, p in every if p.numel()]
    assert len(set(pointers)) == len(pointers)
    assert set(model.state_dict()) == {n for n, _ in every} | {n for n, _ in model.named_buffers()}


@pytest.mark.parametrize("likelihood", AXES["likelihood"])
@pytest.mark.parametrize("planted", [float("nan"), float("inf"), 1e38])
def test_what_stands_at_an_unobserved_target_reaches_neither_loss_nor_gradient(likelihood, planted):
    model, batch = case(model__likelihood=likelihood)
    assert not batch.target_mask.all()
    spoiled = replace(batch, targets=batch.targets.masked_fill(~batch.target_mask, planted))
    noise = noise_for(batch)
    loss, same = loss_of(model, batch, noise), loss_of(model, spoiled, noise)
    assert torch.equal(loss, same)
    expected, found = gradients(model, loss), gradients(model, same)
    for name in expected:
        assert torch.equal(expected[name], found[name]), name


@pytest.mark.parametrize(
    "choice",
    [("rnn", "origin", "inputs", "student_t", "state", "elbo"),
     ("ode_rnn", "start", "time", "gaussian", "constant", "iwae"),
     ("attention", "start", "inputs", "student_t", "state", "elbo")],
    ids="-".join,
)  # fmt: skip
def test_gradients_in_float64_are_those_of_finite_differences(choice):
    model, batch = case(irregular_log((20, 12)), size=3, **combination(choice))
    model, batch, noise = model.double(), double(batch), noise_for(batch).double()
    found = gradients(model, loss_of(model, batch, noise, choice[-1]))
    generator = torch.Generator().manual_seed(0)
    step = 1e-5
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            direction = torch.randn(parameter.shape, generator=generator).double()
            sides = []
            for sign in (1, -2):
                parameter.add_(sign * step * direction)
                sides.append(float(loss_of(model, batch, noise, choice[-1])))
            parameter.add_(step * direction)
            slope = float((found[name] * direction).sum())
            # truncation is of the order of step^2, rounding 1e-14 / step
            expected = (sides[0] - sides[1]) / (2 * step)
            assert slope == pytest.approx(expected, rel=2e-5, abs=1e-7), name


@pytest.mark.parametrize("anchor", AXES["anchor"])
@pytest.mark.parametrize("dynamics", ["autonomous", "inputs"])
def test_the_adjoint_gives_the_gradients_of_backpropagation(anchor, dynamics):
    # a day's window has a kink of the inputs, over which an adaptive method creeps
    log, spans = irregular_log((80, 60, 50)), {"context": "18h", "horizon": "6h"}
    spans = {f"windows__{name}": value for name, value in spans.items()}
    model, batch = case(log, size=3, model__anchor=anchor, model__dynamics=dynamics, **spans)
    model, batch, noise = model.double(), double(batch), noise_for(batch).double()
    found = []
    for gradient in ("backprop", "adjoint"):
        model.solver = SolverConfig(
            method="dopri5", rtol=1e-9, atol=1e-10, step_size=0.25, gradient=gradient
        )
        found.append(gradients(model, loss_of(model, batch, noise)))
    for name, expected in found[0].items():
        size = float(expected.abs().max())
        np.testing.assert_allclose(found[1][name], expected, rtol=0, atol=1e-6 * size, err_msg=name)


@pytest.mark.parametrize("anchor", AXES["anchor"])
def test_a_window_without_any_visible_row_has_finite_gradients(anchor):
    model, batch = case(model__anchor=anchor)
    nothing = replace(
        batch,
        times=torch.zeros(batch.size, 1, dtype=torch.float64),
        values=torch.zeros(batch.size, 1, 2),
        mask=torch.zeros(batch.size, 1, 2, dtype=torch.bool),
        lengths=torch.zeros_like(batch.lengths),
    )
    found = gradients(model, loss_of(model, nothing, noise_for(batch)))
    # an encoder that read nothing may learn nothing
    rest = {name: g for name, g in found.items() if not name.startswith("encoder")}
    assert all(torch.isfinite(g).all() for g in rest.values())
    assert rest["decoder.linear.weight"].abs().max() > 0
    assert all(g is None or torch.isfinite(g).all() for g in found.values())
