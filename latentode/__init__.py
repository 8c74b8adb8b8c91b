"""Latent ODE time-series toolkit: irregular logs in, calibrated forecasts and interpolations out.

Begin with `LatentODE`, which takes data frames and gives labelled arrays. `LatentODEModel`,
`Trainer` and `TimeSeriesDataset` are the tensors underneath. Names are loaded when they are first
used, so that ``import latentode`` and ``--help`` do not wait for torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latentode import baselines, errors, flows, metrics, objectives, ode, plot, results
    from latentode.config import LatentODEConfig, SolverConfig, TrainConfig
    from latentode.data import synthetic
    from latentode.data.dataset import TimeSeriesDataset
    from latentode.encoders import (
        AttentionEncoder,
        ODERNNEncoder,
        RNNAttentionEncoder,
        RNNEncoder,
    )
    from latentode.estimator import LatentODE, recommend
    from latentode.event_estimator import EventForecaster
    from latentode.event_model import JumpProcess
    from latentode.flows import CNF
    from latentode.likelihoods import (
        FlowLikelihood,
        GaussianLikelihood,
        PoissonProcess,
        StudentTLikelihood,
    )
    from latentode.model import LatentODEModel
    from latentode.priors import StandardNormal
    from latentode.training import Trainer

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022 -- plain order, which has no place of its own for CNF
    "AttentionEncoder",
    "CNF",
    "EventForecaster",
    "FlowLikelihood",
    "GaussianLikelihood",
    "JumpProcess",
    "LatentODE",
    "LatentODEConfig",
    "LatentODEModel",
    "ODERNNEncoder",
    "PoissonProcess",
    "RNNAttentionEncoder",
    "RNNEncoder",
    "SolverConfig",
    "StandardNormal",
    "StudentTLikelihood",
    "TimeSeriesDataset",
    "TrainConfig",
    "Trainer",
    "__version__",
    "baselines",
    "errors",
    "flows",
    "metrics",
    "objectives",
    "ode",
    "plot",
    "recommend",
    "results",
    "synthetic",
]

_HOMES = {
    "AttentionEncoder": "encoders",
    "CNF": "flows",
    "EventForecaster": "event_estimator",
    "FlowLikelihood": "likelihoods",
    "GaussianLikelihood": "likelihoods",
    "JumpProcess": "event_model",
    "LatentODE": "estimator",
    "LatentODEConfig": "config",
    "LatentODEModel": "model",
    "ODERNNEncoder": "encoders",
    "PoissonProcess": "likelihoods",
    "RNNAttentionEncoder": "encoders",
    "RNNEncoder": "encoders",
    "SolverConfig": "config",
    "StandardNormal": "priors",
    "StudentTLikelihood": "likelihoods",
    "TimeSeriesDataset": "data.dataset",
    "TrainConfig": "config",
    "Trainer": "training",
    "recommend": "estimator",
}
_MODULES = {
    "baselines": "baselines",
    "errors": "errors",
    "flows": "flows",
    "metrics": "metrics",
    "objectives": "objectives",
    "ode": "ode",
    "plot": "plot",
    "results": "results",
    "synthetic": "data.synthetic",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{_MODULES[name]}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
