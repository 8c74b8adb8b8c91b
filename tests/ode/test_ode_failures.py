"""Solves that cannot succeed end in typed errors, quickly, also without assertions."""

import itertools

import pytest
import torch
from ode_cases import SolverConfig, solve
from programs import python

from latentode.errors import ConfigError, ShapeError, SolverError

METHODS = ["rk4", "dopri5", "bosh3", "dopri8", "adaptive_heun"]


def fails(status, field, z0, t0=0.0, t1=1.0, **settings):
    calls = itertools.count()

    def counted(t, z):
        next(calls)
        return field(t, z)

    with pytest.raises(SolverError, match=r"expected .* got") as caught:
        solve(counted, z0, t0, t1, SolverConfig(**settings), params=())
    assert caught.value.status == status
    assert next(calls) < 2_000  # nobody waits for it
    return caught.value


def poisoned(*series):
    mask = torch.zeros(4, 1)
    mask[list(series)] = float("nan")
    return lambda _t, z: mask.to(z) - z


def squared(_t, z):
    return z * z


@pytest.mark.parametrize("gradient", ["backprop", "adjoint"])
@pytest.mark.parametrize("method", METHODS)
def test_nan_slopes_name_their_series(method, gradient):
    z0 = torch.ones(2, 4, 3)
    error = fails("non_finite", poisoned(1, 3), z0, method=method, gradient=gradient)
    assert error.series == (1, 3)
    assert error.time_reached == 0.0


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("method", METHODS)
def test_nan_on_the_way_tells_how_far_the_solve_came(method, sign):
    def field(t, z):
        return torch.where(t.abs() > 0.52, torch.nan, -z)

    error = fails("non_finite", field, torch.ones(2, 1), t1=float(sign), method=method)
    assert 0.3 < sign * error.time_reached <= 0.52


@pytest.mark.parametrize("method", ["dopri5", "bosh3", "dopri8", "adaptive_heun"])
def test_blow_up_underflows_the_step_and_names_the_series(method):
    z0 = torch.tensor([[0.1], [1.0], [0.2], [-3.0]], dtype=torch.float64)
    error = fails("dt_underflow", squared, z0, t1=2.0, method=method, rtol=1e-3, atol=1e-3)
    assert error.series == (1,)
    assert error.time_reached == pytest.approx(1.0, abs=1e-2)


@pytest.mark.parametrize("gradient", ["backprop", "adjoint"])
def test_blow_up_of_rk4_is_not_silent(gradient):
    z0 = torch.tensor([[0.1], [1.0], [0.2], [-3.0]])
    error = fails("non_finite", squared, z0, t1=2.0, gradient=gradient)
    assert error.series == (1,)
    assert 0.9 < error.time_reached < 1.7


@pytest.mark.parametrize("method", ["dopri5", "bosh3", "dopri8", "adaptive_heun"])
def test_stiff_field_ends_at_the_budget(method):
    calls = []

    def stiff(t, z):
        calls.append(t)
        return 1e7 * (torch.cos(t) - z)

    fails("max_steps", stiff, torch.zeros(2, 1), method=method, max_nfe=500)
    assert len(calls) <= 500


@pytest.mark.parametrize("method", METHODS)
def test_hopeless_budget_is_refused_before_the_first_evaluation(method):
    error = fails("max_steps", never, torch.zeros(2, 1), t1=1e300, method=method)
    assert "step_size" in str(error)
    fails("max_steps", never, torch.zeros(2, 1), t1=1.0, method=method, max_nfe=20)


def test_budget_of_rk4_is_exact():
    solve(squared, torch.zeros(1, 1), 0.0, 1.0, SolverConfig(step_size=0.1, max_nfe=41))
    fails("max_steps", squared, torch.zeros(1, 1), step_size=0.1, max_nfe=40)


@pytest.mark.parametrize("method", ["rk4", "dopri5"])
def test_states_and_times_that_are_not_finite_are_refused_by_series(method):
    z0 = torch.zeros(3, 4, 2)
    z0[1, 2, 0] = float("inf")
    assert fails("non_finite", squared, z0, method=method).series == (2,)
    t1 = torch.tensor([1.0, float("nan"), 1.0, float("inf")])
    assert fails("non_finite", squared, torch.zeros(4, 2), t1=t1, method=method).series == (1, 3)


SCRIPT = """
import torch
from latentode.config import SolverConfig
from latentode.errors import SolverError
from latentode.ode import solve

if __debug__:
    raise SystemExit("assertions are on")
fields = {
    "nan": lambda t, z: z * float("nan"),
    "late": lambda t, z: torch.where(t > 0.5, torch.nan, -z),
    "blow-up": lambda t, z: z * z,
    "stiff": lambda t, z: 1e7 * (torch.cos(t) - z),
}
for name, field in fields.items():
    for method in ("rk4", "dopri5", "adaptive_heun"):
        config = SolverConfig(method=method, step_size=0.1, max_nfe=3000)
        try:
            solve(field, torch.ones(2, 1, dtype=torch.float64), 0.0, 2.0, config)
            status = "ok"
        except SolverError as error:
            status = error.status
        print(name, method, status)
"""


def test_failures_are_typed_without_assertions():
    run = python("-O", "-c", SCRIPT)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.split("\n")
    status = {tuple(line.split()[:2]): line.split()[2] for line in lines if line}
    assert len(status) == 12
    for method in ("rk4", "dopri5", "adaptive_heun"):
        assert status["nan", method] == status["late", method] == "non_finite"
    assert status["blow-up", "rk4"] == status["stiff", "rk4"] == "non_finite"
    assert status["blow-up", "dopri5"] == "dt_underflow"
    assert status["stiff", "dopri5"] == status["stiff", "adaptive_heun"] == "max_steps"


def never(_t, _z):
    raise AssertionError("evaluated")


BAD_STATES = [
    torch.zeros(3),
    torch.zeros(0, 2),
    torch.zeros(2, 0),
    torch.zeros(2, 2).half(),
    torch.zeros(2, 2).bfloat16(),
    torch.zeros(2, 2).to(torch.complex64),
    torch.zeros(2, 2).long(),
    [[1.0]],
    None,
]
BAD_TIMES = [torch.ones(3), torch.ones(2, 1), torch.ones(2) + 0j, [0.0, 1.0], "1.0", None, 1j]


# in one test each, as there are hundreds
EVERY_WAY = [
    SolverConfig(method=method, step_size=step_size)
    for method in ("ab4", *METHODS)
    for step_size in (None, 0.05)
]


@pytest.mark.parametrize("bad", BAD_STATES, ids=str)
def test_states_of_another_kind_meet_one_check(bad):
    for settings in EVERY_WAY:
        with pytest.raises(
            ShapeError, match="z0: expected a non-empty float32 or float64 state of sha"
        ):
            solve(never, bad, 0.0, 1.0, settings)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("bad", BAD_TIMES, ids=str)
@pytest.mark.parametrize("name", ["t0", "t1"])
def test_times_of_another_kind_or_batch_meet_one_check(name, bad, check):
    times = {"t0": 0.0, "t1": 1.0, name: bad}
    for settings in EVERY_WAY:
        with pytest.raises(ShapeError, match=rf"{name}: expected a number or shape \(2,\)"):
            solve(never, torch.zeros(2, 1), **times, settings=settings, check=check)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), torch.tensor(-torch.inf)], ids=str)
@pytest.mark.parametrize("name", ["t0", "t1"])
def test_times_that_are_not_finite_meet_one_check(name, bad, check):
    times = {"t0": 0.0, "t1": 1.0, name: bad}
    for settings in EVERY_WAY:
        with pytest.raises(SolverError, match="finite z0, t0 and t1, got NaN or inf") as caught:
            solve(never, torch.zeros(2, 1), **times, settings=settings, check=check)
        assert caught.value.status == "non_finite"


def test_mixed_directions_are_refused():
    with pytest.raises(ShapeError, match="one direction, got spans from -1 to 2 in series 1 and 0"):
        solve(squared, torch.zeros(2, 1), 0.0, torch.tensor([2.0, -1.0]))


@pytest.mark.parametrize("method", ["rk4", "dopri5"])
def test_slopes_of_another_shape_or_dtype_are_refused(method):
    settings = SolverConfig(method=method)
    with pytest.raises(ShapeError, match=r"field: expected a slope like the state"):
        solve(lambda _t, z: z[..., :1], torch.zeros(2, 3), 0.0, 1.0, settings)
    with pytest.raises(ShapeError, match=r"of torch.float32, got shape \(2, 3\) of torch.float64"):
        solve(lambda _t, z: z.double(), torch.zeros(2, 3), 0.0, 1.0, settings)


@pytest.mark.parametrize("method", ["dopri5", "bosh3", "dopri8", "adaptive_heun"])
def test_tolerances_below_float32_rounding_are_refused(method):
    settings = SolverConfig(method=method, rtol=9e-7)
    with pytest.raises(ConfigError, match="rtol: expected at least 1e-06 for float32"):
        solve(squared, torch.zeros(2, 1), 0.0, 0.1, settings)
    solve(squared, torch.zeros(2, 1).double(), 0.0, 0.1, settings)


@pytest.mark.parametrize("method", METHODS)
def test_adjoint_of_a_plain_callable_needs_its_parameters(method):
    settings = SolverConfig(method=method, gradient="adjoint")
    with pytest.raises(ConfigError, match="params: expected the tensors"):
        solve(squared, torch.zeros(2, 1), 0.0, 1.0, settings)


def test_gradients_that_a_method_does_not_have_are_refused():
    z0 = torch.ones(1, 1)
    with pytest.raises(ConfigError, match=r'with method "ab4", got "adjoint".* Take method "rk4"'):
        solve(squared, z0, 0.0, 1.0, SolverConfig(method="ab4", gradient="adjoint"), params=())
    with pytest.raises(ConfigError, match=r'with an adaptive method, got "checkpoint" with'):
        solve(squared, z0, 0.0, 1.0, SolverConfig(method="dopri5", gradient="checkpoint"))


@pytest.mark.parametrize(("gradient", "needed"), [("backprop", 20), ("checkpoint", 5 * 9)])
def test_budget_of_ab4_is_exact(gradient, needed):
    settings = {"method": "ab4", "gradient": gradient, "step_size": 0.1, "substeps": 2}
    solve(squared, torch.zeros(1, 1), 0.0, 1.0, SolverConfig(**settings, max_nfe=needed))
    fails("max_steps", squared, torch.zeros(1, 1), **settings, max_nfe=needed - 1)
