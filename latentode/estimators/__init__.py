"""The estimator: data frames in, labelled predictions out, in original units.

Names are loaded when they are first used: a model in one file needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from latentode.lazy_names import loader

if TYPE_CHECKING:
    from latentode.estimators.exported import ExportedLatentODE as ExportedLatentODE
    from latentode.estimators.latent_ode import LatentODE as LatentODE
    from latentode.estimators.latent_view import LatentSpace as LatentSpace
    from latentode.estimators.recommendation import recommend as recommend

_HOMES = {
    "ExportedLatentODE": "exported",
    "LatentODE": "latent_ode",
    "LatentSpace": "latent_view",
    "recommend": "recommendation",
}
__all__ = sorted(_HOMES)


__getattr__ = loader(__name__, _HOMES)
