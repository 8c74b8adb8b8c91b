"""`solve_sde`: closed forms, orders of both schemes, the ODE as its limit, cost of a control."""

import math

import pytest
import torch
from ode_cases import SolverConfig, solve

from latentode.errors import ConfigError
from latentode.ode import solve_sde

THETA, SIGMA = 1.3, 0.8
COUNT = 10_000


def config(step=0.05, method="rk4", **values):
    return SolverConfig(method=method, step_size=step, max_nfe=100_000, **values)


def pull(_, z):
    return -THETA * z


def constant(_, z):
    return torch.full_like(z, SIGMA)


def nothing(_, z):
    return torch.zeros_like(z)


def settle(end, *, control=None, count=COUNT, **values):
    """Ornstein-Uhlenbeck paths from 1."""
    z0 = torch.ones(count, 1, dtype=torch.float64)
    keys = torch.arange(count)
    return solve_sde(pull, constant, z0, 0.0, end, config(**values), keys=keys, control=control)


def variance(t, theta=THETA):
    return SIGMA**2 / (2 * theta) * (1 - math.exp(-2 * theta * t))


@pytest.mark.parametrize("method", ["ab4", "rk4"])
def test_without_diffusion_the_path_is_that_of_solve_to_the_bit(method):
    def field(t, z):
        return torch.sin(z.flip(-1)) - 0.3 * z * torch.cos(t)[..., None].to(z)

    z0 = torch.tensor([[[0.3, -1.2], [2.0, 0.7]]])
    ends, settings = torch.tensor([1.3, 2.0]), config(0.1, method)
    keys = torch.arange(2)[None]
    noisy = solve_sde(field, nothing, z0, 0.5, ends, settings, keys=keys)
    plain = solve(field, z0, 0.5, ends, settings)
    times = torch.tensor([[0.5, 0.61, 0.777, 1.2999], [0.5, 0.83, 1.7, 2.0]])
    assert torch.equal(noisy.states, plain.states)
    assert torch.equal(noisy.at(times), plain.at(times))


def test_ornstein_uhlenbeck_has_its_mean_and_variance_at_and_between_grid_points():
    path, error = settle(1.0, step=0.02), SIGMA / math.sqrt(COUNT)
    for time in (0.5, 0.513, 0.537, 1.0):
        z = path.at(time)
        assert abs(z.mean() - math.exp(-THETA * time)) < 4 * error
        # the noise of a step is not pulled back in it, which adds theta h = .026
        assert abs(z.var() / variance(time) - 1) < 0.026 + 4 * math.sqrt(2 / COUNT)


def test_reads_between_grid_points_are_the_brownian_motion_itself_without_drift():
    keys = torch.arange(7)[None]
    z0 = torch.zeros(1, 7, 2).double()
    path = solve_sde(nothing, constant, z0, 1.0, 3.0, config(0.5), keys=keys)
    times = 1.0 + torch.rand(7, 9, generator=torch.Generator().manual_seed(0)).double() * 2
    assert path.noise is not None
    w = path.noise.brownian.at((times - 1.0).T).movedim(0, -2)
    assert torch.allclose(path.at(times), SIGMA * w, atol=1e-12)


def test_the_same_noise_drives_steps_of_any_length():
    coarse, fine = settle(2.0, step=0.1, count=500), settle(2.0, step=0.025, count=500)
    together = torch.corrcoef(torch.stack([p.at(2.0).flatten() for p in (coarse, fine)]))
    assert together[0, 1] > 0.999


def strong_errors(diffusion, scheme, solution, method):
    """RMS errors at 1 of dz = z / 2 dt + g(z) dW from 1 for steps of 1/8 to 1/128."""
    errors = []
    for power in range(3, 8):
        z0, keys = torch.ones(1_500, 1).double(), torch.arange(1_500)
        path = solve_sde(
            lambda _, z: 0.5 * z, diffusion, z0, 0.0, 1.0, config(2.0**-power, method), keys=keys,
            scheme=scheme,
        )  # fmt: skip
        w = path.noise.at_points[-1]
        errors.append((path.states[-1] - solution(w)).square().mean().sqrt())
    return torch.stack(errors)


@pytest.mark.parametrize("method", ["ab4", "rk4"])
@pytest.mark.parametrize(("scheme", "order"), [("euler", 0.5), ("milstein", 1.0)])
def test_schemes_have_their_strong_order_on_geometric_brownian_motion(scheme, order, method):
    def solution(w):
        return torch.exp((0.5 - 0.5 * 0.7**2) + 0.7 * w)

    errors = strong_errors(lambda _, z: 0.7 * z, scheme, solution, method)
    slope = (errors[0] / errors[-1]).log2() / 4
    assert abs(slope - order) < 0.12  # of four halvings; errors of an order more are still there


def test_milstein_has_order_one_where_the_diffusion_is_not_linear():
    # dz = z / 2 dt + sqrt(1 + z^2) dW has the solution sinh(asinh(1) + W)
    def solution(w):
        return torch.sinh(math.asinh(1.0) + w)

    def diffusion(_, z):
        return torch.sqrt(1 + z**2)

    errors = strong_errors(diffusion, "milstein", solution, "rk4")
    assert abs((errors[0] / errors[-1]).log2() / 4 - 1.0) < 0.15


def test_euler_has_order_one_where_the_diffusion_is_constant():
    exact = settle(1.0, step=2.0**-8, count=2_000).states[-1]  # of the same Brownian motion
    errors = []
    for power in (2, 4):
        z0, keys = torch.ones(2_000, 1).double(), torch.arange(2_000)
        path = solve_sde(
            pull, constant, z0, 0.0, 1.0, config(2.0**-power), keys=keys, scheme="euler"
        )
        errors.append((path.states[-1] - exact).square().mean().sqrt())
    assert abs((errors[0] / errors[1]).log2() / 2 - 1.0) < 0.15


def test_both_schemes_agree_where_the_diffusion_is_constant():
    z0, keys = torch.ones(3, 2), torch.arange(3)
    one, other = (
        solve_sde(pull, constant, z0, 0.0, 1.0, config(), keys=keys, scheme=scheme).at(0.77)
        for scheme in ("euler", "milstein")
    )
    assert torch.equal(one, other)


def test_a_constant_control_moves_the_mean_and_costs_half_its_square():
    path = settle(2.0, control=lambda _, z: (torch.full_like(z, 0.6), 1.0))
    drifted = SIGMA * 0.6 * (1 - math.exp(-THETA * 2.0)) / THETA
    expected = math.exp(-THETA * 2.0) + drifted
    assert abs(path.at(2.0).mean() - expected) < 4 * SIGMA / math.sqrt(COUNT)
    assert torch.allclose(path.noise.kl, torch.tensor(0.5 * 0.36 * 2.0).double())


def test_the_divergence_of_two_ornstein_uhlenbeck_processes_is_that_of_the_closed_form():
    other, end = 0.4, 1.5
    step = 0.02
    path = settle(
        end, step=step, control=lambda _, z: ((THETA - other) * z / SIGMA, 1.0), count=COUNT // 2
    )
    # E z^2 under the slower pull from 1: exp(-2 other t) + variance(t), integrated
    decay = (1 - math.exp(-2 * other * end)) / (2 * other)
    square = decay + SIGMA**2 / (2 * other) * (end - decay)
    expected = 0.5 * ((THETA - other) / SIGMA) ** 2 * square
    kl = path.noise.kl
    error = float(kl.std()) / math.sqrt(len(kl))
    assert abs(kl.mean() - expected) < 4 * error + step * expected  # left sums: of order h


def test_density_ratios_of_controlled_paths_have_mean_one():
    path = settle(1.0, control=lambda _, z: (0.5 * torch.sin(3 * z), 0.9))
    ratio = path.noise.log_ratio.exp()
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / math.sqrt(COUNT)
    uncontrolled = settle(1.0).at(1.0)[:, 0, 0]
    reweighed = (ratio * path.at(1.0)[:, 0, 0]).mean()
    assert abs(reweighed - uncontrolled.mean()) < 8 * SIGMA / math.sqrt(
        COUNT
    )  # four errors of both


@pytest.mark.parametrize("scheme", ["euler", "milstein"])
def test_gradients_are_those_of_finite_differences(scheme):
    keys = torch.arange(3)[None]
    times = torch.tensor([[0.11, 0.5], [0.3, 0.33], [0.02, 0.49]]).double()

    def outcome(z0, theta, sigma, gain):
        path = solve_sde(
            lambda _, z: -theta * z.sin(), lambda _, z: sigma * (1.5 + z.tanh()), z0, 0.0, 0.5,
            config(0.1), keys=keys, scheme=scheme, control=lambda _, z: (gain * (1.0 - z), gain),
        )  # fmt: skip
        return path.at(times), path.noise.kl, path.noise.log_ratio

    generator = torch.Generator().manual_seed(1)
    z0 = torch.randn(1, 3, 2, dtype=torch.float64, generator=generator, requires_grad=True)
    numbers = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (1.1, 0.4, 0.7)]
    assert torch.autograd.gradcheck(outcome, (z0, *numbers), atol=1e-6)


def test_a_series_alone_is_the_same_as_in_a_batch():
    def field(t, z):
        return (0.1 * z * z - z) * (1 + t[..., None].to(z))

    z0 = torch.linspace(-1, 1, 8).reshape(2, 4, 1)
    ends, keys = torch.tensor([0.4, 2.0, 0.0, 3.1]), torch.arange(8).reshape(2, 4)

    def run(index):
        return solve_sde(
            field, lambda _, z: 0.5 + 0.1 * z, z0[:, index], 0.0, ends[index], config(),
            keys=keys[:, index], control=lambda _, z: (1.0 - z, 0.7),
        )  # fmt: skip

    every, times = run([0, 1, 2, 3]), ends[:, None] * torch.tensor([0.0, 0.37, 0.91])
    for i in range(4):
        alone = run([i])
        assert torch.equal(every.at(times)[:, [i]], alone.at(times[[i]]))
        # where a long series has a next step and a short one has not, a read rounds otherwise
        last = ends[:, None]
        assert torch.allclose(every.at(last)[:, [i]], alone.at(last[[i]]), atol=1e-5)
        assert torch.allclose(every.noise.kl[:, [i]], alone.noise.kl, rtol=1e-5)


def test_an_integral_along_a_path_has_its_mean():
    integral = settle(2.0, count=2_000).integrate(lambda _, z: z[..., 0])
    expected = (1 - math.exp(-THETA * 2.0)) / THETA
    assert abs(integral.mean() - expected) < 4 * integral.std() / math.sqrt(2_000)


@pytest.mark.parametrize(
    ("values", "end", "message"),
    [
        ({"method": "dopri5"}, 1.0, "solver.method: expected 'ab4' or 'rk4' .* got 'dopri5'"),
        ({"gradient": "adjoint"}, 1.0, "solver.gradient: expected 'backprop' .* got 'adjoint'"),
        ({"substeps": 2}, 1.0, "solver.substeps: expected 1 .* got 2. Set solver.substeps to 1"),
        ({"step": None}, 1.0, "solver.step_size: expected a number .* got None"),
        ({}, -1.0, "t1: expected an end at or after t0"),
    ],
)
def test_what_paths_with_noise_cannot_do_is_refused(values, end, message):
    with pytest.raises(ConfigError, match=message):
        settle(end, count=2, **values)


def test_a_path_with_noise_has_no_slope():
    with pytest.raises(ValueError, match="slope_at: expected a path without noise"):
        settle(1.0, count=2).slope_at(0.5)
