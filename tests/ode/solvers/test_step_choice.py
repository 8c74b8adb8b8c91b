"""The step that is chosen when none is given, and the estimate of its error."""

import functools
import math

import pytest
import torch
from nn_cases import LayeredTimeField

from latentode.config import SolverConfig
from latentode.errors import SolverError
from latentode.ode import choose_joint_step, choose_step, solve, step_error

STIFF = 1000.0


def relaxing(rate):
    """Follows cos t with the given rate; the solution is smooth however large the rate is."""
    return lambda t, z: rate * (torch.cos(t)[..., None].to(z) - z)


def oscillating(_t, z):
    return torch.stack([z[..., 1], -4 * z[..., 0]], -1)


def true_error(z0, t1, config):
    """Relative rms error of the dense output of an oscillation, against the closed form."""
    times = torch.linspace(0, t1, 400, dtype=torch.float64)
    cos, sin = torch.cos(2 * times), torch.sin(2 * times)
    place, speed = z0[:, :1], z0[:, 1:]
    truth = torch.stack([place * cos + speed / 2 * sin, speed * cos - 2 * place * sin], -1)
    got = solve(oscillating, z0, 0.0, t1, config).at(times)
    return float(((got - truth).square().sum() / truth.square().sum()).sqrt())


@functools.cache
def choice_for_a_stiff_field():
    """Too stiff for Runge-Kutta at 256 steps, whose last that is stable is a rate of 712."""
    config = SolverConfig(rtol=1e-4, atol=1e-4, tolerance=1e-2)
    return choose_step(relaxing(STIFF), torch.ones(2, 1).double(), 0.0, 1.0, config)


@pytest.mark.parametrize("step_size", [0.2, 0.05])
@pytest.mark.parametrize("method", ["ab4", "rk4"])
def test_the_estimated_error_is_the_true_error(method, step_size):
    z0 = torch.tensor([[1.0, 0.0], [0.3, -2.0]], dtype=torch.float64)
    config = SolverConfig(method=method, step_size=step_size)
    estimate = step_error(oscillating, z0, 0.0, 4.0, config)
    error = true_error(z0, 4.0, config)
    # the estimate weighs grid points and middles alike; the truth was read everywhere between
    assert 0.6 * error < estimate < 1.7 * error


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-5])
@pytest.mark.parametrize("method", ["ab4", "rk4", "dopri5", "dopri8"])
def test_a_chosen_step_keeps_the_tolerance_and_wastes_little(method, tolerance):
    z0 = torch.tensor([[1.0, 0.0], [0.3, -2.0]], dtype=torch.float64)
    settings = SolverConfig(method=method, tolerance=tolerance, rtol=1e-7, atol=1e-7)
    chosen, estimate = choose_step(oscillating, z0, 0.0, 4.0, settings)
    assert estimate <= tolerance
    assert true_error(z0, 4.0, chosen) < 1.7 * tolerance
    if chosen.step_size < 1.0:  # the longest that is tried
        longer = chosen.model_copy(update={"step_size": 2 * chosen.step_size})
        assert step_error(oscillating, z0, 0.0, 4.0, longer) > tolerance


def test_solve_without_a_step_reports_its_error_and_gives_gradients():
    z0 = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    trajectory = solve(oscillating, z0, 0.0, torch.tensor([1.0, 2.0, 0.5]))
    assert 0 < trajectory.stats.error <= 1e-3
    trajectory.states[-1].sum().backward()
    assert torch.isfinite(z0.grad).all()
    given = solve(oscillating, z0, 0.0, 1.0, SolverConfig(step_size=0.1))
    assert given.stats.error is None


def test_a_smooth_field_is_solved_by_ab4_and_a_steep_one_by_something_steadier():
    z0 = torch.ones(2, 1, dtype=torch.float64)
    gentle, _ = choose_step(oscillating, torch.ones(2, 2).double(), 0.0, 4.0, SolverConfig())
    steep, _ = choose_step(relaxing(300.0), z0, 0.0, 1.0, SolverConfig())
    steeper, error = choice_for_a_stiff_field()
    assert (gentle.method, steep.method, steeper.method) == ("ab4", "rk4", "dopri5")
    assert error <= 1e-2


def test_a_field_that_no_method_can_solve_says_so_within_the_budget():
    z0 = torch.ones(2, 1, dtype=torch.float64)
    with pytest.raises(SolverError, match=r"expected at most \d+ evaluations, got more") as caught:
        choose_step(relaxing(1e7), z0, 0.0, 1.0, SolverConfig(max_nfe=600))
    assert caught.value.status == "max_steps"
    with pytest.raises(SolverError, match="expected finite slopes"):
        choose_step(lambda _t, z: z * math.nan, z0, 0.0, 1.0, SolverConfig())


def test_a_stiff_field_is_left_to_an_adaptive_method_unless_that_is_not_wanted():
    z0 = torch.ones(2, 1, dtype=torch.float64)
    config = SolverConfig(rtol=1e-4, atol=1e-4, tolerance=1e-2)
    assert choice_for_a_stiff_field()[0].method == "dopri5"
    with pytest.raises(SolverError):
        choose_step(relaxing(STIFF), z0, 0.0, 1.0, config, stiff=False)


def test_the_choice_holds_for_backward_and_layered_solves_and_none_at_all():
    field = LayeredTimeField(batch=3)
    z0 = torch.randn(3, 3, dtype=torch.float64)
    for end in (-2.0, 2.0):
        chosen, error = choose_step(field, z0, 0.0, end, SolverConfig())
        assert error <= 1e-3
        assert solve(field, z0, 0.0, end, chosen).stats.nfe < 400
    assert solve(field, z0, 1.0, 1.0).states.shape[1:] == z0.shape


def test_a_joint_choice_is_the_steadier_method_and_the_shorter_step_of_both_directions():
    def field(t, z):  # steep before the start, gentle after it
        return torch.where(t < 0, -300.0, 1.0) * (torch.cos(t)[..., None].to(z) - z)

    z0 = torch.ones(2, 1, dtype=torch.float64)
    ends = (1.0, -0.5)
    alone = [choose_step(field, z0, 0.0, end, SolverConfig())[0] for end in ends]
    assert [choice.method for choice in alone] == ["ab4", "rk4"]
    assert alone[1].step_size < alone[0].step_size
    for order in (ends, ends[::-1]):
        joint = choose_joint_step(field, z0, 0.0, order, SolverConfig())
        assert joint == alone[1]
    assert choose_joint_step(field, z0, 0.0, (-0.5,), SolverConfig()) == alone[1]


def test_an_end_close_to_the_start_does_not_shorten_the_step():
    z0, config = torch.ones(2, 2, dtype=torch.float64), SolverConfig()
    alone, _ = choose_step(oscillating, z0, 0.0, -4.0, config)
    for close in (0.0, 1e-6, 0.01):
        assert choose_joint_step(oscillating, z0, 0.0, (close, -4.0), config) == alone


def test_a_step_that_makes_the_method_unstable_has_an_infinite_error():
    z0 = torch.ones(2, 1)
    field = relaxing(1e6)
    assert step_error(field, z0, 0.0, 50.0, SolverConfig(step_size=0.25)) == math.inf
