"""Regularisers of the latent paths in training: what they weigh, and what they leave alone."""

from dataclasses import replace

import pytest
import torch
from graph_cases import assert_alike, assert_gradients_alike, both_take
from model_cases import case, double, noise_for
from training_cases import parts, same, weights_of

from latentode.config import LatentODEConfig, RegularizersConfig
from latentode.errors import ConfigError
from latentode.flows.regularizers import REGULARIZERS
from latentode.training.terms import PathPenalties, loss_terms

OFF = PathPenalties.of(RegularizersConfig())
ON = PathPenalties.of(RegularizersConfig(**dict.fromkeys(REGULARIZERS, 0.5)))
ALL = {f"train__regularizers__{name}": 0.3 for name in REGULARIZERS}
STEER = {"train__regularizers__steer": 0.4}


def own_span(batch):
    rows = torch.cat([batch.times, batch.query_times, torch.zeros(batch.size, 1)], dim=1)
    return rows.amax(1) - rows.amin(1)


def test_settings_that_are_off_leave_the_terms_as_the_model_has_them():
    model, batch = case(model__dropout=0.2)
    noise = noise_for(batch)
    torch.manual_seed(3)
    plain = model.train()(batch, noise)
    torch.manual_seed(3)
    terms = loss_terms(model, batch, noise, OFF)
    assert all(torch.equal(one, other) for one, other in zip(plain, terms[:3], strict=True))
    assert (OFF.names, OFF.time_factor(noise), len(terms.regularizers)) == ((), None, 0)
    assert OFF.total(terms.regularizers) == 0.0
    assert RegularizersConfig() == LatentODEConfig().train.regularizers


def test_regularisers_change_nothing_but_the_penalty():
    model, batch = case(model__dropout=0.2)
    noise, found = noise_for(batch), []
    for penalties in (OFF, ON):
        torch.manual_seed(3)
        found.append(loss_terms(model.train(), batch, noise, penalties))
    assert all(
        torch.equal(one, other) for one, other in zip(found[0][:3], found[1][:3], strict=True)
    )
    assert (found[1].regularizers > 0).all()
    weighed = 0.5 * found[1].regularizers.sum()
    torch.testing.assert_close(ON.total(found[1].regularizers), weighed)


def test_a_constant_field_costs_its_kinetic_energy_over_the_own_span_of_each_window():
    model, batch = case(model__knots=0)
    model, batch = model.double(), double(batch)
    last, slope = model.dynamics.net.layers[-1], torch.tensor([0.5, -1.0, 2.0]).double()
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(slope)
    means = loss_terms(model, batch, noise_for(batch).double(), ON).regularizers
    spans = own_span(batch)
    assert spans.std() > 0  # windows differ
    expected = 0.5 * slope.square().mean() * spans.mean()
    torch.testing.assert_close(means[0], expected)
    torch.testing.assert_close(means[1:], torch.zeros(3).double(), rtol=0, atol=1e-12)


def test_the_penalty_of_a_window_does_not_depend_on_the_batch():
    # no probe: each draw of it belongs to a place in the batch
    penalties = PathPenalties.of(
        RegularizersConfig(kinetic=1.0, second_derivative=1.0, polynomial=1.0)
    )
    model, batch = case()
    model, batch, noise = model.double(), double(batch), noise_for(batch).double()
    together = loss_terms(model, batch, noise, penalties).regularizers
    alone = [
        loss_terms(model, batch.select(torch.tensor([w])), noise[:, [w]], penalties).regularizers
        for w in range(batch.size)
    ]
    torch.testing.assert_close(together, torch.stack(alone).mean(0))


def test_a_window_without_length_costs_nothing_and_has_a_gradient():
    model, batch = case(size=2)
    lone = replace(
        batch, times=torch.zeros_like(batch.times), query_times=torch.zeros_like(batch.query_times)
    )
    means = loss_terms(model, lone, noise_for(lone), ON).regularizers
    assert torch.equal(means, torch.zeros(4))
    ON.total(means).backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize("kind", ["autonomous", "inputs"])
@pytest.mark.parametrize("rate", [0.7, 1.3])
def test_a_rate_reaches_at_t_what_the_dynamics_reach_at_rate_times_t(kind, rate):
    model, batch = case(
        model__dynamics=kind, model__knots=0, solver__method="rk4", solver__step_size=0.02
    )
    model, batch = model.double(), double(batch)
    # given inputs jump, where no step of any size is of high order
    batch = replace(batch, inputs=replace(batch.inputs, knot_values=0 * batch.inputs.knot_values))
    z0 = noise_for(batch).double()
    factor = torch.tensor(rate).double()
    ends = {"lower": batch.lower * 1.5, "upper": batch.upper * 1.5}
    plain = model.trajectory(z0, replace(batch, **ends))
    stretched = model.trajectory(z0, batch, time_factor=factor)
    times = batch.times
    torch.testing.assert_close(stretched.at(times), plain.at(factor * times), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(stretched.at(times), plain.at(times), atol=1e-2)


def test_the_rate_of_steer_is_uniform_about_one_and_belongs_to_training_alone():
    steer = PathPenalties.of(RegularizersConfig(steer=0.4))
    rates = torch.stack([steer.time_factor(torch.zeros(1)) for _ in range(2_000)])
    assert 0.6 <= rates.min() < 0.61
    assert 1.39 < rates.max() <= 1.4
    # five standard errors of the mean
    assert abs(rates.mean() - 1.0) < 5 * 0.4 / (3 * 2_000) ** 0.5
    one, other = parts(), parts(**STEER)
    with torch.no_grad():
        scores = [made.validator(made.model.eval()) for made in (one, other)]
    assert scores[0] == scores[1]
    one.trainer().fit()
    other.trainer().fit()
    assert not same(weights_of(one.model), weights_of(other.model))


def test_training_under_a_weight_makes_the_paths_slower_and_tells_of_it(tmp_path):
    kinetic = {}
    for weight in (1e-9, 30.0):
        made = parts(train__regularizers__kinetic=weight, train__max_epochs=4)
        folder = tmp_path / str(weight)
        history = made.trainer(run_dir=folder).fit()
        kinetic[weight] = history[-1]["kinetic"]
        head = (folder / "metrics.csv").read_text().splitlines()[0].split(",")
        assert "kinetic" in head
        assert "jacobian" not in head
    assert kinetic[30.0] < 0.5 * kinetic[1e-9]


def test_the_loss_that_is_told_is_the_bound_without_the_penalty():
    losses = []
    for weight in (1e-12, 50.0):
        made = parts(train__regularizers__polynomial=weight, train__steps_per_epoch=1)
        made = replace(made, config=made.config.updated(**{"train.max_epochs": 1}))
        losses.append(made.trainer(validator=None).fit()[0]["train_loss"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_recorded_steps_equal_eager_steps_under_regularisers():
    plain, graphed = both_take(3, **ALL, **STEER)
    assert_alike(plain, graphed)
    for one, other in zip(plain[0], graphed[0], strict=True):
        assert set(one.regularizers) == set(REGULARIZERS)
        assert other.regularizers == pytest.approx(one.regularizers, rel=1e-3)
    assert len(graphed[2].graphs) >= 1


def test_a_recorded_gradient_is_that_of_the_eager_step_under_regularisers():
    assert_gradients_alike("cpu", **ALL, **STEER)


@pytest.mark.gpu
def test_a_graph_on_a_gpu_gives_the_gradient_of_the_eager_step_under_regularisers(device):
    # the probes of the eager step are drawn from the same stream, in the same order
    assert_gradients_alike(device.type, **ALL)


def test_a_window_whose_solve_fails_is_left_out_of_the_penalty():
    plain, _ = both_take(2, poison=[1], **ALL)
    for outcome in plain[0]:
        assert outcome.skipped_windows == 1
        assert all(0 < value < 1e6 for value in outcome.regularizers.values())


def test_a_run_under_regularisers_repeats_and_resumes_to_the_bit(tmp_path):
    options = {**ALL, **STEER}
    whole = parts(**options)
    whole.trainer(run_dir=tmp_path / "a").fit()
    first = parts(**options)

    def stop(event):
        if event.get("epoch") == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        first.trainer(run_dir=tmp_path / "b", on_event=stop).fit()
    again = parts(**options)
    again.trainer(run_dir=tmp_path / "b").fit(resume=True)
    assert same(weights_of(whole.model), weights_of(again.model))
    assert (tmp_path / "a/metrics.csv").read_bytes() == (tmp_path / "b/metrics.csv").read_bytes()


@pytest.mark.parametrize(("name", "value"), [("kinetic", -1.0), ("steer", 1.0), ("kinetics", 1.0)])
def test_weights_that_make_no_sense_are_refused(name, value):
    with pytest.raises(ConfigError, match=f"train.regularizers.{name}"):
        LatentODEConfig().updated(**{f"train.regularizers.{name}": value})
