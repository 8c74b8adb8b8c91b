r"""A prior fitted to where a trained encoder puts the windows of a log."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from latentode.data.batches.sampler import WindowSampler
from latentode.errors import DataError
from latentode.flows import FlowFitConfig, FlowFitReport, fit_flow
from latentode.models.fitted.latent_ode import FittedModel
from latentode.models.inference import infer
from latentode.models.latent_ode import LatentODEModel
from latentode.models.priors import CNFPrior
from latentode.training.repeatable import batches_of, evenly, seed_of

# the kinetic energy keeps the flow easy to solve where nothing was seen
PRIOR_FIT = FlowFitConfig(warm_up_steps=3_000, steps=300, regularizers={"kinetic": 0.01})
# windows whose posteriors a prior is fitted to, and is chosen by, draws of each, windows at once
_WINDOWS = 4_096
_VALIDATION_WINDOWS = 1_024
_DRAWS = 4
_BATCH = 256


@dataclass(frozen=True)
class PriorReport:
    """What came of a fit, in nats per window, means over the windows of the validation part.

    Attributes:
        before: Log-density of latent states under the prior that was there.
        after: The same under the flow.
        num_windows: Validation windows.
        flow: Of the fit to the training part.
    """

    before: float
    after: float
    num_windows: int
    flow: FlowFitReport

    @property
    def is_better(self) -> bool:
        """Whether the flow is the better prior, and was kept."""
        return self.after > self.before

    def __str__(self) -> str:
        """One sentence."""
        kept = "the flow is kept" if self.is_better else "the old one is kept"
        return (
            f"prior fitted to the latent states of the log: {kept} (log-density per window "
            f"{self.after:.2f}, {self.before:.2f} before, on {self.num_windows} validation windows)"
        )


def fit_prior(
    fitted: FittedModel,
    train: WindowSampler,
    validation: WindowSampler,
    config: FlowFitConfig = PRIOR_FIT,
) -> tuple[FittedModel, PriorReport]:
    r"""Fit a flow to the aggregate posterior, and keep the better of it and the old prior.

    The states are draws of :math:`\bar q(z) = E_x\,q(z_0 \mid x)` over random training windows; the
    flow is fitted by flow matching, then by exact maximum likelihood. Encoder, dynamics and decoder
    stay as they are, so :math:`E_q \log p(z)` is all that changes in the evidence lower bound, and
    it rises on the validation part by exactly ``after - before``.

    What that says of log p(x): the old prior has holes, places that it calls likely and where no
    window is encoded. What the decoder makes of them was never trained and is lost mass, which the
    fitted prior moves to where the windows are; draws from it decode to windows like those seen,
    and the importance-weighted bound (IWAE) of windows that resemble the training part rises,
    by at most what the lower bound gains where q is close to the true posterior. It does not rise
    where there is no hole (the lower bound kept q-bar close to the old prior, as under a large
    ``kl_weight``, or where the latent state says little), and it can fall for windows that are
    encoded beyond all training windows, since a flow thins out faster there than a wide normal.

    Args:
        fitted: The model; it is not changed.
        train: Windows to fit to.
        validation: Windows to choose by.
        config: Steps of the fit.

    Returns:
        A model with the better prior, and the comparison.

    Raises:
        DataError: If a part has no window.
        SolverError: If the field that was learned cannot be solved as it was trained.

    Reference:
        Tomczak, Welling (2018), VAE with a VampPrior, https://arxiv.org/abs/1705.07120; Rosca,
        Lakshminarayanan, Mohamed (2018), Distribution matching in variational inference,
        https://arxiv.org/abs/1802.06847, for the holes.
    """
    model, seed = fitted.model, fitted.config.train.seed
    rows = train.eligible_rows()
    chosen = np.random.default_rng((seed, 7)).choice(rows, size=_WINDOWS)
    states = _states(model, train, chosen, (seed, 8))
    held_out = evenly(_rows_of(validation), _VALIDATION_WINDOWS)
    check = _states(model, validation, held_out, (seed, 9))
    prior, report = _fitted_flow(states, config, seed)
    with torch.no_grad():
        before, after = (float(p.log_prob(check).mean()) for p in (model.prior, prior))
    comparison = PriorReport(before, after, len(held_out), report)
    if not comparison.is_better:
        return fitted, comparison
    model = copy.deepcopy(model)
    model.set_prior(prior)
    changed = fitted.config.updated(**{"model.prior": "cnf"})
    return replace(fitted, model=model, config=changed), comparison


def _rows_of(validation: WindowSampler) -> np.ndarray:
    try:
        return validation.eligible_rows()
    except DataError:
        raise DataError(
            "prior: expected windows in the validation part to choose a prior by, found none. "
            "Raise windows.validation_fraction, or give a longer log."
        ) from None


@torch.no_grad()
def _states(
    model: LatentODEModel, sampler: WindowSampler, rows: np.ndarray, seed: tuple[int, int]
) -> Tensor:
    """Draws of the encoder's posteriors of some anchor rows, shape (draw * window, latent)."""
    device = next(model.parameters()).device
    # drawn on the CPU, so that devices see the same
    generator = torch.Generator().manual_seed(seed_of(*seed))
    parts = []
    for batch in batches_of(sampler, rows, _BATCH, seed):
        noise = torch.randn((_DRAWS, batch.size, model.config.latent_dim), generator=generator)
        posterior = infer(model, batch.to(device), refine=False)
        parts.append(posterior.at(noise.to(device)))
    return torch.cat(parts, dim=1).flatten(0, 1)


def _fitted_flow(
    states: Tensor, config: FlowFitConfig, seed: int
) -> tuple[CNFPrior, FlowFitReport]:
    devices = [states.device] if states.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        prior = CNFPrior(states.shape[-1]).to(states.device)
    prior.flow.standardize(states.mean(0), states.std(0).clamp(min=1e-6))
    generator = torch.Generator(device=states.device).manual_seed(seed)
    return prior, fit_flow(prior.flow, states, config=config, generator=generator)
