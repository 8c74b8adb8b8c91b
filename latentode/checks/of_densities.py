r"""Rules of densities: draws have the density that is said of them.

A draw is a map T of standard normal noise n, so that its density is known from T alone:
:math:`\log p(T(n)) = \log N(n; 0, 1) - \log |\det \partial T / \partial n|`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor

from latentode.checks.comparisons import relative_error
from latentode.checks.outcomes import Broken, Check, NotApplicable
from latentode.checks.subject import Subject, seeded

_POINTS, _REACH = 15, 2.8  # of noise, none of them 0, where a density may have a kink
_STEP = 0.02  # of differences: two nodes of the table of Student's quantiles
_NATS = 0.02  # of differences of that table, and of a flow that is solved with few steps
_DRAWN = 64  # which two generators do not give alike by chance


def _quantiles(subject: Subject) -> str:
    """Whether draws rise with their noise, channel by channel."""
    likelihood = copy.deepcopy(subject.fitted.model.likelihood).double()
    if likelihood.joins_channels and likelihood.num_channels > 1:
        raise NotApplicable("channels are drawn together, by what noise they have in common")
    noise = torch.linspace(-4.0, 4.0, 161).double()[:, None].expand(-1, likelihood.num_channels)
    with seeded(), torch.no_grad():
        draws = likelihood.transform(noise, *_places(likelihood.num_channels, len(noise)))
    falls = -torch.diff(draws, dim=0)
    if not bool((falls <= 0).all()):
        low, high = _level(noise[falls.amax(1).argmax() + torch.arange(2), 0])
        raise Broken(
            f"the quantile of {high} lies {float(falls.max()):.3g} scales below that of {low}"
        )
    if not bool((draws[-1] > draws[0]).all()):
        raise Broken("all quantiles are the same")
    return f"{len(noise)} levels rise"


def _level(noise: Tensor) -> list[str]:
    return [f"{float(each):.2%}" for each in torch.special.ndtr(noise)]


def _places(channels: int, rows: int) -> tuple[Tensor, Tensor]:
    """Locations and scales of some rows, each channel with its own."""
    of_channel = torch.arange(channels).double()
    location, scale = 0.3 - 0.5 * of_channel, 1.0 + 0.4 * of_channel
    return location.expand(rows, -1), scale.expand(rows, -1)


def _draws_follow_density(subject: Subject) -> str:
    likelihood = copy.deepcopy(subject.fitted.model.likelihood).double()
    channels = likelihood.num_channels
    noise = _noise_of(channels)
    location, scale = _places(channels, len(noise))

    def drawn(some: Tensor) -> Tensor:
        return likelihood.transform(some, location, scale)

    with seeded(), torch.no_grad():
        values = drawn(noise)
        if bool(likelihood.is_mass(values).any()):
            raise NotApplicable("readings have probabilities, not densities")
        # (row, time of 1, channel): each row is a window, so that each has a number of its own
        every = torch.ones_like(values, dtype=torch.bool)[:, None]
        said = likelihood.joint(values[:, None], location[:, None], scale[:, None], every)
        return _compared(said, _log_density(drawn, noise), "readings")


def _prior_density(subject: Subject) -> str:
    prior = copy.deepcopy(subject.fitted.model.prior).double()
    noise = _noise_of(prior.latent_dim)
    with seeded(), torch.no_grad():
        states, said = prior.draw(noise)
        _compared(prior.log_prob(states), said, "states that it draws")
        generators = [torch.Generator().manual_seed(3) for _ in range(2)]
        samples = [prior.sample((_DRAWN,), generator=each) for each in generators]
        if not torch.equal(*samples):
            raise Broken("two samples of one generator differ")
        return _compared(said, _log_density(lambda some: prior.draw(some)[0], noise), "states")


def _noise_of(size: int) -> Tensor:
    """Points of noise, the coordinates in orders of their own, shape (point, size)."""
    line = torch.linspace(-_REACH, _REACH, _POINTS + 1).double()[:-1] + 0.1
    shifts = [line.roll(5 * number) for number in range(size)]
    return torch.stack(shifts, dim=-1)


def _log_density(drawn: Callable[[Tensor], Tensor], noise: Tensor) -> Tensor:
    """Log-density of draws by the change of variables, in nats, shape (point,)."""
    steps = _STEP * torch.eye(noise.shape[-1]).double()
    columns = [(drawn(noise + step) - drawn(noise - step)) / (2 * _STEP) for step in steps]
    _, log_volume = torch.linalg.slogdet(torch.stack(columns, dim=-1))
    of_noise = -0.5 * (noise.square() + math.log(2 * math.pi)).sum(-1)
    return of_noise - log_volume


def _compared(said: Tensor, expected: Tensor, what: str) -> str:
    error = relative_error(said, expected)
    if not error <= _NATS:
        raise Broken(
            f"the log-density of {what} is {error:.3g} of itself plus a nat beside that of the "
            f"draws, more than {_NATS}"
        )
    return f"{len(said)} log-densities, the largest difference {error:.1e} of {_NATS}"


_SOUND = ("answers", "seeds", "deepcopy")
OF_DENSITIES = (
    Check("quantiles", "quantiles rise with their level", _quantiles, _SOUND),
    Check(
        "draws_follow_density",
        "draws of readings have the density of the likelihood",
        _draws_follow_density,
        (*_SOUND, "quantiles"),
    ),
    Check("prior_density", "draws of states have the density of the prior", _prior_density, _SOUND),
)
