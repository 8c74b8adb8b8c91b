"""The estimator: data frames in, labelled predictions out, in original units.

Names are loaded when they are first used: a model in one file needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
