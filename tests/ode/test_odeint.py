"""The front door of torchdiffeq, against torchdiffeq."""

import math

import pytest
import torch
import torchdiffeq

from latentode.errors import ConfigError, ShapeError, SolverError
from latentode.ode import odeint

METHODS = [None, "ab4", "rk4", "dopri5", "dopri8", "bosh3", "adaptive_heun"]
RATES = torch.tensor([[-0.3, 1.0, 0.0], [-1.0, -0.3, 0.2], [0.1, 0.0, -0.5]], dtype=torch.float64)


def field(t, y):
    return torch.tanh(y @ RATES) - 0.1 * t * y


def reference(y0, t):
    return torchdiffeq.odeint(field, y0, t, rtol=1e-11, atol=1e-12, method="dopri8")


@pytest.mark.parametrize("ends", [(0.0, 2.5), (1.0, -1.5)])
@pytest.mark.parametrize("method", METHODS)
def test_solutions_are_those_of_torchdiffeq(method, ends):
    y0 = torch.randn(2, 4, 3, dtype=torch.float64)
    t = torch.linspace(0, 1, 7, dtype=torch.float64).square() * (ends[1] - ends[0]) + ends[0]
    got = odeint(field, y0, t, rtol=1e-6, atol=1e-8, method=method)
    assert got.shape == (7, 2, 4, 3)
    torch.testing.assert_close(got, reference(y0, t), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("method", ["ab4", "dopri5"])
def test_gradients_are_those_of_torchdiffeq(method):
    y0 = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    t = torch.tensor([0.0, 0.4, 1.3], dtype=torch.float64)
    cotangent = torch.randn(3, 4, 3, dtype=torch.float64)
    expected = torch.autograd.grad(reference(y0, t), y0, cotangent)
    got = torch.autograd.grad(odeint(field, y0, t, rtol=1e-8, method=method), y0, cotangent)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["ab4", "dopri5"])
def test_states_may_be_tuples_and_numbers_and_times_may_repeat(method):
    t = torch.tensor([0.0, 0.5, 0.5, 1.0], dtype=torch.float64)
    start = (torch.ones(2).double(), torch.zeros(1, 2).double(), torch.tensor(3.0).double())
    one, other, number = odeint(
        lambda _t, y: (y[1][0], -y[0][None], -y[2]), start, t, rtol=1e-6, method=method
    )
    torch.testing.assert_close(one, torch.cos(t)[:, None].expand(4, 2), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        other, -torch.sin(t)[:, None, None].expand(4, 1, 2), rtol=0, atol=1e-5
    )
    torch.testing.assert_close(number, 3 * torch.exp(-t), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(one[1], one[2], rtol=0, atol=0)


@pytest.mark.parametrize("method", ["rk4", "dopri5"])
def test_a_single_time_returns_the_start(method):
    y0 = torch.randn(2, 3, dtype=torch.float64)
    torch.testing.assert_close(odeint(field, y0, torch.tensor([1.0]), method=method), y0[None])


def test_the_cost_of_fixed_steps_does_not_grow_with_the_times():
    calls = []

    def counted(t, y):
        calls.append(t)
        return field(t, y)

    counts = []
    for number in (2, 2000):
        calls.clear()
        t = torch.linspace(0, 1, number, dtype=torch.float64)
        odeint(counted, torch.ones(1, 3).double(), t, method="ab4", options={"step_size": 0.05})
        counts.append(len(calls))
    assert counts[0] == counts[1] == 30


BAD_STATES = [
    torch.ones(2, dtype=torch.bfloat16),
    torch.ones(2, dtype=torch.float16),
    torch.ones(2, dtype=torch.complex64),
    torch.ones(2, dtype=torch.long),
    torch.ones(0, 3),
    [1.0, 2.0],
    (),
    (torch.ones(2), torch.ones(2).half()),
    [torch.ones(2)],
]


@pytest.mark.parametrize("state", BAD_STATES, ids=str)
@pytest.mark.parametrize("method", METHODS)
def test_states_of_another_kind_meet_one_check(method, state):
    with pytest.raises(ShapeError, match="y0: expected a non-empty float32 or float64 state, got"):
        odeint(field, state, torch.tensor([0.0, 1.0]), method=method)


@pytest.mark.parametrize("method", METHODS)
def test_tuples_of_several_dtypes_are_refused(method):
    with pytest.raises(ShapeError, match=r"one dtype on one device, got torch.float32 on cpu, tor"):
        odeint(field, (torch.ones(2), torch.ones(2).double()), torch.ones(2), method=method)


@pytest.mark.parametrize(
    "t", [[0.0, 1.0], 1.0, torch.ones(1, 2), torch.ones(0), torch.ones(2) + 0j]
)
@pytest.mark.parametrize("method", METHODS)
def test_times_of_another_kind_meet_one_check(method, t):
    with pytest.raises(ShapeError, match="t: expected a tensor of one real time or more"):
        odeint(field, torch.ones(1, 3), t, method=method)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("method", METHODS)
def test_times_and_states_that_are_not_finite_meet_one_check(method, bad):
    y0 = torch.ones(1, 3).double()
    for t in ([0.0, bad], [-bad, 0.0], [bad, bad], [bad]):
        with pytest.raises(SolverError, match="t: expected finite numbers") as caught:
            odeint(field, y0, torch.tensor(t), method=method)
        assert caught.value.status == "non_finite"
    with pytest.raises(SolverError, match="y0: expected finite numbers"):
        odeint(field, y0 * bad, torch.tensor([0.0, 1.0]), method=method)


@pytest.mark.parametrize("method", METHODS)
def test_slopes_of_another_form_are_refused(method):
    t, y0 = torch.tensor([0.0, 1.0]), torch.ones(2, 3)
    with pytest.raises(ShapeError, match=r"like y0, of shapes \[\(2, 3\)\], got shape \(3, 2\) of"):
        odeint(lambda _t, y: y.T, y0, t, method=method)
    with pytest.raises(ShapeError, match=r"got shape \(2, 3\) of torch.float32, shape \(2, 3\)"):
        odeint(lambda _t, y: (y, y), y0, t, method=method)


def test_a_field_that_mixes_the_dtypes_of_time_and_state_is_told_to_cast():
    net = torch.nn.Linear(4, 3)
    mixed = lambda t, y: net(torch.cat([y, t.expand(1, 1)], -1))  # noqa: E731
    with pytest.raises(ShapeError, match=r"got mat1 and mat2.* time, which is float64, to the dty"):
        odeint(mixed, torch.ones(1, 3), torch.tensor([0.0, 1.0]))
    cast = lambda t, y: net(torch.cat([y, t.expand(1, 1).to(y)], -1))  # noqa: E731
    assert odeint(cast, torch.ones(1, 3), torch.tensor([0.0, 1.0])).dtype == torch.float32


def test_wrong_calls_are_refused_in_words():
    y0 = torch.ones(1, 3).double()
    times = torch.tensor([0.0, 1.0], dtype=torch.float64)
    with pytest.raises(ShapeError, match="times that do not turn back, got shape"):
        odeint(field, y0, torch.tensor([0.0, 1.0, 0.5]))
    with pytest.raises(ShapeError, match=r"got shape \(1, 2\)"):
        odeint(field, y0, times[None])
    with pytest.raises(ConfigError, match=r"got \['norm'\]"):
        odeint(field, y0, times, options={"norm": None})
    with pytest.raises(ConfigError, match=r"got 'euler'.* 'ab4'"):
        odeint(field, y0, times, method="euler")
    with pytest.raises(SolverError, match=r"at most \d+ evaluations"):
        odeint(lambda _t, y: -1e6 * y, y0, times, options={"max_num_steps": 100})
