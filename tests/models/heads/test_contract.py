"""What every head promises: a term a draw and window, scores that add up, and a word on waiting."""

from dataclasses import replace

import pytest
import torch
from model_cases import case, case_with_events, case_with_time_labels, noise_for

from latentode.models.heads.base import Head
from latentode.training.execution.graphs import can_be_captured


def case_with_labels():
    model, batch = case(num_classes=3)
    return model, replace(batch, labels=torch.tensor([0, 2, -1, 1, 0, -1]))


BUILDERS = {
    "labels": case_with_labels,
    "times": case_with_time_labels,
    "events": case_with_events,
}
PLAIN = {"labels": None, "events": None}


@pytest.fixture(params=BUILDERS)
def headed(request):
    model, batch = BUILDERS[request.param]()
    (head,) = model.heads
    assert isinstance(head, Head)
    return model, batch, head


def test_a_head_adds_its_term_to_the_likelihood_of_every_draw(headed):
    model, batch, head = headed
    solved = model.solve(batch, noise_for(batch), density=True)
    term = head.log_prob(solved, batch)
    assert term.shape == (2, batch.size)
    bare = model.evidence(solved, replace(batch, **PLAIN))
    whole = model.evidence(solved, batch)
    torch.testing.assert_close(whole.log_likelihood - bare.log_likelihood, term, rtol=0, atol=1e-3)
    assert torch.equal(whole.log_ratio, bare.log_ratio)
    assert torch.equal(whole.kl, bare.kl)


def test_a_batch_without_anything_for_a_head_has_a_term_of_zero_and_no_score(headed):
    model, batch, head = headed
    batch = replace(batch, **PLAIN)
    solved = model.solve(batch, noise_for(batch))
    assert torch.equal(head.log_prob(solved, batch), torch.zeros(2, batch.size))
    assert head.score(solved, batch) == {}


def test_scores_of_windows_add_up_to_those_of_the_batch(headed):
    model, batch, head = headed
    noise = noise_for(batch)

    def sums(windows):
        chosen = batch.select(windows)
        scores = head.score(model.solve(chosen, noise[:, windows]), chosen)
        return {name: torch.stack([part.sum() for part in parts]) for name, parts in scores.items()}

    whole = sums(torch.arange(batch.size))
    assert len(whole) == 1
    parts = [sums(torch.tensor([window])) for window in range(batch.size)]
    for name, value in whole.items():
        # windows alone are condensed and solved on grids of their own
        torch.testing.assert_close(sum(p[name] for p in parts), value, rtol=1e-3, atol=1e-3)


def test_only_a_model_whose_parts_do_not_wait_is_recorded(headed):
    model, _, head = headed
    assert can_be_captured(model) is not head.waits_for_device
    head.waits_for_device = not head.waits_for_device
    assert can_be_captured(model) is not head.waits_for_device


@pytest.mark.parametrize(
    ("values", "waits"),
    [
        ({"model__likelihood": "flow"}, True),
        ({"model__likelihood": "gaussian"}, False),
        ({"model__prior": "cnf"}, True),
        ({"model__posterior": "cnf"}, True),
        ({"model__encoder": "ode_rnn"}, True),
    ],
)
def test_encoders_likelihoods_and_flows_say_that_they_wait(values, waits):
    model, _ = case(**values)
    assert can_be_captured(model) is not waits
