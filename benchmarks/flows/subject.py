"""A trained flow, and one likelihood step of it by each competitor with the same weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torchdiffeq
from torch import Tensor

from latentode.config import SolverConfig
from latentode.flows import CNF, FlowFitConfig, draw_toy, fit_flow
from latentode.ode.divergence import TraceConfig

Case = tuple[Callable[[], Tensor], Callable[[], object]]


def trained(shape: tuple[int, ...], protocol: Any) -> tuple[CNF, Tensor]:
    """A flow fitted to 8 gaussians, and fresh points of them."""
    generator = torch.Generator().manual_seed(protocol["seed"])
    torch.manual_seed(protocol["seed"])
    flow = CNF(2, hidden_dims=shape)
    data = draw_toy("8gaussians", 20_000, generator).float()
    flow.standardize(data.mean(0), data.std(0))
    config = FlowFitConfig(protocol["warm_up_steps"], protocol["steps"], batch_size=512)
    fit_flow(flow, data, config=config, generator=generator)
    return flow.train(), draw_toy("8gaussians", protocol["batch"], generator).float()


def reference(flow: CNF, x: Tensor) -> Tensor:
    """Log-densities in float64 at a tolerance of 1e-9."""
    twin = CNF(2, hidden_dims=tuple(flow.nets[0].widths[:-1])).double()
    twin.load_state_dict(flow.state_dict())
    solver = SolverConfig(method="dopri5", step_size=0.25, rtol=1e-9, atol=1e-9)
    with torch.no_grad():
        return twin.evaluate(x.double(), solver=solver, trace=TraceConfig("exact")).log_prob


def _step(flow: CNF, density: Callable[[], Tensor]) -> Case:
    def step() -> None:
        flow.zero_grad()
        (-density().mean()).backward()

    def quiet() -> Tensor:
        return density().detach()

    return quiet, step


def ours(flow: CNF, x: Tensor, method: str, steps: int) -> Case:
    """The library, as it trains."""
    solver = SolverConfig.model_validate({"method": method, "step_size": 1 / steps})

    def density() -> Tensor:
        flow.solver = solver
        return flow.evaluate(x, trace=TraceConfig("exact")).log_prob

    return _step(flow, density)


def plain_field(flow: CNF) -> Callable[[Tensor, Tensor], Tensor]:
    """The same network as a user of torch writes it."""
    net = flow.nets[0]

    def field(t: Tensor, z: Tensor) -> Tensor:
        clock = t.reshape(1).to(z.dtype)
        biases = net.biases(clock).split(net.widths)
        gates = net.gates(clock).sigmoid().split(net.widths[:-1])
        for linear, bias, gate in zip(net.linears, biases, gates, strict=False):
            z = torch.tanh(linear(z) * gate + bias)
        last: Tensor = net.linears[-1](z) * net.last_gate(clock).sigmoid() + biases[-1]
        return last

    return field


def _final(flow: CNF, z: Tensor, ladj: Tensor) -> Tensor:
    return flow.base.log_prob(z) + ladj - flow.scale.log().sum()


def by_torchdiffeq(flow: CNF, x: Tensor, tolerance: float) -> Case:
    """Point and log-density in one dopri5 solve, the trace by a VJP for each axis, backprop."""
    field = plain_field(flow)

    def augmented(t: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        z = state[0]
        with torch.enable_grad():
            z = z if z.requires_grad else z.requires_grad_()
            slope = field(t, z)
            trace = sum(
                torch.autograd.grad(slope[:, k].sum(), z, create_graph=True)[0][:, k]
                for k in range(z.shape[1])
            )
        return slope, trace

    def density() -> Tensor:
        start = ((x - flow.shift) / flow.scale, x.new_zeros(len(x)))
        z, ladj = torchdiffeq.odeint(
            augmented, start, x.new_tensor([1.0, 0.0]), rtol=tolerance, atol=tolerance
        )
        return _final(flow, z[-1], ladj[-1])

    return _step(flow, density)


def by_zuko(flow: CNF, x: Tensor, tolerance: float) -> Case:
    """A free-form flow of zuko, with the exact trace and its own adjoint."""
    import zuko

    field = plain_field(flow)
    transform = zuko.transforms.FreeFormJacobianTransform(
        field,
        t0=x.new_tensor(1.0),
        t1=x.new_tensor(0.0),
        phi=tuple(flow.parameters()),
        atol=tolerance,
        rtol=tolerance,
        exact=True,
    )

    def density() -> Tensor:
        z, ladj = transform.call_and_ladj((x - flow.shift) / flow.scale)
        return _final(flow, z, ladj)

    return _step(flow, density)


def by_diffrax(flow: CNF, x: Tensor, tolerance: float) -> Case:
    """See `benchmarks.flows.peers_jax`."""
    from benchmarks.flows import peers_jax

    return peers_jax.by_diffrax(flow, x, tolerance)


PEERS = {"torchdiffeq": by_torchdiffeq, "zuko": by_zuko, "diffrax": by_diffrax}
