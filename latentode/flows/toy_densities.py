r"""Two-dimensional densities that flows are tried on, with their entropies where they are known.

The mean of :math:`-\log p` over fresh draws is at least the entropy, and equal to it for the true
density alone: the only test of a density estimate that needs no rival.

Reference:
    Grathwohl et al. (2019), FFJORD, https://arxiv.org/abs/1810.01367, whose shapes and scales these
    are; moons and swissroll after scikit-learn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from latentode.errors import ConfigError

ToyName = Literal[
    "8gaussians", "checkerboard", "2spirals", "rings", "moons", "pinwheel", "swissroll", "circles"
]

# radii and deviations of FFJORD's figures, whose points are divided by the root of two
_GAUSSIANS_RADIUS, _GAUSSIANS_SD = 4 / math.sqrt(2), 0.5 / math.sqrt(2)
_RING_RADII, _RING_SD = (0.75, 1.5, 2.25, 3.0), 0.08


def draw_toy(name: ToyName, count: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw points of a toy density, shape (count, 2), float64.

    Args:
        name: Which one.
        count: Points.
        generator: Source of randomness; None takes the global one.

    Raises:
        ConfigError: If there is no such density.
    """
    if name not in _DRAW:
        raise ConfigError(
            f"name: expected one of {', '.join(get_args(ToyName))}, got {name!r}. Choose one."
        )
    return _DRAW[name](count, generator)


def toy_entropy(name: ToyName) -> float | None:
    """Entropy in nats: in closed form, or by quadrature of the closed-form density; else None."""
    if name == "checkerboard":
        return math.log(32.0)  # uniform on eight squares of area four
    if name == "8gaussians":
        axis = torch.linspace(-6, 6, 601, dtype=torch.float64)
        log_density = _gaussians_log_density(torch.cartesian_prod(axis, axis))
        return float(-(log_density.exp() * log_density).sum()) * float(axis[1] - axis[0]) ** 2
    if name == "rings":
        radius = torch.linspace(1e-6, 5, 20_001, dtype=torch.float64)
        log_density = _rings_log_density(radius)
        mass = 2 * math.pi * radius * log_density.exp()
        return float(torch.trapezoid(-mass * log_density, radius))
    return None


def _gaussians_log_density(x: Tensor) -> Tensor:
    angles = torch.arange(8, dtype=torch.float64) * math.pi / 4
    centres = _GAUSSIANS_RADIUS * torch.stack([angles.cos(), angles.sin()], -1)
    variance = _GAUSSIANS_SD**2
    exponents = -torch.cdist(x, centres).square() / (2 * variance)
    return torch.logsumexp(exponents, -1) - math.log(8 * 2 * math.pi * variance)


def _rings_log_density(radius: Tensor) -> Tensor:
    r"""Circles with normal noise, :math:`e^{-(r^2+R^2)/2s^2} I_0(rR/s^2)/2\pi s^2` each."""
    rings, variance = torch.tensor(_RING_RADII, dtype=torch.float64), _RING_SD**2
    r = radius[..., None]
    bessel = torch.special.i0e(r * rings / variance).log()
    logs = -(r - rings).square() / (2 * variance) + bessel
    return torch.logsumexp(logs, -1) - math.log(len(_RING_RADII) * 2 * math.pi * variance)


def _uniform(count: int, generator: torch.Generator | None) -> Tensor:
    return torch.rand(count, generator=generator, dtype=torch.float64)


def _normal(count: int, generator: torch.Generator | None) -> Tensor:
    return torch.randn(count, 2, generator=generator, dtype=torch.float64)


def _below(high: int, count: int, generator: torch.Generator | None) -> Tensor:
    return torch.randint(0, high, (count,), generator=generator)


def _polar(radius: Tensor, angle: Tensor) -> Tensor:
    return torch.stack([radius * angle.cos(), radius * angle.sin()], -1)


def _gaussians(count: int, generator: torch.Generator | None) -> Tensor:
    angle = _below(8, count, generator).double() * math.pi / 4
    centre = _polar(torch.full_like(angle, _GAUSSIANS_RADIUS), angle)
    return centre + _GAUSSIANS_SD * _normal(count, generator)


def _checkerboard(count: int, generator: torch.Generator | None) -> Tensor:
    first = 4 * _uniform(count, generator) - 2
    second = _uniform(count, generator) - 2 * _below(2, count, generator)
    return 2 * torch.stack([first, second + first.floor() % 2], -1)


def _two_spirals(count: int, generator: torch.Generator | None) -> Tensor:
    turn = _uniform(count, generator).sqrt() * 3 * math.pi  # 540 degrees
    spiral = torch.stack([-turn.cos() * turn, turn.sin() * turn], -1)
    spiral = spiral + 0.5 * torch.stack(
        [_uniform(count, generator), _uniform(count, generator)], -1
    )
    sign = 2.0 * _below(2, count, generator) - 1
    return sign[:, None] * spiral / 3 + 0.1 * _normal(count, generator)


def _rings(count: int, generator: torch.Generator | None) -> Tensor:
    radius = torch.tensor(_RING_RADII, dtype=torch.float64)[_below(4, count, generator)]
    angle = 2 * math.pi * _uniform(count, generator)
    return _polar(radius, angle) + _RING_SD * _normal(count, generator)


def _circles(count: int, generator: torch.Generator | None) -> Tensor:
    radius = 1.5 * (1 + _below(2, count, generator).double())
    angle = 2 * math.pi * _uniform(count, generator)
    return _polar(radius, angle) + 0.24 * _normal(count, generator)


def _moons(count: int, generator: torch.Generator | None) -> Tensor:
    angle = math.pi * _uniform(count, generator)
    lower = _below(2, count, generator).double()
    sign = 1 - 2 * lower
    moon = torch.stack([lower + sign * angle.cos(), 0.5 * lower + sign * angle.sin()], -1)
    return 2 * (moon + 0.1 * _normal(count, generator)) + torch.tensor([-1.0, -0.2]).double()


def _pinwheel(count: int, generator: torch.Generator | None) -> Tensor:
    arm = _below(5, count, generator).double()
    features = _normal(count, generator) * torch.tensor([0.3, 0.1]).double()
    x, y = (features + torch.tensor([1.0, 0.0]).double()).unbind(-1)
    angle = arm * 2 * math.pi / 5 + 0.25 * x.exp()
    turned = [x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()]
    return 2 * torch.stack(turned, -1)


def _swissroll(count: int, generator: torch.Generator | None) -> Tensor:
    turn = 1.5 * math.pi * (1 + 2 * _uniform(count, generator))
    return (_polar(turn, turn) + _normal(count, generator)) / 5


_DRAW: dict[str, Callable[[int, torch.Generator | None], Tensor]] = {
    "8gaussians": _gaussians,
    "checkerboard": _checkerboard,
    "2spirals": _two_spirals,
    "rings": _rings,
    "circles": _circles,
    "moons": _moons,
    "pinwheel": _pinwheel,
    "swissroll": _swissroll,
}
