"""`solve`: one contract for all methods, order, batch invariance, time precision."""

import math

import pytest
import torch
import torchdiffeq
from nn_cases import LayeredTimeField
from ode_cases import SolverConfig, solve

from latentode.ode import Trajectory, VectorField

METHODS = ["ab4", "rk4", "dopri5", "bosh3", "dopri8", "adaptive_heun"]
FIXED = ["ab4", "rk4"]
# adaptive methods have no steps to keep checkpoints at, and torchdiffeq no adjoint of ab4
CASES = [(method, "backprop") for method in METHODS]
CASES += [(method, "checkpoint") for method in FIXED]
CASES += [(method, "adjoint") for method in METHODS[1:]]


def config(**values):
    return SolverConfig(**{"rtol": 1e-7, "atol": 1e-8, "max_nfe": 100_000, **values})


class Wave(VectorField):
    """dz/dt = rate cos(t) z, with the solution z0 exp(rate (sin t - sin t0))."""

    def __init__(self, dtype=torch.float64):
        super().__init__()
        self.rate = torch.nn.Parameter(torch.tensor(0.7, dtype=dtype))

    def forward(self, t, z):
        return self.rate * torch.cos(t)[..., None].to(z) * z

    def solution(self, z0, t0, times):
        # z0 (..., batch, latent), t0 (batch,), times (batch, time)
        growth = torch.exp(self.rate * (torch.sin(times) - torch.sin(t0)[:, None]))
        return z0[..., None, :] * growth[..., None]


class Net(VectorField):
    """A small time-dependent network."""

    def __init__(self, dtype=torch.float64, latent=3):
        super().__init__()
        torch.manual_seed(0)
        self.inner = torch.nn.Linear(latent + 1, 16, dtype=dtype)
        self.outer = torch.nn.Linear(16, latent, dtype=dtype)

    def forward(self, t, z):
        clock = t[..., None].expand(*z.shape[:-1], 1).to(z)
        return self.outer(torch.tanh(self.inner(torch.cat([z, clock], -1))))


def pendulum(t, z):
    """Elementwise, so that no matrix kernel chooses its summation order by the batch size."""
    angle, speed = z.unbind(-1)
    return torch.stack([speed, -torch.sin(angle) + 0.1 * torch.cos(t)], -1)


@pytest.mark.parametrize(("method", "gradient"), CASES)
def test_solve_meets_its_contract_for_every_method(method, gradient):
    field = Wave()
    z0 = torch.randn(2, 3, 4, dtype=torch.float64)
    t0 = torch.tensor([0.0, 5.0, -3.0], dtype=torch.float64)
    t1 = t0 + torch.tensor([1.0, 0.0, 0.43], dtype=torch.float64)
    before = [value.clone() for value in (z0, t0, t1, field.rate)]
    settings = config(method=method, gradient=gradient)
    trajectory = solve(field, z0, t0, t1, settings)

    assert isinstance(trajectory, Trajectory)
    assert trajectory.states.shape == trajectory.slopes.shape == (21, 2, 3, 4)
    torch.testing.assert_close(trajectory.states[0], z0, rtol=0, atol=0)
    times = t0[:, None] + (t1 - t0)[:, None] * torch.tensor([1.0, 0.0, 0.31], dtype=torch.float64)
    # of the same order as rk4, ab4 has an error constant forty times as large
    tolerance = 3e-5 if method == "ab4" else 1e-6
    torch.testing.assert_close(
        trajectory.at(times), field.solution(z0, t0, times), rtol=tolerance, atol=tolerance
    )
    assert trajectory.stats.method == method
    assert trajectory.stats.status == "ok"
    assert trajectory.stats.failed == ()
    assert trajectory.stats.steps >= 20
    assert trajectory.stats.nfe >= (30 if method == "ab4" else 4 * 20 + 1)
    for value, copy in zip((z0, t0, t1, field.rate), before, strict=True):
        torch.testing.assert_close(value, copy, rtol=0, atol=0)
        assert value._version == 0
    assert not any(value.requires_grad for value in (z0, t0, t1))


@pytest.mark.parametrize("method", METHODS)
def test_solve_runs_backward_to_where_it_came_from(method):
    field, settings = Wave(), config(method=method)
    z0 = torch.randn(3, 2, dtype=torch.float64)
    t0, t1 = torch.zeros(3, dtype=torch.float64), torch.tensor([1.0, 0.5, 0.25]).double()
    there = solve(field, z0, t0, t1, settings).at(t1[:, None])[:, 0]
    back = solve(field, there, t1, t0, settings)
    assert back.step == -settings.step_size
    torch.testing.assert_close(back.at(0.0)[:, 0], z0, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("start", [2.0, torch.tensor([2.0, 7.0])])
def test_solve_of_zero_length_returns_its_start(method, start):
    z0 = torch.randn(2, 3)
    trajectory = solve(Wave(torch.float32), z0, start, start, SolverConfig(method=method))
    times = torch.as_tensor(start).reshape(-1, 1)
    torch.testing.assert_close(trajectory.at(times.expand(2, 1))[:, 0], z0, rtol=0, atol=0)


@pytest.mark.parametrize("method", METHODS)
def test_solve_agrees_with_a_tight_reference_for_a_network(method):
    field = Net()
    z0 = torch.randn(5, 3, dtype=torch.float64)
    ends = torch.tensor([0.0, 2.0], dtype=torch.float64)
    truth = torchdiffeq.odeint(field, z0, ends, rtol=1e-12, atol=1e-12, method="dopri8")[1]
    got = solve(field, z0, 0.0, 2.0, config(method=method)).at(2.0)[:, 0]
    torch.testing.assert_close(got, truth, rtol=1e-5, atol=1e-6)


def oscillator_error(method, step_size, fractions, substeps=1):
    rotation = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    z0 = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    trajectory = solve(
        lambda _t, z: z @ rotation.T,
        z0,
        0.0,
        4.0,
        SolverConfig(method=method, step_size=step_size, substeps=substeps),
    )
    times = (torch.arange(4 / step_size).double()[:, None] + fractions).reshape(1, -1) * step_size
    exact = torch.stack([torch.cos(times), -torch.sin(times)], -1)
    return float((trajectory.at(times) - exact).abs().max())


@pytest.mark.parametrize("fractions", [[0.0], [0.17, 0.5, 0.8]], ids=["grid", "between"])
@pytest.mark.parametrize(("method", "step"), [("rk4", 0.1), ("ab4", 0.025)])
def test_fixed_steps_and_their_dense_output_are_of_order_four(method, step, fractions):
    fractions = torch.tensor(fractions, dtype=torch.float64)
    coarse, fine = (oscillator_error(method, h, fractions) for h in (step, step / 2))
    # pre-asymptotic terms move the observed order by some hundredths
    assert 3.9 < math.log2(coarse / fine) < 4.1


@pytest.mark.parametrize(
    ("method", "gradient"), [("rk4", "backprop"), ("ab4", "backprop"), ("rk4", "checkpoint")]
)
def test_substeps_are_steps_between_points_of_the_dense_output(method, gradient):
    z0 = torch.randn(2, 3, 2, dtype=torch.float64)
    settings = SolverConfig(method=method, step_size=0.05, substeps=4, gradient=gradient)
    sparse = solve(pendulum, z0, 0.0, 1.0, settings)
    every = solve(pendulum, z0, 0.0, 1.0, SolverConfig(method=method, step_size=0.05))
    assert sparse.step == pytest.approx(0.2)
    torch.testing.assert_close(sparse.states, every.states[::4], rtol=0, atol=0)
    torch.testing.assert_close(sparse.slopes, every.slopes[::4], rtol=0, atol=0)


def test_ab4_takes_one_evaluation_a_step_after_its_start():
    calls = []
    field = lambda t, z: calls.append(t) or -z  # noqa: E731
    settings = SolverConfig(method="ab4", step_size=0.05)
    trajectory = solve(field, torch.ones(1, 1), 0.0, 1.0, settings)
    assert trajectory.stats.nfe == len(calls) == 3 * 4 + 17 + 1


def test_ab4_is_adams_and_bashforths_formula():
    field = lambda t, z: torch.sin(t) * z  # noqa: E731
    z0 = torch.randn(1, 2, dtype=torch.float64)
    got = solve(field, z0, 0.0, 1.0, SolverConfig(method="ab4", step_size=0.1))
    slopes = got.slopes
    for k in range(3, 10):
        inner = 55 * slopes[k] - 59 * slopes[k - 1] + 37 * slopes[k - 2] - 9 * slopes[k - 3]
        expected = got.states[k] + 0.1 / 24 * inner
        torch.testing.assert_close(got.states[k + 1], expected, rtol=1e-13, atol=1e-14)


def test_without_check_nothing_that_is_not_finite_is_refused():
    grown = solve(lambda _t, z: z * float("nan"), torch.ones(2, 1), 0.0, 1.0, check=False)
    assert torch.isnan(grown.states[-1]).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("method", "gradient"), CASES)
def test_fields_get_their_time_in_float64_and_the_state_as_it_is(method, gradient, dtype):
    seen = []

    def field(t, z):
        seen.append((t.shape, t.dtype, z.dtype))
        return -z

    z0 = torch.ones(2, 3, 1, dtype=dtype)
    settings = SolverConfig(method=method, gradient=gradient)
    solve(field, z0, torch.tensor([0.0, 1.0, 2.0]), 3.0, settings, params=())
    assert set(seen) == {(torch.Size([3]), torch.float64, dtype)}
    seen.clear()
    solve(field, z0, 0.0, 1.0, settings, params=())
    assert set(seen) == {(torch.Size([]), torch.float64, dtype)}


def wave_from(start, decay=0.0):
    """Towards 1 by cos(pi (t - start)), which float32 cannot tell at epoch times, 128 s apart."""
    return lambda t, z: (torch.cos(math.pi * (t - start)) - decay)[..., None].to(z) * (z - 1)


def assert_float32_agrees(span, decay=0.0, **settings):
    start, ends = 1.7e9, {}
    for dtype in (torch.float32, torch.float64):
        z0 = torch.tensor([[0.5], [3.0]], dtype=dtype)
        path = solve(
            wave_from(start, decay), z0, start, start + span, config(**settings), params=()
        )
        ends[dtype] = path.at(start + 0.7 * span)
    assert ends[torch.float32].dtype == torch.float32
    torch.testing.assert_close(
        ends[torch.float32].double(), ends[torch.float64], rtol=2e-6, atol=2e-6
    )


@pytest.mark.parametrize("span", [1.0, -1.0])
@pytest.mark.parametrize(("method", "gradient"), CASES)
def test_float32_states_agree_with_float64_ones_at_epoch_times(method, gradient, span):
    assert_float32_agrees(span, method=method, gradient=gradient, rtol=1e-6)


@pytest.mark.parametrize("gradient", ["backprop", "adjoint"])
def test_adaptive_float32_solves_tell_times_apart_far_from_their_start(gradient):
    # offsets in float32 would be 0.0039 apart at the end; the solve is too short for the state
    # itself to lose digits
    start, far = 1.7e9, 65_536.0
    seen = []

    def field(t, z):
        seen.append(t - start)
        return torch.zeros_like(z)

    settings = SolverConfig(method="dopri5", gradient=gradient, step_size=far / 3)
    solve(field, torch.ones(1, 1), start, start + far, settings, params=())
    inner = torch.stack(seen)
    assert (inner != inner.float().double()).any()


def test_rk4_counts_four_evaluations_a_step_and_one():
    calls = []
    field = lambda t, z: calls.append(t) or -z  # noqa: E731
    trajectory = solve(field, torch.ones(1, 1), 0.0, 1.0, SolverConfig(step_size=0.1))
    assert trajectory.stats.nfe == len(calls) == 41
    assert trajectory.stats.steps == 10


@pytest.mark.parametrize("method", METHODS[1:])
def test_adaptive_and_adjoint_solves_count_every_call(method):
    calls = []
    field = lambda t, z: calls.append(t) or -z  # noqa: E731
    settings = SolverConfig(method=method, gradient="adjoint")
    trajectory = solve(field, torch.ones(1, 1), 0.0, 1.0, settings, params=())
    assert trajectory.stats.nfe == len(calls)


def test_step_size_is_not_adapted_to_the_span():
    z0 = torch.randn(2, 3, dtype=torch.float64)
    long = solve(Net(), z0, 0.0, 2.0)
    short = solve(Net(), z0, 0.0, 0.52)
    assert len(short.states) == 12
    torch.testing.assert_close(short.states, long.states[:12], rtol=0, atol=0)


def test_rounding_of_the_span_costs_no_extra_step():
    field = lambda _t, z: -z  # noqa: E731
    for start in (0.1, 1.7e9):
        for steps in (3, 7, 12, 14):
            end = start + steps * 0.05
            trajectory = solve(
                field, torch.ones(1, 2), torch.full((1,), start, dtype=torch.float64), end
            )
            assert len(trajectory.states) == steps + 1
            trajectory.at(end)


def own_windows(batch):
    generator = torch.Generator().manual_seed(1)
    t0 = 100 * torch.rand(batch, generator=generator, dtype=torch.float64) - 50
    t1 = t0 + 3 * torch.rand(batch, generator=generator, dtype=torch.float64)
    t1[3] = t0[3]
    times = t0[:, None] + (t1 - t0)[:, None] * torch.rand(
        batch, 9, generator=generator, dtype=torch.float64
    )
    return t0, t1, times


@pytest.mark.parametrize("method", FIXED)
def test_series_alone_is_bit_equal_to_itself_in_any_batch_and_order(method):
    t0, t1, times = own_windows(6)
    z0 = torch.randn(4, 6, 2, dtype=torch.float64)
    settings = SolverConfig(method=method)
    together = solve(pendulum, z0, t0, t1, settings)
    read, area = together.at(times), together.integrate(lambda t, z: z.sum(-1) + t)
    order = torch.tensor([5, 3, 0, 1, 4, 2])
    shuffled = solve(pendulum, z0[:, order], t0[order], t1[order], settings)
    torch.testing.assert_close(shuffled.at(times[order]), read[:, order], rtol=0, atol=0)
    for i in range(6):
        one = slice(i, i + 1)
        alone = solve(pendulum, z0[:, one], t0[one], t1[one], settings)
        torch.testing.assert_close(alone.at(times[one]), read[:, one], rtol=0, atol=0)
        # the order of a sum depends on how many empty intervals it holds
        alone_area = alone.integrate(lambda t, z: z.sum(-1) + t)
        torch.testing.assert_close(alone_area, area[:, one], rtol=1e-12, atol=1e-12)
        for mine, its in zip(alone.covered(), together.covered(), strict=True):
            torch.testing.assert_close(mine, its[one], rtol=0, atol=0)


@pytest.mark.parametrize("layered", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
def test_series_alone_equals_itself_in_a_batch_through_matrix_products(dtype, tolerance, layered):
    field = LayeredTimeField(batch=1, dtype=dtype) if layered else Net(dtype)
    t0, t1, times = own_windows(6)
    z0 = torch.randn(6, 3, dtype=dtype)
    # time enters this network, so keep it small enough for float32 to tell steps apart
    t0, t1, times = t0 / 50, t0 / 50 + (t1 - t0), t0[:, None] / 50 + (times - t0[:, None])
    read = solve(field, z0, t0, t1).at(times)
    for i in range(6):
        one = slice(i, i + 1)
        alone = solve(field, z0[one], t0[one], t1[one]).at(times[one])
        torch.testing.assert_close(alone, read[one], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("method", ["dopri5", "bosh3", "dopri8"])
def test_adaptive_series_keeps_its_accuracy_beside_63_easier_ones(method):
    rates = torch.tensor([20.0] + [0.01] * 63, dtype=torch.float64)[:, None]
    z0 = torch.ones(64, 1, dtype=torch.float64)
    settings = config(method=method, rtol=1e-4, atol=1e-4, step_size=0.5)

    def end(count):
        field = lambda t, z: rates[:count] * torch.cos(20 * t) * z  # noqa: E731
        return solve(field, z0[:count], 0.0, 1.0, settings).at(1.0)[0]

    # steps that met the mean error of the batch would be 64 ** (1 / 2 / order) times as long
    torch.testing.assert_close(end(64), end(1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_states_do_not_depend_on_where_time_begins(dtype):
    field = lambda _t, z: torch.sin(z) - z  # noqa: E731
    z0 = torch.randn(3, 2, dtype=dtype)
    here = solve(field, z0, 0.0, 1.0)
    epoch = solve(field, z0, 1.7e9, 1.7e9 + 1.0)
    torch.testing.assert_close(epoch.states, here.states, rtol=0, atol=0)
    times = torch.rand(3, 5, dtype=torch.float64)
    # a float64 of 1.7e9 has a spacing of 2.4e-7
    torch.testing.assert_close(epoch.at(1.7e9 + times), here.at(times), rtol=1e-6, atol=1e-6)


def test_short_series_neither_fails_nor_poisons_gradients_beyond_its_own_end():
    z0 = torch.tensor([[2.0], [0.1]], dtype=torch.float64, requires_grad=True)
    t1 = torch.tensor([0.4, 5.0], dtype=torch.float64)  # 1/(1/z0 - t): poles at 0.5 and 10
    rate = torch.ones((), dtype=torch.float64, requires_grad=True)
    settings = SolverConfig(step_size=0.01)
    trajectory = solve(lambda _t, z: rate * z * z, z0, 0.0, t1, settings)
    ends = trajectory.at(t1[:, None])
    gradients = torch.autograd.grad(ends.sum(), [z0, rate])
    exact = 1 / (1 / z0 - t1[:, None])
    torch.testing.assert_close(ends[:, 0], exact, rtol=1e-5, atol=0)
    torch.testing.assert_close(gradients[0], (exact / z0) ** 2, rtol=1e-4, atol=0)
    assert torch.isfinite(gradients[1])
