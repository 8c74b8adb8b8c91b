r"""What is common to errors at several times and of several channels: draws become paths."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentode.models.copula_arrays import COMPONENTS, KINDS, LASTING, RANK, SINCE, CopulaArrays

_ROUNDING = 1e-6  # of stored numbers


class GaussianCopula(nn.Module):
    r"""The joint distribution of the noise of a draw, standard normal at each time and channel.

    With weights that add up to 1 for each channel c,

    .. math:: \varepsilon_c(t) = \sum_b \sqrt{w_{bc}}\, u_{bc}(\tau_{bc}(t)), \qquad
        \mathrm{corr}(u_{bc}(\tau), u_{bd}(\tau')) = R_{bcd}\, e^{-|\tau - \tau'|}, \qquad
        R_b = F_b F_b^\top + \mathrm{diag}(1 - |F_{bc}|^2).

    Each component b is an Ornstein-Uhlenbeck process of variance 1, a Markov process, of a time of
    its own:

    - noise: every time is independent of all others. It is in one reading, and gone.
    - lasting: :math:`\tau = t / \ell_b`. What the readings do not tell.
    - since a reading: what an Ornstein-Uhlenbeck process of length :math:`\ell_b` does that is
      known at the nearest readings before and after. With gaps a before and b behind in lengths,
      :math:`2 \tau = \log\sinh a - \log\sinh b` between two, :math:`\log(e^{2a} - 1)` after the
      last; errors near a reading resemble a random walk, and those of two gaps are independent.

    Errors are large in some stretches and small in others. With degrees of freedom :math:`\nu`,
    the noise of a channel is the normal score of :math:`s\,\varepsilon` as Student's t, where
    :math:`\nu / s^2` is :math:`\chi^2_\nu` and changes within a length: a t copula.

    As it leaves the factory, all is noise, as a likelihood says.

    Args:
        num_channels: Channels of the log.

    Attributes:
        weights: w, shape (kind, component, channel); kinds as in `KINDS`.
        loadings: F, shape (kind, component, channel, factor).
        lengths: Model time, shape (kind, component); that of noise is of no effect.
        tails: :math:`1 / \nu` of each kind, 0 where errors are as large everywhere.
        calm: Model time for which errors are large or small, shape (kind,).
        windows: Windows of the validation part that each was learned from, shape (kind,).

    Reference:
        Goovaerts (1997), Geostatistics for natural resources evaluation (the linear model of
        coregionalization); Song (2000), Multivariate dispersion models generated from Gaussian
        copula, Scandinavian Journal of Statistics 27; Demarta, McNeil (2005), The t copula and
        related copulas, International Statistical Review 73.
    """

    weights: Tensor
    loadings: Tensor
    lengths: Tensor
    tails: Tensor
    calm: Tensor
    windows: Tensor

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        exact = torch.float64
        shape = (len(KINDS), COMPONENTS, num_channels)
        weights = torch.zeros(shape, dtype=exact)
        weights[:, 0] = 1.0
        self.register_buffer("weights", weights)
        self.register_buffer("loadings", torch.zeros(*shape, RANK, dtype=exact))
        self.register_buffer("lengths", torch.ones(shape[:2], dtype=exact))
        self.register_buffer("tails", torch.zeros(len(KINDS), dtype=exact))
        self.register_buffer("calm", torch.ones(len(KINDS), dtype=exact))
        self.register_buffer("windows", torch.zeros(len(KINDS), dtype=exact))

    @property
    def is_sound(self) -> bool:
        """Whether it is a correlation."""
        whole = (self.weights.sum(dim=1) - 1.0).abs() < _ROUNDING
        shared = self.loadings.square().sum(dim=-1) <= 1.0 + _ROUNDING
        shares = torch.cat([self.weights.flatten(), self.tails]) >= 0.0
        positive = torch.cat([shares, self.lengths.flatten() > 0.0, self.calm > 0.0])
        return bool(whole.all() & shared.all() & positive.all())

    def arrays(self) -> CopulaArrays:
        """For who draws by it."""
        names = ("weights", "loadings", "lengths", "tails", "calm")
        return CopulaArrays(*(getattr(self, name).numpy(force=True) for name in names))

    def line(self) -> str:
        """What a reader should know of it, in a line."""
        if not self.windows.any():
            return "errors of one time say nothing of others (too little was held out to learn it)"
        told = zip(KINDS, self.windows.tolist(), self.weights, strict=True)
        return "; ".join(_told(*of_kind) for of_kind in told if of_kind[1])


def _told(kind: str, windows: float, weights: Tensor) -> str:
    """What a reader should know of one kind of predictions."""
    noise, lasting, since = (
        float(part.sum(dim=0).mean()) for part in weights.split([1, LASTING, SINCE])
    )
    return (
        f"errors of {kind} are {noise:.0%} noise of single readings, {since:.0%} build up from the "
        f"nearest reading on, {lasting:.0%} last ({windows:.0f} history windows)"
    )
