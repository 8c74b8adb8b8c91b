"""The loops of an exported program walk as `latentode.ode` does."""

import pytest
import torch
from export_cases import MODELS, fitted, log_of_kinds
from model_cases import sampler_of

from latentode.export.files import described
from latentode.export.path import path
from latentode.runtime.exported import Steps


def batch_of(model, count=4):
    log = log_of_kinds()
    sampler = sampler_of(log, model.schema, model.config)
    rows = sampler.eligible_rows()
    return sampler.batch(rows[:: max(1, len(rows) // count)][:count], (0, 1))


def steps_of(found, ahead, behind):
    about, _ = described(found)
    spans = {"ahead": ahead, "behind": behind}
    return [torch.from_numpy(Steps(**about[side]).numbers(span)) for side, span in spans.items()]


@pytest.mark.parametrize("name", MODELS)
def test_the_path_is_that_of_the_solver(name):
    found = fitted(name)
    model, batch = found.model, batch_of(found)
    z0 = torch.randn(3, batch.size, model.config.latent_dim)
    times = torch.cat([batch.times, batch.query_times], dim=1)
    with torch.no_grad():
        expected = model.trajectory(z0, batch).at(times, check=False)
        walked = path(model, z0, batch, *steps_of(found, batch.upper, -batch.lower))
    torch.testing.assert_close(walked.at(times, check=False), expected, rtol=1e-5, atol=1e-5)


def test_more_points_than_are_asked_for_change_nothing():
    found = fitted("default")
    model, batch = found.model, batch_of(found)
    z0 = torch.randn(3, batch.size, model.config.latent_dim)
    with torch.no_grad():
        few, many = (
            path(model, z0, batch, *steps_of(found, span, span)).at(batch.query_times, check=False)
            for span in (6.0, 20.0)
        )
    assert torch.equal(few, many)
