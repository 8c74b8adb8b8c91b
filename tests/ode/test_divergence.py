"""Divergences against autograd's Jacobian, and the laws of their estimates."""

from itertools import pairwise
from typing import get_args

import pytest
import torch
from torch import nn

from latentode.errors import ConfigError
from latentode.ode.divergence import (
    TraceConfig,
    choose_trace,
    divergence,
    draw_probes,
    jacobian_products,
    slopes_at,
)
from latentode.ode.networks.activations import Activation
from latentode.ode.networks.layered import Layers

NODES, DRAWS, BATCH, DIM = 3, 2, 4, 3


def rand(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


class Gated:
    """A field of fixed random weights whose gates and biases move with time, and with the batch."""

    def __init__(
        self, hidden, *, activation="tanh", gated=True, by_sample=True, last_by_sample=False
    ):
        sizes = (DIM, *hidden, DIM)
        self.hidden, self.activation, self.gated = hidden, activation, gated
        self.weights = [0.7 * rand(b, a, seed=k) for k, (a, b) in enumerate(pairwise(sizes))]
        rows = [BATCH if by_sample else 1] * len(hidden) + [BATCH if last_by_sample else 1]
        self.tables = [
            (rand(1, row, b, seed=10 + k), rand(1, row, b, seed=20 + k))
            for k, (row, b) in enumerate(zip(rows, sizes[1:], strict=True))
        ]

    def layers(self, times):
        clock = times.reshape(len(times), -1, 1)
        biases = tuple(bias * torch.cos(clock) for bias, _ in self.tables)
        gates = tuple(
            torch.sigmoid(gate + clock) if self.gated else None for _, gate in self.tables
        )
        return Layers(tuple(self.weights), biases, gates, self.activation)

    def __call__(self, t, z):
        return self.layers(t[None].double()).evaluate(0, z)


def jacobian_trace(field, times, states):
    """Sum of the diagonal of autograd's Jacobian, sample by sample."""
    found = torch.empty(states.shape[:-1], dtype=states.dtype)
    for k, t in enumerate(times):
        jacobian = torch.autograd.functional.jacobian(lambda z, t=t: field(t, z), states[k])
        for index in torch.cartesian_prod(torch.arange(DRAWS), torch.arange(BATCH)).tolist():
            draw, row = index
            found[k, draw, row] = jacobian[draw, row, :, draw, row, :].trace()
    return found


TIMES = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
STATES = rand(NODES, DRAWS, BATCH, DIM, seed=5)


def check(field, used, times=TIMES):
    slopes, trace = divergence(field, times, STATES, used, None)
    torch.testing.assert_close(
        slopes, torch.stack([field(t, z) for t, z in zip(times, STATES, strict=True)])
    )
    torch.testing.assert_close(trace, jacobian_trace(field, times, STATES), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("hidden", [(), (5,), (5, 6)])
@pytest.mark.parametrize("activation", get_args(Activation))
def test_the_closed_form_is_the_trace_of_autograds_jacobian(hidden, activation):
    field = Gated(hidden, activation=activation)
    assert choose_trace(field, STATES[0], TraceConfig()) == "analytic"
    check(field, "analytic")


@pytest.mark.parametrize("options", [{"gated": False}, {"by_sample": False}])
def test_the_closed_form_holds_without_gates_and_with_gates_common_to_the_batch(options):
    check(Gated((5, 6), **options), "analytic")


@pytest.mark.parametrize("hidden", [(), (5,)])
def test_no_or_one_hidden_layer_keeps_its_closed_form_under_gates_of_each_sample(hidden):
    check(Gated(hidden, last_by_sample=True), "analytic")


def test_times_of_each_series_are_taken():
    times = TIMES[:, None] + 0.1 * torch.arange(BATCH)
    check(Gated((5, 6), by_sample=False), "exact", times)


@pytest.mark.parametrize("hidden", [(5,), (5, 6), (5, 6, 4), (5, 6, 4, 7)])
@pytest.mark.parametrize("last_by_sample", [False, True])
def test_tangents_by_axis_are_exact_at_any_depth(hidden, last_by_sample):
    check(Gated(hidden, last_by_sample=last_by_sample), "exact")


def test_any_callable_has_an_exact_trace_and_one_of_zero_if_it_is_constant():
    weights = rand(DIM, DIM)
    check(lambda t, z: torch.sin(z @ weights) * t, "exact")
    check(lambda t, z: torch.ones_like(z) * t, "exact")
    with torch.no_grad():
        trace = divergence(lambda t, z: z * t, TIMES, STATES, "exact", None)[1]
    assert not trace.requires_grad
    torch.testing.assert_close(trace, (DIM * TIMES[:, None, None]).expand(-1, DRAWS, BATCH))


@pytest.mark.parametrize(("hidden", "used"), [((5, 6), "analytic"), ((5, 6, 4), "exact")])
def test_the_trace_is_differentiable_in_states_and_weights(hidden, used):
    field = Gated(hidden)

    def total(states, weight):
        field.weights[1] = weight
        return divergence(field, TIMES, states, used, None)[1].square().sum()

    inputs = (STATES.clone().requires_grad_(), field.weights[1].clone().requires_grad_())
    assert torch.autograd.gradcheck(total, inputs)


def test_the_trace_of_a_callable_is_differentiable():
    weight = rand(DIM, DIM).requires_grad_()
    states = STATES.clone().requires_grad_()

    def total(states, weight):
        return divergence(lambda t, z: torch.tanh(z @ weight) * t, TIMES, states, "exact", None)[1]

    assert torch.autograd.gradcheck(total, (states, weight))


def linear(matrix):
    return lambda _t, z: z @ matrix.T


def estimates(matrix, config, count):
    z = torch.zeros(1, count, len(matrix), dtype=torch.float64)
    probes = draw_probes(z[0], config, torch.Generator().manual_seed(3))
    return divergence(linear(matrix), TIMES[:1], z, "hutchinson", probes)[1][0]


@pytest.mark.parametrize("num_probes", [1, 3])
@pytest.mark.parametrize("law", ["rademacher", "gaussian"])
def test_hutchinson_is_unbiased_with_the_variance_of_theory(law, num_probes):
    matrix, count = rand(6, 6), 40_000
    symmetric = (matrix + matrix.T) / 2
    spread = symmetric.square().sum()
    if law == "rademacher":
        spread = spread - matrix.diagonal().square().sum()
    variance = 2 * spread / num_probes
    found = estimates(matrix, TraceConfig("hutchinson", law, num_probes), count)
    # five standard errors of the mean, and of the variance (kurtosis below 15 for these forms)
    assert abs(found.mean() - matrix.trace()) < 5 * (variance / count).sqrt()
    assert abs(found.var() / variance - 1) < 5 * (14 / count) ** 0.5


def test_a_biased_estimator_would_be_caught():
    """The test above rejects probes whose covariance is not the identity."""
    matrix, count = rand(6, 6), 40_000
    z = torch.zeros(1, count, 6, dtype=torch.float64)
    probes = 1.05 * draw_probes(z[0], TraceConfig("hutchinson"), torch.Generator().manual_seed(3))
    found = divergence(linear(matrix), TIMES[:1], z, "hutchinson", probes)[1][0]
    assert abs(found.mean() - matrix.trace()) > 5 * (found.var() / count).sqrt()


def test_orthogonal_probes_are_unbiased_and_exact_once_there_are_as_many_as_axes():
    matrix, count = rand(6, 6), 20_000
    all_axes = estimates(matrix, TraceConfig("hutchinson", "orthogonal", 6), 10)
    torch.testing.assert_close(all_axes, matrix.trace().expand(10))
    few = estimates(matrix, TraceConfig("hutchinson", "orthogonal", 3), count)
    independent = estimates(matrix, TraceConfig("hutchinson", "rademacher", 3), count)
    assert abs(few.mean() - matrix.trace()) < 5 * (few.var() / count).sqrt()
    assert few.var() < independent.var()
    with pytest.raises(ConfigError, match=r"num_probes: expected at most 6 orthogonal .* got 7"):
        estimates(matrix, TraceConfig("hutchinson", "orthogonal", 7), 1)


@pytest.mark.parametrize("hidden", [(5, 6), (5, 6, 4)])
def test_a_network_and_the_same_callable_have_one_estimate(hidden):
    field = Gated(hidden)
    probes = draw_probes(STATES[0], TraceConfig(num_probes=2), torch.Generator().manual_seed(1))
    ours = divergence(field, TIMES, STATES, "hutchinson", probes)[1]
    plain = divergence(lambda t, z: field(t, z), TIMES, STATES, "hutchinson", probes)[1]
    torch.testing.assert_close(ours, plain)


def test_jacobian_products_have_the_frobenius_norm_in_expectation():
    field = Gated((5, 6))
    jacobians = [
        torch.func.vmap(
            torch.func.jacrev(lambda z, t=t, row=row: field(t, z.expand(BATCH, -1))[row])
        )(STATES[k, :, row])
        for k, t in enumerate(TIMES)
        for row in range(BATCH)
    ]
    squares = torch.stack(jacobians).square().sum((-1, -2)).reshape(NODES, BATCH, DRAWS).mT
    # all eight sign patterns of three axes: the mean over them is the expectation
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0]).double()] * DIM)
    for callable_ in (field, lambda t, z: field(t, z)):
        products = [
            jacobian_products(callable_, TIMES, STATES, sign.expand(DRAWS, BATCH, DIM))[1]
            for sign in signs
        ]
        found = torch.stack(products).square().sum(-1).mean(0)
        torch.testing.assert_close(found, squares)


def test_slopes_are_those_of_the_field():
    field = Gated((5, 6))
    plain = torch.stack([field(t, z) for t, z in zip(TIMES, STATES, strict=True)])
    torch.testing.assert_close(slopes_at(field, TIMES, STATES), plain)
    torch.testing.assert_close(slopes_at(lambda t, z: field(t, z), TIMES, STATES), plain)


@pytest.mark.parametrize(
    ("hidden", "dim", "kind", "used"),
    [
        ((5, 6), DIM, "auto", "analytic"),
        ((5, 6), DIM, "exact", "analytic"),
        ((5, 6), DIM, "hutchinson", "hutchinson"),
        ((5, 6, 4), DIM, "auto", "exact"),
        (None, 8, "auto", "exact"),
        (None, 9, "auto", "hutchinson"),
        (None, 9, "exact", "exact"),
    ],
)
def test_the_way_is_chosen_by_network_dimension_and_wish(hidden, dim, kind, used):
    field = Gated(hidden) if hidden else lambda _t, z: z
    assert choose_trace(field, torch.zeros(2, dim), TraceConfig(kind)) == used


def test_probes_are_repeated_by_their_generator():
    like = torch.zeros(5, DIM)
    for law in ("rademacher", "gaussian", "orthogonal"):
        config = TraceConfig("hutchinson", law, 2)
        one, two = (draw_probes(like, config, torch.Generator().manual_seed(9)) for _ in range(2))
        assert one.shape == (2, 5, DIM)
        assert torch.equal(one, two)


class _Module(nn.Module):
    def __init__(self, part):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 4), part, nn.Linear(4, 2))

    def forward(self, _t, z):
        return self.net(z)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (nn.ReLU(), "smooth activation, got ReLU.*kinks.*use tanh"),
        (nn.LeakyReLU(), "smooth activation, got LeakyReLU"),
        (nn.Dropout(0.1), "time and state alone, got Dropout"),
        (nn.BatchNorm1d(4), "time and state alone, got BatchNorm1d"),
    ],
)
def test_kinks_noise_and_batch_dependence_are_refused_with_the_reason(part, message):
    with pytest.raises(ConfigError, match=message):
        choose_trace(_Module(part), torch.zeros(3, 2), TraceConfig())


def test_unknown_kinds_and_probes_are_refused():
    with pytest.raises(ConfigError, match=r'trace: expected "auto".* got \'approx\''):
        TraceConfig("approx")
    with pytest.raises(ConfigError, match=r"probes: expected 1 or more of .* got 0 of 'gaussian'"):
        TraceConfig("hutchinson", "gaussian", 0)
    with pytest.raises(ConfigError, match=r"probes: expected 1 or more .* got 1 of 'sphere'"):
        TraceConfig("hutchinson", "sphere")
