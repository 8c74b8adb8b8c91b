"""What cannot be exported is refused by name, with what to do."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from export_cases import fitted

from latentode.errors import ConfigError
from latentode.export.files import export
from latentode.export.refusals import check_exportable
from latentode.models.likelihoods import LIKELIHOODS
from latentode.models.likelihoods.gaussian import GaussianLikelihood


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model__posterior": "cnf"}, "a flow as posterior.*--posterior normal"),
        ({"model__likelihood": "flow"}, "a FlowLikelihood.*--likelihood student_t"),
        (
            {"model__refine": 3, "model__memory": False, "model__knots": 0},
            "refined by gradients, got model.refine 3",
        ),
        ({"model__dynamics_noise": "learned"}, "noise of the latent path"),
        ({"solver__method": "dopri5"}, "steps that the solver chooses.*dopri5"),
    ],
)
def test_a_part_without_a_place_in_the_graph_is_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        check_exportable(fitted("default", **settings))


def test_a_likelihood_that_the_runtime_does_not_know_is_refused(monkeypatch):
    class Wide(GaussianLikelihood):
        def transform(self, noise, location, scale):
            return location + 2.0 * scale * noise

    monkeypatch.setitem(LIKELIHOODS, "gaussian", Wide)
    with pytest.raises(ConfigError, match=r"expected a model without a Wide \(train with"):
        check_exportable(fitted("default", model__likelihood="gaussian"))


def test_events_and_labels_are_refused_together():
    model = fitted("default")
    log = SimpleNamespace(events=1, labels=1)
    with pytest.raises(ConfigError, match=r"events beside the readings.*; or labels"):
        check_exportable(replace(model, log=log))


def test_what_can_be_exported_passes():
    check_exportable(fitted("default"))


def test_a_file_of_another_ending_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"expected a file that ends in \.onnx.*got '\.bin'"):
        export(fitted("default"), tmp_path / "model.bin")
