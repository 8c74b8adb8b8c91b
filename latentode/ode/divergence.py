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
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentode.errors import ConfigError
from latentode.nn.activations import ACTIVATIONS, activation_slope
from latentode.nn.layered import Layers
from latentode.ode.fields import FieldFunction

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


def choose_trace(field: FieldFunction, z: Tensor, config: TraceConfig) -> TraceUsed:
    """Decide how the divergence of a field at states like `z`, (..., batch, latent), is found.

    Raises:
        ConfigError: If the field has kinks, or is random or dependent on the batch.
    """
    _check_smooth(field)
    if config.kind == "hutchinson":
        return "hutchinson"
    if hasattr(field, "layers"):
        with torch.no_grad():
            if _has_closed_form(field.layers(torch.zeros(1, dtype=torch.float64, device=z.device))):
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
        pairs = [
            _generic(field, times[k], states[k], None if used == "exact" else probes)
            for k in range(len(states))
        ]
        return torch.stack([slope for slope, _ in pairs]), torch.stack(
            [trace for _, trace in pairs]
        )
    layers: Layers = field.layers(times)
    slopes, factors = _linearise(layers, states)
    if used == "analytic":
        return slopes, _closed_form(layers, slopes, factors)
    if used == "exact":
        return slopes, _by_axes(layers, slopes, factors)
    assert probes is not None
    along = probes[:, None]  # (probe, 1, ..., batch, latent)
    return slopes, (along * _push(layers, factors, along)).sum(-1).mean(0)


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
        layers = field.layers(times)
        slopes, factors = _linearise(layers, states)
        return slopes, _push(layers, factors, probe[None, None])[0]
    pairs = [_vjp(field, times[k], states[k], probe[None]) for k in range(len(states))]
    products = torch.stack([product[0] for _, product in pairs])
    return torch.stack([slope for slope, _ in pairs]), products


def slopes_at(field: FieldFunction, times: Tensor, states: Tensor) -> Tensor:
    """Slopes at all nodes, shape of `states`; arguments as in `divergence`."""
    if hasattr(field, "layers"):
        return _linearise(field.layers(times), states)[0]
    clock = times.to(states.dtype)
    return torch.stack([field(clock[k], states[k]) for k in range(len(states))])


def _linearise(layers: Layers, states: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Values, and the factors d = phi'(u) g of the hidden layers, (node, ..., batch, hidden)."""
    value, factors, last = states, [], len(layers.weights) - 1
    for layer, weight in enumerate(layers.weights):
        bias, gate = _fit(layers.biases[layer], states), _fit(layers.gates[layer], states)
        product = functional.linear(value, weight)
        u = product + bias if gate is None else torch.addcmul(bias, product, gate)
        if layer < last:
            value = ACTIVATIONS[layers.activation](u)
            slope = activation_slope(layers.activation, u, value)
            factors.append(slope if gate is None else slope * gate)
    return u, factors


def _fit(values: Any, states: Tensor) -> Any:
    """A bias or gate (node, batch, out) with axes between for those of the states, or None."""
    if values is None:
        return None
    between = [1] * (states.dim() - 3)
    return values.reshape(values.shape[0], *between, *values.shape[1:])


def _has_closed_form(layers: Layers) -> bool:
    gate, hidden = layers.gates[-1], len(layers.weights) - 1
    return hidden < 2 or (hidden == 2 and (gate is None or gate.shape[1] == 1))


def _closed_form(layers: Layers, slopes: Tensor, factors: list[Tensor]) -> Tensor:
    first, last, gate = layers.weights[0], layers.weights[-1], layers.gates[-1]
    if gate is None:
        gate = first.new_ones(1, 1, len(last))
    if not factors:
        return _fit(gate * first.diagonal(), slopes).sum(-1).expand(slopes.shape[:-1])
    if len(factors) == 1:
        loops = functional.linear(gate, last.T * first)  # (node, batch, hidden): (W1 G W2)_hh
        return (factors[0] * _fit(loops, factors[0])).sum(-1)
    # (node, hidden 1, hidden 2)
    loops = torch.matmul(first * gate, last)
    mixed = layers.weights[1] * loops.mT
    rows = factors[1].flatten(1, -2)  # (node, ..., batch, hidden) -> (node, row, hidden)
    return (torch.matmul(rows, mixed).view_as(factors[0]) * factors[0]).sum(-1)


def _push(layers: Layers, factors: list[Tensor], along: Tensor) -> Tensor:
    """J e for directions (probe, node or 1, ..., batch, latent): (probe, node, ..., batch, out)."""
    for weight, factor in zip(layers.weights, factors, strict=False):
        along = functional.linear(along, weight) * factor
    product = functional.linear(along, layers.weights[-1])
    gate = layers.gates[-1]
    return product if gate is None else product * _fit(gate, product[0])


def _by_axes(layers: Layers, slopes: Tensor, factors: list[Tensor]) -> Tensor:
    """Sum of the diagonal by one tangent an axis; the last two layers are contracted in one."""
    if len(factors) < 2:
        return _closed_form(layers, slopes, factors)
    first, last, gate = layers.weights[0], layers.weights[-1], layers.gates[-1]
    ones = [1] * (factors[0].dim() - 1)
    along = first.T.reshape(first.shape[1], *ones, -1) * factors[0]  # (axis, node, ..., hidden)
    for weight, factor in zip(layers.weights[1:-2], factors[1:-1], strict=True):
        along = functional.linear(along, weight) * factor
    along = functional.linear(along, layers.weights[-2])
    ends = last.reshape(len(last), *ones, -1)  # (axis, 1, ..., hidden)
    if gate is not None:
        ends = ends * _fit(gate, factors[0]).movedim(-1, 0)[..., None]
    return ((ends * along).sum(0) * factors[-1]).sum(-1)


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
        slope = field(t.to(z.dtype), z)
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
