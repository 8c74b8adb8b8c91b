"""Flows whose weights are large enough for their densities to be far from their base."""

import torch

from latentode.config import SolverConfig
from latentode.flows import CNF

FINE = SolverConfig(method="rk4", step_size=1 / 16)
REFERENCE = SolverConfig(method="dopri5", step_size=0.25, rtol=1e-9, atol=1e-10)


def bent(dim=2, *, seed=0, size=1.5, **options):
    """A flow of random weights in float64, in evaluation mode."""
    torch.manual_seed(seed)
    flow = CNF(dim, **({"hidden_dims": (8, 9), "solver": FINE} | options)).double()
    with torch.no_grad():
        for net in flow.nets:
            # undo the start near the identity
            for part in (net.linears[-1].weight, net.biases.weight[-dim:], net.biases.bias[-dim:]):
                part.mul_(10)
            for linear_map in net.linears:
                linear_map.weight.mul_(2 * size)
            net.gates.weight.mul_(2)
    return flow.eval()


def linear(matrix, bias, **options):
    """The flow dx/ds = matrix x + bias."""
    flow = CNF(len(matrix), hidden_dims=(), solver=FINE, **options).double()
    net = flow.nets[0]
    with torch.no_grad():
        net.last_gate.weight.zero_()
        net.last_gate.bias.zero_()  # a gate of one half
        net.linears[0].weight.copy_(2 * matrix)
        net.biases.weight.zero_()
        net.biases.bias.copy_(bias)
    return flow.eval()


def points(*shape, seed=1):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
