"""Reading the dense output: any times, in any order; joining two solves."""

import dataclasses

import pytest
import torch
from ode_cases import SolverConfig, solve

from latentode.errors import ShapeError
from latentode.ode import Trajectory, join


def pendulum(t, z):
    angle, speed = z.unbind(-1)
    return torch.stack([speed, -torch.sin(angle) + 0.1 * torch.cos(t)], -1)


@pytest.fixture
def z0():
    return torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def t0():
    return torch.tensor([0.0, 10.0, -4.0], dtype=torch.float64)


@pytest.fixture
def trajectory(z0, t0):
    return solve(pendulum, z0, t0, t0 + torch.tensor([1.0, 0.63, 0.2]).double())


def test_at_reads_unsorted_and_duplicate_times_of_each_series(trajectory, z0, t0):
    times = t0[:, None] + torch.tensor([0.17, 0.0, 0.05, 0.17, 0.2, 0.11], dtype=torch.float64)
    read = trajectory.at(times)
    assert read.shape == (2, 3, 6, 2)
    torch.testing.assert_close(read[:, :, 0], read[:, :, 3], rtol=0, atol=0)
    torch.testing.assert_close(read[:, :, 1], z0, rtol=0, atol=0)
    torch.testing.assert_close(read[:, :, 2], trajectory.states[1], rtol=0, atol=1e-14)
    order = torch.tensor([4, 2, 0, 1, 5, 3])
    torch.testing.assert_close(trajectory.at(times[:, order]), read[:, :, order], rtol=0, atol=0)


def test_at_takes_shared_times_and_single_numbers(z0):
    trajectory = solve(pendulum, z0, 0.0, 1.0)
    shared = torch.tensor([0.7, 0.1, 0.4], dtype=torch.float64)
    own = trajectory.at(shared.expand(3, 3))
    torch.testing.assert_close(trajectory.at(shared), own, rtol=0, atol=0)
    torch.testing.assert_close(trajectory.at(0.7), own[:, :, :1], rtol=0, atol=0)
    torch.testing.assert_close(trajectory.at(shared[0]), own[:, :, :1], rtol=0, atol=0)
    assert trajectory.at(torch.zeros(3, 0)).shape == (2, 3, 0, 2)


def test_at_is_the_cubic_through_states_and_slopes(t0):
    # a cubic in time is its own Hermite polynomial, and RK4 (here Simpson's rule) solves it exactly
    field = lambda t, z: (3 * t**2 - 2 * t + 1)[..., None].expand_as(z)  # noqa: E731
    start = t0 / 10
    cubic = lambda t: t**3 - t**2 + t  # noqa: E731
    trajectory = solve(field, cubic(start)[:, None], start, start + 1, SolverConfig(step_size=0.5))
    times = start[:, None] + torch.rand(3, 20, dtype=torch.float64)
    torch.testing.assert_close(trajectory.at(times)[..., 0], cubic(times), rtol=0, atol=1e-13)
    slope = 3 * times**2 - 2 * times + 1
    torch.testing.assert_close(trajectory.slope_at(times)[..., 0], slope, rtol=0, atol=1e-13)


def test_slope_at_is_the_derivative_of_at_and_the_field_at_grid_points(trajectory, t0):
    times = (t0[:, None] + torch.tensor([0.01, 0.19, 0.13]).double()).requires_grad_()
    read = trajectory.at(times)
    (derivative,) = torch.autograd.grad(read[0, :, :, 0].sum(), times)
    torch.testing.assert_close(derivative, trajectory.slope_at(times)[0, :, :, 0])
    grid = t0[:, None] + 0.05 * torch.arange(5).double()
    slopes = trajectory.slopes[:5].movedim(0, -2)
    torch.testing.assert_close(trajectory.slope_at(grid), slopes, rtol=1e-9, atol=1e-9)


def test_gradient_by_a_time_at_the_very_end_is_the_slope(trajectory, t0):
    end = (t0[:1] + 1).requires_grad_()
    times = torch.cat([end, t0[1:]])[:, None]
    (derivative,) = torch.autograd.grad(trajectory.at(times)[1, 0, 0, 1], end)
    torch.testing.assert_close(derivative, trajectory.slopes[20, 1, 0, 1:], rtol=1e-9, atol=0)


@pytest.mark.parametrize(
    ("series", "time", "covered"),
    [
        (0, 1.01, r"\[0, 1\]"),
        (0, -0.01, r"\[0, 1\]"),
        (1, 10.66, r"\[10, 10.65\]"),  # its own grid, although that of series 0 is longer
        (2, float("nan"), r"\[-4, -3.8\]"),
    ],
)
def test_at_refuses_times_that_a_series_own_solve_does_not_cover(
    trajectory, t0, series, time, covered
):
    times = t0[:, None].repeat(1, 2)
    times[series, 1] = time
    with pytest.raises(ShapeError, match=f"{covered}.* got .* in series {series}"):
        trajectory.at(times)


def test_at_without_check_reads_the_nearest_end(trajectory):
    late = trajectory.at(torch.full((3, 1), 1e6), check=False)[:, :, 0]
    torch.testing.assert_close(late, trajectory.states[-1], rtol=1e-3, atol=1e-3)
    early = trajectory.at(torch.full((3, 1), -1e6), check=False)[:, :, 0]
    torch.testing.assert_close(early, trajectory.states[0], rtol=1e-3, atol=1e-3)


def test_at_refuses_times_of_another_batch(trajectory):
    with pytest.raises(ShapeError, match=r"expected shape \(3, time\) or \(time,\), got \(2, 5\)"):
        trajectory.at(torch.zeros(2, 5))


def test_covered_reaches_the_first_grid_point_after_each_own_end(trajectory, t0):
    low, high = trajectory.covered()
    torch.testing.assert_close(low, t0)
    torch.testing.assert_close(high, t0 + torch.tensor([1.0, 0.65, 0.2]).double())


def test_backward_trajectory_reads_by_the_same_times(z0):
    there = solve(pendulum, z0, 0.0, 1.0)
    back = solve(pendulum, there.states[-1], 1.0, 0.0)
    times = torch.tensor([[0.3, 0.9, 0.0], [1.0, 0.2, 0.5], [0.7, 0.7, 0.1]], dtype=torch.float64)
    # both directions have an error of order 4: about 1e-7 at this step
    torch.testing.assert_close(back.at(times), there.at(times), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(back.slope_at(times), there.slope_at(times), rtol=1e-4, atol=1e-4)
    low, high = back.covered()
    torch.testing.assert_close([low, high], [torch.zeros_like(low), torch.ones_like(low)])


def both_ways(z0, t0, before, after, settings=SolverConfig()):  # noqa: B008
    backward = solve(pendulum, z0, t0, t0 - before, settings)
    forward = solve(pendulum, z0, t0, t0 + after, settings)
    return backward, forward, join(backward, forward)


def test_join_reads_both_sides_as_its_parts_do(z0, t0):
    before = torch.tensor([0.3, 0.0, 1.0], dtype=torch.float64)
    after = torch.tensor([0.0, 0.52, 0.2], dtype=torch.float64)
    backward, forward, joined = both_ways(z0, t0, before, after)
    assert isinstance(joined, Trajectory)
    share = torch.tensor([1.0, 0.2, 0.0, 0.55], dtype=torch.float64)
    past, future = (t0[:, None] + side[:, None] * share for side in (-before, after))
    for part, times in ((backward, past), (forward, future)):
        torch.testing.assert_close(joined.at(times), part.at(times), rtol=0, atol=1e-13)
        torch.testing.assert_close(joined.slope_at(times), part.slope_at(times), rtol=0, atol=1e-11)
    assert joined.stats.nfe == backward.stats.nfe + forward.stats.nfe
    low, high = joined.covered()
    torch.testing.assert_close(low, backward.covered()[0])
    torch.testing.assert_close(high, forward.covered()[1])
    with pytest.raises(ShapeError, match="in series 1"):
        joined.at(torch.stack([past[0], past[1] - 0.06, past[2]]))


def test_join_integrates_over_both_sides_by_default(z0, t0):
    before = torch.tensor([0.3, 0.0, 1.0], dtype=torch.float64)
    backward, forward, joined = both_ways(z0, t0, before, 2 * before)
    fn = lambda t, z: torch.sin(z[..., 0]) * t  # noqa: E731
    expected = forward.integrate(fn) - backward.integrate(fn)
    torch.testing.assert_close(joined.integrate(fn), expected, rtol=1e-12, atol=1e-12)


def test_join_with_a_backward_part_of_no_length_is_the_forward_part(z0, t0):
    _, forward, joined = both_ways(z0, t0, torch.zeros(3).double(), torch.ones(3).double())
    torch.testing.assert_close(joined.states, forward.states, rtol=0, atol=0)
    torch.testing.assert_close(joined.covered(), forward.covered(), rtol=0, atol=0)


def test_join_refuses_parts_that_do_not_start_together(z0, t0):
    backward, forward, _ = both_ways(z0, t0, 1.0, 1.0)
    others = [
        solve(pendulum, z0, t0 + 1, t0 + 2),
        solve(pendulum, z0 + 1, t0, t0 + 1),
        solve(pendulum, z0, t0, t0 + 1, SolverConfig(step_size=0.1)),
        solve(pendulum, z0[:1], t0, t0 + 1),
    ]
    for other in others:
        with pytest.raises(ShapeError, match="from the same start with the same step size"):
            join(backward, other)
    with pytest.raises(ShapeError, match="expected a backward and a forward trajectory"):
        join(forward, forward)
    with pytest.raises(ShapeError, match="expected a backward and a forward trajectory"):
        join(backward, backward)


def test_what_is_infinite_behind_a_time_does_not_reach_it(trajectory):
    states = trajectory.states.clone()
    states[10:] = torch.inf
    broken = dataclasses.replace(trajectory, states=states)
    times = trajectory.t0.reshape(-1, 1) + trajectory.step * torch.arange(9).double() * 1.01
    assert torch.equal(broken.at(times, check=False), trajectory.at(times, check=False))
