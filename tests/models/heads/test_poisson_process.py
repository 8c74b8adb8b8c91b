import math

import numpy as np
import pytest
import torch
from event_cases import F64, batch_of, line

from latentode import ode
from latentode.config import SolverConfig
from latentode.errors import ConfigError, ShapeError
from latentode.models.heads.poisson_process import PoissonProcess, log_softplus
from latentode.models.point_processes.compensator import cumulative, invert


def affine(log_rate, slope, *, kinds=1, link="exp"):
    """A process with u = log_rate + slope * z, read from a state of one dimension."""
    process = PoissonProcess(1, torch.ones(kinds, dtype=F64), link=link).double()
    with torch.no_grad():
        process.head.layers[-1].weight.fill_(slope)
        process.head.layers[-1].bias.fill_(log_rate)
    return process


def test_a_constant_rate_in_closed_form():
    events = batch_of([[1.0, 2.5, 7.0], [], [9.0]])
    got = affine(math.log(0.3), 0.0).log_prob_events(line(3), events)
    expected = torch.tensor([3, 0, 1], dtype=F64) * math.log(0.3) - 3.0
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


def test_a_log_linear_rate_in_closed_form():
    a, b = -1.0, 0.25
    events = batch_of([[1.0, 2.5, 7.0]], window=(0.5, 8.0))
    got = affine(a, b).log_prob_events(line(1), events)
    # model time counts from the start of the window
    expected = 3 * a + b * (0.5 + 2.0 + 6.5) - (math.exp(a + b * 7.5) - math.exp(a)) / b
    torch.testing.assert_close(got.item(), expected, rtol=1e-10, atol=0)


def test_a_sinusoidal_rate_in_closed_form():
    # z = (sin wt, cos wt) solves a linear ODE; lambda = exp(u) is checked through its own integral
    # in Bessel form: the mean of e^(a sin) over whole periods is I0(a)
    omega = 2 * math.pi / 5
    field = lambda t, z: torch.stack([omega * z[..., 1], -omega * z[..., 0]], -1)  # noqa: E731, ARG005
    z0 = torch.tensor([[0.0, 1.0]], dtype=F64)
    trajectory = ode.solve(field, z0, 0.0, 10.0, SolverConfig(step_size=0.02))
    process = PoissonProcess(2, torch.ones(1, dtype=F64), link="exp").double()
    with torch.no_grad():
        process.head.layers[-1].weight.copy_(torch.tensor([[0.7, 0.0]]))
    got = process.log_prob_events(trajectory, batch_of([[1.0, 4.0]]))
    expected = 0.7 * (math.sin(omega) + math.sin(4 * omega)) - 10.0 * np.i0(0.7)
    torch.testing.assert_close(got.item(), expected, rtol=1e-7, atol=0)


def test_the_compensator_agrees_with_an_adaptive_augmented_solve():
    torch.manual_seed(3)
    process = PoissonProcess(2, torch.tensor([0.5, 2.0]), hidden_dim=8).double()
    with torch.no_grad():
        process.head.layers[-1].weight.mul_(20)
    weight = torch.randn(2, 2, dtype=F64)
    flow = lambda t, z: torch.tanh(z @ weight) + 0.3 * t.cos()  # noqa: E731
    z0 = torch.randn(3, 2, dtype=F64)

    def augmented(t, state):
        z = state[..., :2]
        return torch.cat([flow(t, z), process.log_intensity(z).exp()], -1)

    trajectory = ode.solve(flow, z0, 0.0, 4.0, SolverConfig(step_size=0.02))
    got = process.compensator(trajectory, torch.zeros(3), torch.full((3,), 4.0))
    start = torch.cat([z0, torch.zeros(3, 2, dtype=F64)], -1)
    tight = SolverConfig(method="dopri5", step_size=1.0, rtol=1e-10, atol=1e-10)
    reference = ode.solve(augmented, start, 0.0, 4.0, tight).at(4.0)[:, 0, 2:]
    torch.testing.assert_close(got, reference, rtol=1e-7, atol=0)  # RK4 at 0.02: about 1e-8


def test_a_change_of_the_unit_of_time_costs_n_log_c():
    times, c = [[1.0, 2.5, 7.0], [3.0]], 60.0
    one, other = batch_of(times), batch_of(times)
    scaled = type(other)(other.times * c, other.marks, other.valid, other.start * c, other.end * c)
    short = ode.solve(lambda t, z: 1 / c + 0 * (t + z), torch.zeros(2, 1, dtype=F64), 0.0, 10 * c,
                      SolverConfig(step_size=0.05 * c))  # fmt: skip
    process, slow = affine(-1.0, 0.2), affine(-1.0 - math.log(c), 0.2)
    gain = process.log_prob_events(line(2), one) - slow.log_prob_events(short, scaled)
    torch.testing.assert_close(gain, torch.tensor([3.0, 1.0], dtype=F64) * math.log(c))


def test_log_likelihoods_of_parts_of_a_window_add_up():
    process, whole = affine(-1.0, 0.2), batch_of([[1.0, 2.5, 7.0]])
    cut = torch.tensor([[4.2]], dtype=F64)
    parts = [
        type(whole)(whole.times, whole.marks, whole.valid, low, high)
        for low, high in ((whole.start, cut), (cut, whole.end))
    ]
    total = sum(process.log_prob_events(line(1), part) for part in parts)
    torch.testing.assert_close(
        total, process.log_prob_events(line(1), whole), rtol=1e-12, atol=1e-12
    )


def test_padding_order_and_company_of_series_change_nothing():
    process = affine(-1.0, 0.2)
    rows = [[1.0, 2.5, 7.0], [], [3.0]]
    together = process.log_prob_events(line(3), batch_of(rows))
    alone = torch.cat([process.log_prob_events(line(1), batch_of([row])) for row in rows])
    turned = process.log_prob_events(line(3), batch_of(rows[::-1])).flip(0)
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(together, turned, rtol=1e-12, atol=1e-12)


def test_every_draw_of_the_state_has_its_own_log_weight():
    process, batch = affine(-1.0, 0.2), batch_of([[1.0, 2.5, 7.0], []])
    z0 = torch.tensor([[[0.0], [0.0]], [[1.0], [2.0]]], dtype=F64)  # (draw, batch, latent)
    config = SolverConfig(step_size=0.05)
    flow = ode.solve(lambda t, z: torch.ones_like(z) + 0 * t, z0, 0.0, 10.0, config)
    got = process.log_prob_events(flow, batch)
    assert got.shape == (2, 2)
    for draw in (0, 1):
        one = ode.solve(lambda t, z: torch.ones_like(z) + 0 * t, z0[draw], 0.0, 10.0, config)
        torch.testing.assert_close(
            got[draw], process.log_prob_events(one, batch), rtol=1e-12, atol=0
        )


def test_windows_may_differ_between_kinds():
    windows = [[[0.0, 10.0], [2.0, 6.0]]]
    events = batch_of([[1.0, 3.0]], [[0, 1]], kinds=2, windows=windows)
    got = affine(math.log(0.3), 0.0, kinds=2).log_prob_events(line(1), events)
    assert got.item() == pytest.approx(2 * math.log(0.3) - 0.3 * (10 + 4), abs=1e-10)


def test_what_stands_in_padded_slots_reaches_no_gradient():
    events = batch_of([[1.0, 2.5, 7.0], [3.0]])
    poisoned = torch.where(events.valid, events.times, torch.nan)
    events = type(events)(poisoned, events.marks, events.valid, events.start, events.end)
    process = affine(-1.0, 0.2)
    process.log_prob_events(line(2), events).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in process.parameters())


@pytest.mark.parametrize("link", ["exp", "softplus"])
def test_the_initial_rate_is_the_observed_mean_rate(link):
    rates = torch.tensor([0.01, 400.0])
    process = PoissonProcess(3, rates, hidden_dim=4, link=link)
    with torch.no_grad():
        got = process.log_intensity(torch.zeros(1, 3)).exp()[0]
    # the hidden layer adds a little of its random bias, shrunk by a tenth
    torch.testing.assert_close(got, rates, rtol=0.2, atol=0)


def test_the_rate_is_recovered_with_streams_without_events():
    rng = np.random.default_rng(0)
    rows = [sorted(rng.uniform(0, 2, rng.poisson(1.0))) for _ in range(400)]
    assert any(not row for row in rows)
    events = batch_of(rows, window=(0.0, 2.0))
    process = affine(0.0, 0.0)
    optimizer = torch.optim.LBFGS(process.head.parameters(), line_search_fn="strong_wolfe")
    trajectory = line(400, end=2.0, slope=0.0)

    def closure():
        optimizer.zero_grad()
        loss = -process.log_prob_events(trajectory, events).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    observed = sum(map(len, rows)) / 800
    assert process.head.layers[-1].bias.exp().item() == pytest.approx(observed, rel=1e-5)


def test_counts_in_intervals_follow_the_poisson_distribution():
    process = affine(math.log(0.3), 0.0)
    edges = torch.tensor([[0.0, 1.0, 4.0, 10.0]], dtype=F64)
    counts = torch.tensor([[[0], [2], [5]]])
    mask = torch.tensor([[[True], [True], [False]]])
    got = process.log_prob_counts(line(1), edges, counts, mask).item()
    expected = -0.3 + 2 * math.log(0.9) - 0.9 - math.log(2)
    assert got == pytest.approx(expected, rel=1e-10)
    with pytest.raises(ShapeError, match="one more edge than intervals"):
        process.log_prob_counts(line(1), edges[:, 1:], counts, mask)


def test_log_softplus_is_exact_where_softplus_underflows():
    u = torch.tensor([-800.0, -30.0, -1.0, 0.0, 5.0, 50.0], dtype=F64, requires_grad=True)
    got = log_softplus(u)
    expected = [
        -800.0,
        -30.0,
        *(math.log(math.log1p(math.exp(x))) for x in (-1, 0, 5)),
        math.log(50),
    ]
    torch.testing.assert_close(got, torch.tensor(expected, dtype=F64), rtol=1e-12, atol=1e-12)
    got.sum().backward()
    assert torch.isfinite(u.grad).all()
    assert u.grad[0] == 1.0


def test_the_compensator_is_inverted():
    process = affine(-1.0, 0.25)
    total = cumulative(line(2), lambda t, z: process.log_intensity(z).exp())  # noqa: ARG005
    start = torch.tensor([0.0, 2.0])
    targets = torch.tensor([[0.5, 1e6], [1.0, 2.0]], dtype=F64)
    got = invert(total, targets, start, torch.full((2,), 10.0))
    assert got[0, 1] == torch.inf
    a, b = -1.0, 0.25
    exact = [(math.log(math.exp(a + b * s) + b * t) - a) / b for s, t in ((0, 0.5), (2, 1), (2, 2))]
    found = torch.stack([got[0, 0], got[1, 0], got[1, 1]])
    torch.testing.assert_close(found, torch.tensor(exact, dtype=F64), rtol=1e-8, atol=0)


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="a positive mean rate"):
        PoissonProcess(2, torch.tensor([0.0, 1.0]))
    with pytest.raises(ConfigError, match="link: expected"):
        PoissonProcess(2, torch.ones(1), link="log")
    with pytest.raises(ShapeError, match="windows of 2 marks, got 1"):
        affine(0.0, 0.0, kinds=2).log_prob_events(line(1), batch_of([[1.0]]))
