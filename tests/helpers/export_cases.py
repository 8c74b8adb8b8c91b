"""Small fitted models of many parts, and the same as if they had been exported."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import torch
from model_cases import irregular_log, model_of, settings

from latentode.data.schema import DataSchema
from latentode.export.files import described
from latentode.export.window_graph import GraphInputs, WindowGraph
from latentode.models.fitted.context import last_context
from latentode.models.fitted.latent_ode import FittedModel
from latentode.models.fitted.training_log import TrainingLog
from latentode.runtime.exported import ExportedModel

KINDS = {
    "channels__kinds": ["c1=binary", "c2=count"],
    "channels__lower": ["c3=-1.0"],
}
#: Settings of models that can be exported, by name.
MODELS = {
    "default": {"windows__context": "72h", "windows__horizon": "6h"},
    "rnn without knots": {"model__encoder": "rnn", "model__knots": 0, "solver__method": "rk4"},
    "ode_rnn from the start": {
        "model__encoder": "ode_rnn",
        "model__anchor": "start",
        "model__dynamics": "time",
        "model__likelihood": "gaussian",
    },
    "attention without memory": {
        "model__encoder": "attention",
        "model__memory": False,
        "model__knots": 0,
        "model__dynamics": "autonomous",
        "model__noise": "constant",
    },
    "pooled, of kinds": {"model__pooled": True, "model__levels": True, **KINDS},
    "gaussian, of kinds, half steps": {
        "model__likelihood": "gaussian",
        "solver__step_size": 0.03,
        "solver__substeps": 2,
        **KINDS,
    },
}


def log_of_kinds(*, extras=True):
    """Four channels: of any numbers, of two states, of counts, and with a lower bound."""
    log = irregular_log((60, 45, 30, 200), 4, extras=extras)
    readings = log.readings
    values, channel = readings.values.copy(), readings.channel_index
    around = values - 20.0
    values[channel == 1] = around[channel == 1] > 0
    values[channel == 2] = np.rint(np.abs(around[channel == 2]))
    values[channel == 3] = np.maximum(around[channel == 3], -1.0)
    return log.with_readings(replace(readings, values=values))


def fitted(name, *, extras=True, **more):
    """A model with weights off their initial values, calibrated and with a copula."""
    config = settings(**{**MODELS[name], "train__max_epochs": 1, **more})
    log = log_of_kinds(extras=extras)
    schema = DataSchema.fit(log, config)
    model = model_of(schema, config, season=schema.season)
    if model.direct is not None:
        model.direct.strength.fill_(1.0)
        model.direct.reach.fill_(1.0)
        model.direct.last.normal_(0.0, 0.1)
    context = TrainingLog(last_context(log, schema))
    found = FittedModel.untrained(config, schema, model, context)
    generator = torch.Generator().manual_seed(2)
    slopes = found.calibration.slopes
    slopes.copy_(0.6 + torch.rand(slopes.shape, generator=generator))
    found.calibration.stretches.fill_(20.0)
    copula = found.copula
    weights = torch.rand(copula.weights.shape, generator=generator).double()
    copula.weights.copy_(weights / weights.sum(dim=1, keepdim=True))
    copula.loadings.fill_(0.5)
    copula.tails.fill_(1 / 5)
    copula.windows.fill_(20.0)
    return found


class EagerSession:
    """The graph as torch computes it, in the place of an onnxruntime session."""

    def __init__(self, fitted):
        schema = fitted.schema
        rates = 2 * np.pi * schema.time_scale.unit_ns / schema.periods_ns.astype(np.float64)
        self.graph = WindowGraph(fitted.model, torch.from_numpy(rates)).eval()

    def get_inputs(self):
        return [SimpleNamespace(name=name) for name in GraphInputs._fields]

    @torch.no_grad()
    def run(self, _, given):
        inputs = [torch.from_numpy(np.ascontiguousarray(given[n])) for n in GraphInputs._fields]
        return [part.numpy() for part in self.graph(*inputs)]


def eager(fitted):
    """A model as if it had been exported, its graph computed by torch."""
    about, arrays = described(fitted)
    return ExportedModel._of(about, arrays, EagerSession(fitted))
