"""Answers that are no numbers are refused, whatever was asked."""

import numpy as np
import pytest
import torch
from export_cases import eager, fitted, log_of_kinds
from model_cases import EPOCH, HOUR, irregular_log, predictor_of

from latentode.errors import SolverError
from latentode.prediction.finite import check_finite
from latentode.prediction.latent_paths import interpolate_states
from latentode.runtime.predictor import ExportedPredictor

SERIES = np.array([0, 1, 2])
TIMES = EPOCH + np.array([20, 60, 130]) * HOUR
HUGE = 1e30  # slopes are finite, and what is decoded from such states is not


def huge(model):
    with torch.no_grad():
        for parameter in model.dynamics.parameters():
            if parameter.dim() > 1:
                parameter.mul_(HUGE)
    return model


@pytest.mark.parametrize("wanted", ["readings", "targets", "densities", "latent"])
def test_a_predictor_refuses_what_is_decoded_from_huge_states(wanted):
    log = irregular_log()
    predictor = predictor_of(log, num_draws=4)
    huge(predictor.model)
    with pytest.raises(SolverError, match=r"series s.*train again"):
        predictor.query(log, SERIES, TIMES, np.full((3, 2), 20.0), wanted=wanted)


def test_paths_between_latent_states_are_refused():
    log = irregular_log()
    predictor = predictor_of(log)
    model, pair = predictor.model, log.select_series([0, 1])
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.fill_(torch.finfo(torch.float32).max)
    offsets = np.arange(0, 12, 3) * HOUR
    with pytest.raises(SolverError, match=r"series s0.*train again"):
        interpolate_states(model, predictor.schema, pair, offsets, 3)


def test_an_exported_model_refuses_them_too():
    found = fitted("default")
    huge(found.model)
    log = log_of_kinds()
    predictor = ExportedPredictor.of(eager(found), 4)
    with pytest.raises(SolverError, match=r"series s.*train again"):
        predictor.query(log, SERIES, TIMES)


def test_numbers_that_are_huge_are_numbers():
    found = np.full((3, 2), np.finfo(float).max)  # whose sum is not finite
    check_finite(found, 0, ["a", "b", "c"])
    found[1, 0] = np.nan
    found[2, 1] = np.inf
    with pytest.raises(SolverError, match="series b and 1 more: expected"):
        check_finite(found, 0, ["a", "b", "c"])
