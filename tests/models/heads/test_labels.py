"""Labels of whole windows: their likelihood, what the head sees, and their way through a model."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from model_cases import (
    case,
    case_with_time_labels,
    double,
    irregular_log,
    noise_for,
    probabilities_of,
    trimmed,
)
from torch.nn import functional

from benchmarks.irregular.logistic import summaries
from latentode.data.batches.buckets import bucketed
from latentode.errors import ConfigError
from latentode.models import heads
from latentode.models.heads.base import StateSizes
from latentode.models.heads.classes import label_log_prob
from latentode.models.heads.labels import LabelHead, path_summary, window_summaries

KINDS = [{"model__anchor": "start"}, {"model__knots": 0}, {"model__knots": 4}]
NAMES = ["start", "one-path", "knots"]


def labelled(labels=(0, 2, -1, 1, 0, -1), **values):
    """A model of three classes, and windows of which two have no label."""
    model, batch = case(irregular_log((40, 25, 1)), len(labels), num_classes=3, **values)
    return model, replace(batch, labels=torch.tensor(labels))


BUILDERS = [labelled, case_with_time_labels]


def test_the_likelihood_is_the_cross_entropy_of_torch():
    logits = torch.randn(4, 7, 3, dtype=torch.float64) * 5
    labels = torch.tensor([0, 1, 2, -1, 1, -1, 0])
    expected = -functional.cross_entropy(
        logits.flatten(0, 1), labels.repeat(4), ignore_index=-1, reduction="none"
    )
    found = label_log_prob(logits, labels)
    torch.testing.assert_close(found.flatten(), expected, rtol=1e-12, atol=1e-12)
    assert (found[:, labels < 0] == 0).all()


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_a_label_adds_its_weighted_log_likelihood_and_an_unknown_one_nothing(kind):
    model, batch = labelled(**kind)
    noise = noise_for(batch, draws=1)
    with torch.no_grad():
        bare = model(replace(batch, labels=None), noise)
        with_labels = model(batch, noise, label_weight=7.0)
        probability = probabilities_of(model, batch, noise)
    gain = (with_labels[0] - bare[0])[0]
    own = torch.log(probability.gather(1, batch.labels.clamp(min=0)[:, None])[:, 0])
    expected = torch.where(batch.labels >= 0, 7.0 * own, 0.0)
    # differences of sums of some hundred nats in float32
    torch.testing.assert_close(gain, expected, rtol=1e-4, atol=1e-3)
    assert torch.equal(with_labels[1], bare[1])
    assert torch.equal(with_labels[2], bare[2])


def test_unknown_labels_change_no_gradient():
    model, batch = labelled((-1,) * 6)
    noise = noise_for(batch)

    def gradients(windows):
        (-model(windows, noise)[0].mean()).backward()
        found = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        model.zero_grad(set_to_none=True)
        return found

    bare, unknown = gradients(replace(batch, labels=None)), gradients(batch)
    for name, gradient in unknown.items():
        assert torch.equal(gradient, bare.get(name, torch.zeros_like(gradient))), name


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_the_gradient_of_a_label_reaches_head_encoder_and_dynamics(kind, build):
    model, batch = build(**kind)
    log_probability = probabilities_of(model, batch, noise_for(batch)).log()
    label_log_prob(log_probability, model.label_head.codes(batch)).sum().backward()
    for part in (model.label_head, model.encoder, model.posterior_head, model.dynamics):
        for name, parameter in part.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("build", BUILDERS)
def test_the_gradient_is_that_of_finite_differences(build):
    model, batch = build()
    model, batch, noise = model.double(), double(batch), noise_for(batch).double()
    weight = model.label_head.network.parts[0]

    def label_part():
        return (model(batch, noise)[0] - model(replace(batch, labels=None), noise)[0]).sum()

    (found,) = torch.autograd.grad(label_part(), weight)
    row, column = divmod(int(found.abs().argmax()), found.shape[1])
    with torch.no_grad():
        values = []
        for step in (1e-5, -2e-5):
            weight[row, column] += step
            values.append(label_part())
    # central differences: an error of the order of the square of the step
    assert float(values[0] - values[1]) / 2e-5 == pytest.approx(float(found[row, column]), rel=1e-6)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_a_window_alone_has_the_same_probabilities(kind):
    model, batch = labelled(**kind)
    model, batch, noise = model.double(), double(batch), noise_for(batch).double()
    together = probabilities_of(model, batch, noise)
    torch.testing.assert_close(together.sum(-1), torch.ones(6, dtype=torch.float64))
    for w in range(batch.size):
        alone = probabilities_of(model, trimmed(batch.select(torch.tensor([w]))), noise[:, [w]])
        torch.testing.assert_close(alone[0], together[w], rtol=1e-10, atol=1e-10)


def test_targets_and_labels_do_not_reach_the_probabilities():
    model, batch = labelled()
    noise = noise_for(batch)
    other = replace(batch, targets=batch.targets + 1.0, labels=torch.zeros_like(batch.labels))
    assert torch.equal(probabilities_of(model, batch, noise), probabilities_of(model, other, noise))


def test_labels_travel_with_their_windows():
    model, batch = labelled()
    order = torch.tensor([4, 1, 3])
    assert batch.select(order).labels.tolist() == [0, 2, 1]
    assert batch.to("cpu").labels.tolist() == batch.labels.tolist()
    copied = batch.clone()
    copied.labels.zero_()
    assert batch.labels.tolist() == [0, 2, -1, 1, 0, -1]
    padded = bucketed(batch, model.solver.step_size)
    assert padded.labels.tolist() == batch.labels.tolist()
    noise = noise_for(batch)
    torch.testing.assert_close(model(padded, noise)[0], model(batch, noise)[0])


def test_a_model_without_classes_ignores_labels():
    model, batch = case()
    with_labels = replace(batch, labels=torch.zeros(batch.size, dtype=torch.int64))
    noise = noise_for(batch)
    assert torch.equal(model(batch, noise)[0], model(with_labels, noise)[0])
    assert model.label_head is None
    with pytest.raises(
        ConfigError, match="num_classes: expected at least 2, or 0 for no labels, got 1"
    ):
        case(num_classes=1)


def test_a_module_with_a_head_of_labels_is_enough_for_a_new_kind(tmp_path, monkeypatch):
    before = heads.LABEL_HEADS.keys()
    (tmp_path / "rows.py").write_text(
        "from latentode.models.heads.classes import ClassHead\n\n\n"
        'class RowHead(ClassHead):\n    kind = "rows"\n\n\nLABEL_HEAD = RowHead\n'
    )
    monkeypatch.setattr(heads, "__path__", [*heads.__path__, str(tmp_path)])
    monkeypatch.setitem(sys.modules, "latentode.models.heads.rows", None)
    del sys.modules["latentode.models.heads.rows"]  # and again after the test
    assert heads._label_heads().keys() - before == {"rows"}


def test_the_summaries_are_those_of_the_regression():
    _, batch = case(irregular_log((40, 25, 1)))
    found = window_summaries(double(batch))
    values = np.where(batch.mask, batch.values.numpy().astype(np.float64), np.nan)
    expected = np.nan_to_num(summaries(values, np.zeros((len(values), 0))))
    assert np.abs(expected).max() < 5.0
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-9)


def test_a_far_reading_is_bounded_and_a_channel_without_readings_is_zero():
    _, batch = case()
    values = torch.where(batch.mask, 1e6, 0.0)
    found = window_summaries(replace(batch, values=values)).unflatten(1, (7, 2))
    assert found[:, :5].max() == 5.0
    blank = window_summaries(replace(batch, mask=torch.zeros_like(batch.mask), values=values * 0))
    assert (blank == 0).all()


def test_the_path_is_summarised_over_the_visible_rows():
    model, batch = labelled()
    z0 = model.posterior(batch).at(noise_for(batch))
    trajectory = model.trajectory(z0, batch)
    context = torch.randn(batch.size, 4)
    found = path_summary(trajectory, z0, context, batch)
    for w in range(batch.size):
        times = batch.times[w, : batch.lengths[w]].expand(batch.size, -1)
        own = trajectory.at(times)[:, w]
        expected = torch.cat([context[w].expand(2, -1), z0[:, w], own.mean(1), own.amax(1)], dim=-1)
        torch.testing.assert_close(found[:, w], expected)


def test_a_head_drops_nothing_outside_training():
    _, batch = case()
    sizes = StateSizes(
        latent_dim=1, hidden_dim=5, num_channels=2, static_dim=2, context_dim=1, covariates_dim=0,
        dropout=0.5,
    )  # fmt: skip
    head, features = LabelHead(2, sizes), torch.ones(3, batch.size, 4)
    assert (head(features, batch) == 0).all()  # at rest at first
    torch.nn.init.ones_(head.network.last.weight)
    assert not torch.equal(head(features, batch), head(features, batch))
    head.eval()
    assert torch.equal(head(features, batch), head(features, batch))
    assert head(features, batch).shape == (3, batch.size, 2)
