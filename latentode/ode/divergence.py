r"""Divergence of a vector field, :math:`\mathrm{tr}\,\partial f/\partial z`, at nodes of a solve.

Three ways, of which a result always names the one that was used:

- "analytic": closed form of networks with up to two hidden layers, at the price of an estimate in
  any dimension (two hidden layers: where the gate of the last layer is common to the batch);
- "exact": one tangent (networks of any depth) or one VJP (any callable) for each latent axis;
- "hutchinson": unbiased estimate by random probes. The exponential of such a log-density is biased,
  so importance weights and reported likelihoods want an exact trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentode.errors import ConfigError
from latentode.ode.fields import FieldFunction
from latentode.ode.networks.activations import ACTIVATIONS, activation_slope
from latentode.ode.networks.axis_trace import axis_trace
from latentode.ode.networks.layered import Layers

TraceKind = Literal["auto", "exact", "hutchinson"]
TraceUsed = Literal["analytic", "exact", "hutchinson"]
ProbeKind = Literal["rademacher", "gaussian", "orthogonal"]

# above it, one probe costs less than an eighth of the exact loop
LARGEST_LOOP = 8
_KINKED = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.Hardtanh, nn.Threshold)
_UNSTEADY = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)


@dataclass(frozen=True)
class TraceConfig:
    """How the divergence is found.

    Attributes:
        kind: "exact"; "hutchinson"; or "auto": the closed form, else exact up to 8 dimensions, else
            Hutchinson.
        probes: Law of the probes: "rademacher" never has more variance than "gaussian";
            "orthogonal" ones, as many as the state has axes, make the estimate exact.
        num_probes: Probes a sample.
    """

    kind: TraceKind = "auto"
    probes: ProbeKind = "rademacher"
    num_probes: int = 1

    def __post_init__(self) -> None:
        if self.kind not in ("auto", "exact", "hutchinson"):
            raise ConfigError(
                f'trace: expected "auto", "exact" or "hutchinson", got {self.kind!r}. '
                "Choose one of these."
            )
        if self.probes not in ("rademacher", "gaussian", "orthogonal") or self.num_probes < 1:
            raise ConfigError(
                'probes: expected 1 or more of "rademacher", "gaussian" or "orthogonal", got '
                f"{self.num_probes} of {self.probes!r}. Choose one of these."
            )


def choose_trace(
    field: FieldFunction, z: Tensor, config: TraceConfig, *, own_times: bool = False
) -> TraceUsed:
    """Decide how the divergence of a field is found.

    Args:
        field: Callable ``(t, z) -> dz/dt``; may have the method ``layers(times)``.
        z: States like those to come, shape (..., batch, latent).
        config: What was asked for.
        own_times: Whether series have times of their own, between which a gate of time differs.

    Raises:
        ConfigError: If the field has kinks, or is random or dependent on the batch.
    """
    _check_smooth(field)
    if config.kind == "hutchinson":
        return "hutchinson"
    if hasattr(field, "layers"):
        shape = (1, z.shape[-2]) if own_times else (1,)
        with torch.no_grad():
            layers = field.layers(torch.zeros(shape, dtype=torch.float64, device=z.device))
            if _has_closed_form(layers):
                return "analytic"
    return "exact" if config.kind == "exact" or z.shape[-1] <= LARGEST_LOOP else "hutchinson"


def draw_probes(like: Tensor, config: TraceConfig, generator: torch.Generator | None) -> Tensor:
    """Draw the probes of one solve, mean 0 and covariance the identity, for each sample its own.

    Args:
        like: States, shape (..., batch, latent), whose dtype and device the probes take.
        config: Law and number.
        generator: Source of randomness.

    Returns:
        Probes, shape (probe, ..., batch, latent).

    Raises:
        ConfigError: If more orthogonal probes are asked for than there are axes.
    """
    dim = like.shape[-1]
    shape = (config.num_probes, *like.shape)
    if config.probes == "rademacher":
        signs = torch.randint(0, 2, shape, generator=generator, device=like.device)
        return (2 * signs - 1).to(like.dtype)
    if config.probes == "gaussian":
        return torch.randn(shape, generator=generator, dtype=like.dtype, device=like.device)
    if config.num_probes > dim:
        raise ConfigError(
            f"num_probes: expected at most {dim} orthogonal probes in {dim} dimensions, got "
            f"{config.num_probes}. {dim} are exact already."
        )
    shape = (*like.shape, config.num_probes)
    normal = torch.randn(shape, generator=generator, dtype=like.dtype, device=like.device)
    return torch.linalg.qr(normal).Q.movedim(-1, 0) * dim**0.5


def divergence(
    field: FieldFunction, times: Tensor, states: Tensor, used: TraceUsed, probes: Tensor | None
) -> tuple[Tensor, Tensor]:
    r"""Evaluate a field and its divergence at all nodes in one batch; differentiable.

    For two hidden layers, with :math:`d_l = \phi'(u_l) \circ g_l`,

    .. math:: \mathrm{tr}\,J = \sum_h \big[\big(d_2\,(W_2 \circ (W_1 \mathrm{diag}(g_3)
              W_3)^T)\big) \circ d_1\big]_h ;

    the Hutchinson estimate is the mean of :math:`e^T J e` over the probes e.

    Args:
        field: Callable ``(t, z) -> dz/dt``; in one batch if it has the method ``layers(times)``.
        times: Model times, float64, shape (node,) or (node, batch).
        states: State at each node, shape (node, ..., batch, latent).
        used: The way, as `choose_trace` decided.
        probes: Probes of this solve, shape (probe, ..., batch, latent), for "hutchinson".

    Returns:
        Slopes, shape of `states`, and divergences in 1 / model time, shape (node, ..., batch).
    """
    if not hasattr(field, "layers"):
        directions = None if used == "exact" else probes
        pairs = [_generic(field, t, z, directions) for t, z in zip(times, states, strict=True)]
        slopes, traces = zip(*pairs, strict=True)
        return torch.stack(slopes), torch.stack(traces)
    layers: Layers = field.layers(times)
    if used == "exact" and len(layers.weights) > 2 and layers.is_shared:
        return _shared_trace(layers.folded(), states)
    net = _linearise(layers, states)
    if used == "analytic":
        return net.value, _closed_form(net)
    if used == "exact":
        return net.value, _by_axes(net)
    assert probes is not None
    along = probes[:, None]  # (probe, 1, ..., batch, latent)
    return net.value, (along * _push(net, along)).sum(-1).mean(0)


def jacobian_products(
    field: FieldFunction, times: Tensor, states: Tensor, probe: Tensor
) -> tuple[Tensor, Tensor]:
    """Slopes and a probe through the Jacobian at all nodes; differentiable.

    The mean square of either product is that of the Jacobian's entries, summed: J e is what a
    network at given times yields, and e^T J what any other callable does.

    Args:
        field: As in `divergence`.
        times: As in `divergence`.
        states: As in `divergence`.
        probe: Directions, shape (..., batch, latent).

    Returns:
        Slopes and products, both of the shape of `states`.
    """
    if hasattr(field, "layers"):
        net = _linearise(field.layers(times), states)
        return net.value, _push(net, probe[None, None])[0]
    pairs = [_vjp(field, t, z, probe[None]) for t, z in zip(times, states, strict=True)]
    slopes, products = zip(*pairs, strict=True)
    return torch.stack(slopes), torch.cat(products)


def slopes_at(field: FieldFunction, times: Tensor, states: Tensor) -> Tensor:
    """Slopes at all nodes, shape of `states`.

    Args:
        field: As in `divergence`.
        times: Model times, float64, shape (node,) or (node, batch).
        states: State at each node, shape (node, ..., batch, latent).
    """
    if hasattr(field, "layers"):
        return _linearise(field.layers(times), states).value
    return torch.stack([field(t, z) for t, z in zip(times, states, strict=True)])


@dataclass(frozen=True)
class _Linearised:
    """A network about given states.

    Attributes:
        value: The network's value, shape of the states.
        matrices: Weights times the gates that a batch shares, (out, in) or (node, out, in).
        factors: Slope of each hidden layer, times the gate where samples have their own, shape
            (node, ..., batch, hidden).
        last: Gate of the last layer where samples have their own, (node, ..., batch, out).
    """

    value: Tensor
    matrices: list[Tensor]
    factors: list[Tensor]
    last: Tensor | None


def _linearise(layers: Layers, states: Tensor) -> _Linearised:
    value, matrices, factors, gate = states, [], [], None
    layers = layers.folded()
    parts = zip(layers.weights, layers.biases, layers.gates, strict=True)
    for layer, (weight, bias, table) in enumerate(parts):
        matrices.append(weight[0] if weight.dim() == 3 and len(weight) == 1 else weight)
        gate = None if table is None else _between(table, states)
        product, bias = _apply(matrices[-1], value), _between(bias, states)
        u = product + bias if gate is None else torch.addcmul(bias, product, gate)
        if layer + 1 < len(layers.weights):
            value = ACTIVATIONS[layers.activation](u)
            slope = activation_slope(layers.activation, u, value)
            factors.append(slope if gate is None else slope * gate)
    return _Linearised(u, matrices, factors, gate)


def _between(table: Tensor, states: Tensor) -> Tensor:
    """(node, batch, width) or (node, rows, columns) with the axes between those of the states."""
    axes = [1] * (states.dim() - 3)
    return table.reshape(table.shape[0], *axes, *table.shape[1:])


def _apply(matrix: Tensor, values: Tensor, probe_axes: int = 0) -> Tensor:
    """Matrices on values (probe ..., node, ..., batch, in)."""
    if matrix.dim() == 2:
        return functional.linear(values, matrix)
    like = values[(0,) * probe_axes]
    return torch.matmul(values, _between(matrix.mT, like))


def _has_closed_form(layers: Layers) -> bool:
    gate, hidden = layers.gates[-1], len(layers.weights) - 1
    return hidden < 2 or (hidden == 2 and (gate is None or gate.shape[1] == 1))


def _closed_form(net: _Linearised) -> Tensor:
    first, last = net.matrices[0], net.matrices[-1]
    if len(net.factors) == 2:
        assert net.last is None, "no closed form where samples have a last gate of their own"
        loops = torch.matmul(first, last)  # (hidden 1, hidden 2), or one a node
        return (_apply(loops * net.matrices[1].mT, net.factors[1]) * net.factors[0]).sum(-1)
    if not net.factors:
        diagonal = first.diagonal(dim1=-2, dim2=-1)
        if net.last is None:
            total = diagonal.sum(-1)
            return total.reshape(-1, *[1] * (net.value.dim() - 2)).expand(net.value.shape[:-1])
        return (net.last * diagonal).sum(-1).expand(net.value.shape[:-1])
    loops = last.mT * first  # (hidden, axis)
    if net.last is not None:
        return (_apply(loops, net.last) * net.factors[0]).sum(-1)
    return _apply(loops.sum(-1)[..., None, :], net.factors[0])[..., 0]


def _push(net: _Linearised, along: Tensor) -> Tensor:
    """J e for directions (probe, node or 1, ..., batch, latent): (probe, node, ..., batch, out)."""
    for matrix, factor in zip(net.matrices, net.factors, strict=False):
        along = _apply(matrix, along, 1) * factor
    product = _apply(net.matrices[-1], along, 1)
    return product if net.last is None else product * net.last


def _shared_trace(layers: Layers, states: Tensor) -> tuple[Tensor, Tensor]:
    """`axis_trace` of folded layers that a batch shares."""
    count = len(states)
    weights = [w.expand(count, *w.shape[-2:]) for w in layers.weights]
    biases = [b.expand(count, *b.shape[-2:]) for b in layers.biases]
    rows = states.reshape(count, -1, states.shape[-1])
    value, trace = axis_trace(weights, biases, rows, layers.activation)
    return value.view(states.shape), trace.view(states.shape[:-1])


def _by_axes(net: _Linearised) -> Tensor:
    """Sum of the diagonal by one tangent an axis; the last two layers are contracted in one."""
    if len(net.factors) < 2:
        return _closed_form(net)
    along = _rows(net.matrices[0].mT, net.value) * net.factors[0]
    for matrix, factor in zip(net.matrices[1:-2], net.factors[1:-1], strict=True):
        along = _apply(matrix, along, 1) * factor
    along = _apply(net.matrices[-2], along, 1)
    ends = _rows(net.matrices[-1], net.value)
    if net.last is not None:
        ends = ends * net.last.movedim(-1, 0)[..., None]
    return ((ends * along).sum(0) * net.factors[-1]).sum(-1)


def _rows(matrix: Tensor, states: Tensor) -> Tensor:
    """Rows of matrices as one tensor each, (axis, node or 1, 1 ..., 1, hidden)."""
    matrix = matrix[None] if matrix.dim() == 2 else matrix  # (node or 1, axis, hidden)
    axes = [1] * (states.dim() - 2)
    return matrix.movedim(1, 0).reshape(matrix.shape[1], len(matrix), *axes, -1)


def _generic(
    field: FieldFunction, t: Tensor, z: Tensor, probes: Tensor | None
) -> tuple[Tensor, Tensor]:
    if probes is not None:
        slope, products = _vjp(field, t, z, probes)
        return slope, (products * probes).sum(-1).mean(0)
    axes = torch.eye(z.shape[-1], dtype=z.dtype, device=z.device)
    basis = axes.reshape(len(axes), *[1] * (z.dim() - 1), -1).expand(-1, *z.shape)
    slope, products = _vjp(field, t, z, basis)
    return slope, (products * basis).sum((0, -1))


def _vjp(field: FieldFunction, t: Tensor, z: Tensor, probes: Tensor) -> tuple[Tensor, Tensor]:
    """Slope, and e^T J for each probe (probe, ..., batch, latent)."""
    wanted = torch.is_grad_enabled()
    with torch.enable_grad():
        if not (wanted and z.requires_grad):
            z = z.detach().requires_grad_()
        slope = field(t, z)
        if not slope.requires_grad:
            return slope, torch.zeros_like(probes)
        products = [
            torch.autograd.grad(
                slope, z, probe, create_graph=wanted, retain_graph=True, materialize_grads=True
            )[0]
            for probe in probes
        ]
    stacked = torch.stack(products)
    return (slope, stacked) if wanted else (slope.detach(), stacked.detach())


def _check_smooth(field: FieldFunction) -> None:
    for module in field.modules() if isinstance(field, nn.Module) else ():
        if isinstance(module, _KINKED):
            raise ConfigError(
                f"field: expected a smooth activation, got {type(module).__name__}. The divergence "
                "of a field with kinks jumps and has no second derivative: use tanh, softplus, "
                "silu, elu or gelu."
            )
        if isinstance(module, _UNSTEADY):
            raise ConfigError(
                f"field: expected a function of time and state alone, got {type(module).__name__}, "
                "which is random or depends on the batch. Leave it out of the field."
            )
