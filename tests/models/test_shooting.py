"""The path through the knots: where it passes, what it sees, and what is left as it was."""

from dataclasses import replace

import pytest
import torch
from model_cases import case, double, noise_for

from latentode import ode
from latentode.config import ModelConfig, SolverConfig
from latentode.errors import SolverError


def exact(model, batch):
    return model.double(), double(batch)


def knots_of(model, batch, z0):
    spacing = model.shooting.spacing
    count = int(-batch.lower // spacing) + 1
    times = torch.arange(-count, 0, dtype=torch.float64).expand(batch.size, -1) * spacing
    context = model.known_at(batch, times)
    return times, model.shooting.smoother(model.encoder_rows(batch), times, context, z0)


def test_the_path_passes_through_the_knots_and_the_state_at_the_anchor():
    model, batch = exact(*case(model__knots=8))
    z0 = noise_for(batch).double()
    times, knots = knots_of(model, batch, z0)
    path = model.trajectory(z0, batch)
    torch.testing.assert_close(path.at(times), knots, rtol=0, atol=1e-12)
    zero = torch.zeros(batch.size, 1, dtype=torch.float64)
    torch.testing.assert_close(path.at(zero)[:, :, 0], z0, rtol=0, atol=1e-12)
    assert float(path.covered()[0].max()) <= batch.lower


def test_the_path_leaves_every_knot_with_the_slope_of_the_field():
    model, batch = exact(*case(model__knots=8))
    z0 = noise_for(batch).double()
    times, knots = knots_of(model, batch, z0)
    path, field = model.trajectory(z0, batch), model.field(batch)
    for number in range(times.shape[1]):
        slope = field(times[:, number], knots[:, :, number])
        found = path.slope_at(times[:, [number]])[:, :, 0]
        torch.testing.assert_close(found, slope, rtol=1e-9, atol=1e-9)


def test_knots_on_a_solution_leave_it_as_it_is():
    def field(_t, z):
        return torch.stack([z[..., 1], -z[..., 0]], dim=-1)

    solver = SolverConfig(method="rk4", step_size=0.05)
    start = torch.tensor([[[1.0, 0.0], [0.5, 2.0]]]).double()
    whole = ode.solve(field, start, 0.0, 2.0, solver)
    states = [whole.at(t)[:, :, 0] for t in (0.0, 0.5, 1.0)]
    pieces = ode.solve(field, torch.cat(states[:2], dim=1), 0.0, 0.5, solver)
    onwards = ode.solve(field, states[2], 0.0, 1.0, solver)
    path = ode.through_knots(pieces, states[1][None], onwards)
    times = torch.linspace(0.0, 2.0, 41, dtype=torch.float64)
    # the solve and its dense output are of order four
    torch.testing.assert_close(path.at(times - 1.0), whole.at(times), rtol=0, atol=1e-6)


def test_a_window_has_the_same_path_alone():
    model, batch = exact(*case())
    z0 = noise_for(batch).double()
    together = model.trajectory(z0, batch)
    for window in range(batch.size):
        one = batch.select(torch.tensor([window]))
        one = replace(one, lower=float(one.times.min()))
        alone = model.trajectory(z0[:, [window]], one)
        torch.testing.assert_close(
            alone.at(one.times), together.at(batch.times)[:, [window]], rtol=0, atol=1e-12
        )


def test_a_knot_hears_of_rows_on_both_sides_and_of_the_anchor():
    model, batch = exact(*case())
    longest = int(batch.lengths.argmax())
    values = batch.values.clone().requires_grad_()
    z0 = noise_for(batch).double().requires_grad_()
    _, knots = knots_of(model, replace(batch, values=values), z0)
    middle = knots.shape[2] // 2
    by_values, by_state = torch.autograd.grad(knots[0, longest, middle].sum(), [values, z0])
    rows = by_values[longest].abs().sum(-1)[: int(batch.lengths[longest])]
    assert (rows[batch.mask[longest, : len(rows)].any(-1)] > 0).all()
    assert (by_state[0, longest] != 0).all()
    assert (by_values[torch.arange(batch.size) != longest] == 0).all()


@pytest.mark.parametrize("values", [{"model__knots": 0}, {"model__anchor": "start"}])
def test_without_knots_the_path_is_one_solve(values):
    model, batch = exact(*case(**values))
    z0 = noise_for(batch).double()
    assert model.shooting is None
    alike = model.trajectory(z0, batch, remember=False)
    assert torch.equal(model.trajectory(z0, batch).states, alike.states)


def test_a_path_that_remembers_nothing_is_one_solve_through_the_anchor():
    model, batch = exact(*case(solver__method="rk4", solver__step_size=0.02))
    # given inputs jump, where no step of any size is of high order
    batch = replace(batch, inputs=replace(batch.inputs, knot_values=0 * batch.inputs.knot_values))
    z0 = noise_for(batch).double()
    path, field = model.trajectory(z0, batch, remember=False), model.field(batch)
    times = torch.full((batch.size, 1), batch.lower / 2, dtype=torch.float64)
    slope = field(times[:, 0], path.at(times)[:, :, 0])
    torch.testing.assert_close(path.slope_at(times)[:, :, 0], slope, rtol=1e-5, atol=1e-5)


def test_steps_divide_the_spacing_and_are_no_longer_than_asked():
    shooting = case(model__knots=16)[0].shooting
    for asked in (1.0, 0.25, 0.1, 0.03):
        step = shooting.between(SolverConfig(step_size=asked)).step_size
        assert step <= asked
        assert round(0.25 / step) == pytest.approx(0.25 / step, rel=1e-12)


def test_what_is_left_open_follows_from_how_many_series_there_are():
    small, some, many = (ModelConfig().resolved(count) for count in (0, 60, 600))
    assert (small.levels, some.levels, many.levels) == (False, True, True)
    assert (small.pooled, some.pooled, many.pooled) == (False, True, True)
    later = ModelConfig().resolved(600, unseen=False)
    assert (later.levels, later.pooled, later.hidden_dim) == (False, True, small.hidden_dim)
    assert small.hidden_dim < many.hidden_dim
    own = ModelConfig(latent_dim=5, levels=False, dropout=0.3).resolved(600)
    assert (own.latent_dim, own.levels, own.dropout) == (5, False, 0.3)
    assert own.hidden_dim == many.hidden_dim
    assert own.resolved(0) == own


@pytest.mark.parametrize("window", [0, 3])
def test_a_solve_between_knots_that_fails_names_its_window(window):
    model, batch = case(model__knots=8)
    z0, smoother = noise_for(batch), model.shooting.smoother

    def broken(_module, _given, knots):
        knots = knots.clone()
        knots[:, window, 1] = torch.nan  # the second knot: a piece beyond the first of every window
        return knots

    smoother.register_forward_hook(broken)
    with pytest.raises(SolverError, match="finite") as error:
        model.trajectory(z0, batch)
    assert error.value.series == (window,)
