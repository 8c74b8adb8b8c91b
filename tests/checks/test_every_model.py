"""Every model that settings can name keeps the rules of `check_model`."""

from typing import get_args

import pytest
from faulty_parts import DrawsLaplace, OtherOnceExported
from grids import thinned

from latentode import LatentODEConfig, check_model
from latentode.config import ModelConfig
from latentode.models.encoders import ENCODERS
from latentode.models.likelihoods import LIKELIHOODS
from latentode.models.priors import PRIORS

DYNAMICS = get_args(ModelConfig.model_fields["dynamics"].annotation)
MODELS = thinned([ENCODERS, LIKELIHOODS, PRIORS, DYNAMICS])
WITHOUT_MEMORY = {"model.memory": False, "model.knots": 0}
OTHERS = [
    {"model.anchor": "start"},
    {"model.posterior": "cnf"},
    {"model.noise": "constant"},
    {"model.levels": True, "model.pooled": True},
    WITHOUT_MEMORY,
    WITHOUT_MEMORY | {"model.refine": 3},
    WITHOUT_MEMORY | {"model.anchor": "start", "model.dynamics_noise": "learned"},
    {"model.dynamics_noise": "learned"},
    {"solver.method": "rk4", "solver.gradient": "adjoint"},
    {"solver.method": "dopri5"},
    {"solver.gradient": "checkpoint", "solver.substeps": 2},
]


def test_the_grid_is_of_every_part_that_settings_can_name():
    names = ModelConfig.model_fields
    assert list(ENCODERS) == list(get_args(names["encoder"].annotation))
    assert list(LIKELIHOODS) == list(get_args(names["likelihood"].annotation))
    assert list(PRIORS) == list(get_args(names["prior"].annotation))
    assert len(MODELS) == len(ENCODERS) * len(LIKELIHOODS) * len(PRIORS) * len(DYNAMICS)


@pytest.mark.parametrize(("encoder", "likelihood", "prior", "dynamics"), MODELS)
def test_every_model_keeps_every_rule(encoder, likelihood, prior, dynamics):
    check_model(encoder=encoder, likelihood=likelihood, prior=prior, dynamics=dynamics)


@pytest.mark.slow
@pytest.mark.parametrize("settings", OTHERS, ids=str)
def test_other_parts_keep_every_rule(settings):
    check_model(LatentODEConfig().updated(**settings))


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("likelihood", ["student_t", "gaussian"])
def test_exported_models_answer_as_models(encoder, likelihood):
    checks = check_model(encoder=encoder, likelihood=likelihood, export=True)
    assert checks["export"].outcome == "passed"


@pytest.mark.slow
def test_a_graph_that_computes_something_else_is_found():
    checks = check_model(encoder=OtherOnceExported, export=True, on_fail="return")
    assert checks.failed == ("export",), str(checks)


def test_a_model_that_cannot_be_exported_says_why():
    checks = check_model(likelihood=DrawsLaplace, export=True)
    assert checks["export"].outcome == "not applicable"
    assert "without a DrawsLaplace" in checks["export"].detail
