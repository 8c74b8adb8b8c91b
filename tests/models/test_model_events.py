"""Events beside readings: the term in the log-weight, what drives the rates, and what does not."""

from dataclasses import replace

import pytest
import torch
from model_cases import case_with_events as case
from model_cases import double, irregular_log, noise_for, settings

from latentode.config import RegularizersConfig
from latentode.data.schema import DataSchema
from latentode.errors import ConfigError
from latentode.models.inference import process_of
from latentode.models.latent_ode import LatentODEModel
from latentode.models.objectives import elbo, iwae
from latentode.training.execution.graphs import can_be_captured
from latentode.training.terms import PathPenalties, loss_terms


@pytest.mark.parametrize("anchor", ["origin", "start"])
@pytest.mark.parametrize("memory", [True, False])
def test_the_log_weight_of_each_draw_holds_the_events(anchor, memory):
    # given inputs jump at their knots, and the memory at readings, inside an interval of the
    # quadrature, which is off by up to half of the jump times the interval: it must be short
    step = 0.002 if memory else 0.02
    model, batch = case(model__anchor=anchor, model__memory=memory, solver__step_size=step)
    noise = noise_for(batch)
    whole, ratio, kl = model(batch, noise)
    bare, same_ratio, same_kl = model(replace(batch, events=None), noise)
    z0, _ = model.posterior(batch).draw(noise)
    trajectory = model.trajectory(z0, batch)
    term = dense_log_prob(model, trajectory, batch)
    torch.testing.assert_close(whole - bare, term, rtol=0, atol=2e-3)
    assert torch.equal(ratio, same_ratio)
    assert torch.equal(kl, same_kl)
    assert whole.shape == (2, 5)
    # with more draws the bound can only rise, events and all
    assert (iwae(whole + ratio) >= (whole + ratio).mean(0) - 1e-5).all()
    assert torch.isfinite(elbo(whole, kl)).all()


def dense_log_prob(model, trajectory, batch):
    """The Poisson log-likelihood by brute force, on 20,000 points of each window."""
    events, process = batch.events, model.event_process
    context = model.decode(trajectory, batch).rate_covariates

    def rates(times):
        states = trajectory.at(times)
        return process.log_intensity(states, context(times, states))

    picked = rates(events.times).gather(-1, events.marks.expand(2, -1, -1)[..., None])[..., 0]
    total = torch.where(events.scored, picked, 0.0).sum(-1)
    share = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    low, width = events.start[:, :1], (events.end - events.start)[:, :1]
    expected = rates(low + width * share).exp().mean(-2) * width.to(torch.float32)
    return total - expected.sum(-1)


def test_windows_of_events_end_with_the_horizon_and_lie_in_the_part():
    model, batch = case(12)
    visible = torch.where(batch.mask.any(-1), batch.times, torch.inf).amin(1)
    starts = torch.where(torch.isfinite(visible), visible, 0.0)
    assert (batch.events.start[:, 0] <= starts + 1e-9).all()
    assert batch.lower <= float(batch.events.start.min())
    assert batch.upper >= float(batch.events.end.max())
    assert (batch.events.end >= batch.query_times.amax(1, keepdim=True) - 1e-9).all()
    assert model.event_process is not None


def test_every_parameter_of_the_rates_has_the_gradient_of_finite_differences():
    model, batch = case(perturb=0.3, solver__step_size=0.1)
    model, batch = model.double(), double(batch)
    noise = noise_for(batch).double()
    (model(batch, noise)[0] - model(replace(batch, events=None), noise)[0]).sum().backward()
    for name, parameter in model.event_process.named_parameters():
        flat, index = parameter.data.view(-1), parameter.numel() // 2
        values = []
        for step in (1e-6, -2e-6):
            flat[index] += step
            with torch.no_grad():
                values.append(model(batch, noise)[0].sum().item())
        flat[index] += 1e-6
        slope = (values[0] - values[1]) / 2e-6
        assert parameter.grad.view(-1)[index].item() == pytest.approx(slope, rel=1e-5, abs=1e-6), (
            name
        )


def test_rates_know_the_visible_readings_and_nothing_else():
    model, batch = case()
    noise = noise_for(batch)

    def rates(given):
        z0 = model.posterior(given).at(noise)
        trajectory = model.trajectory(z0, given)
        context = model.decode(trajectory, given).rate_covariates
        times = torch.linspace(0, 1, 9, dtype=torch.float64).expand(given.size, -1)
        states = trajectory.at(times, check=False)
        return model.event_process.log_intensity(states, context(times, states))

    known = rates(batch)
    hidden = replace(
        batch, targets=batch.targets + 7.0, events=batch.events.select([4, 3, 2, 1, 0])
    )
    assert torch.equal(rates(hidden), known)
    seen = replace(batch, values=torch.where(batch.mask, batch.values + 1.0, 0.0))
    assert not torch.allclose(rates(seen), known)


def test_rates_start_at_the_observed_mean():
    model, batch = case(perturb=0.0)
    noise = noise_for(batch)
    torch.nn.init.zeros_(model.event_process.head.layers[-1].weight)
    whole = model(batch, noise)[0] - model(replace(batch, events=None), noise)[0]
    constant = model.event_process.constant_log_prob(batch.events)
    torch.testing.assert_close(whole.double(), constant.expand(2, -1), rtol=1e-4, atol=1e-4)


def test_poison_in_a_padded_event_reaches_no_gradient():
    model, batch = case()
    events = batch.events
    assert not events.valid.all()
    poisoned = replace(
        events,
        times=torch.where(events.valid, events.times, torch.nan),
        marks=torch.where(events.valid, events.marks, 1),
    )
    noise = noise_for(batch)
    clean, dirty = model(batch, noise)[0], model(replace(batch, events=poisoned), noise)[0]
    assert torch.equal(clean, dirty)
    dirty.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_a_window_does_not_depend_on_the_others():
    model, batch = case()
    noise = noise_for(batch)
    whole = model(batch, noise)[0]
    for w in range(batch.size):
        alone = model(batch.select(torch.tensor([w])), noise[:, [w]])[0][:, 0]
        torch.testing.assert_close(alone, whole[:, w], rtol=1e-4, atol=1e-3)


def test_regularisers_leave_the_term_of_the_events_in_the_log_weight():
    model, batch = case()
    noise = noise_for(batch)
    penalties = PathPenalties.of(RegularizersConfig(kinetic=0.3, jacobian=0.3))
    with_events = loss_terms(model, batch, noise, penalties)
    without = loss_terms(model, replace(batch, events=None), noise, penalties)
    assert all(map(torch.equal, with_events[:3], model(batch, noise)))
    term = model.event_process.log_prob(model.solve(batch, noise), batch)
    torch.testing.assert_close(with_events.log_likelihood - without.log_likelihood, term)
    assert (term.abs() > 0.1).all()


def test_under_steer_the_events_are_read_on_the_path_that_is_stretched():
    model, batch = case(perturb=0.3)
    noise = noise_for(batch)
    stretched = model.solve(batch, noise, density=True, time_factor=torch.tensor(1.4))
    whole, bare = (
        model.evidence(stretched, windows).log_likelihood
        for windows in (batch, replace(batch, events=None))
    )
    term = model.event_process.log_prob(stretched, batch)
    torch.testing.assert_close(whole - bare, term, rtol=1e-4, atol=1e-4)
    unstretched = model.event_process.log_prob(model.solve(batch, noise), batch)
    assert not torch.allclose(term, unstretched, atol=1e-2)


def test_the_penalty_of_a_path_goes_as_far_as_its_events_were_watched():
    model, batch = case()
    last, slope = model.dynamics.net.layers[-1], torch.tensor([0.5, -1.0, 2.0])
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(slope)
    # the second kind is watched longest in the last window, and not at all in the first
    events = batch.events
    start, end = events.start.clone(), events.end.clone()
    start[0, 1] = end[0, 1] = batch.upper
    end[0, 0] = start[0, 0]
    batch = replace(batch, events=replace(events, start=start, end=end))
    rows = torch.cat([batch.times, batch.query_times, torch.zeros(batch.size, 1)], dim=1)
    low, high = rows.amin(1), rows.amax(1)
    spans = torch.maximum(high, end.amax(1)) - torch.minimum(low, start.amin(1))
    spans[0] = (high - low)[0]
    assert (spans[1:] > (high - low)[1:]).any()
    penalties = PathPenalties.of(RegularizersConfig(kinetic=1.0))
    (found,) = loss_terms(model, batch, noise_for(batch), penalties).regularizers
    expected = 0.5 * slope.square().mean() * spans.mean().float()
    torch.testing.assert_close(found, expected)


def test_steps_with_events_are_not_captured():
    model, _ = case()
    assert not can_be_captured(model)
    model.event_process = None
    assert can_be_captured(model)


def test_a_model_of_readings_alone_knows_no_rates():
    log = irregular_log()
    config = settings()
    schema = DataSchema.fit(log, config)
    model = LatentODEModel(config.model, config.solver, num_channels=2, input_dim=schema.input_dim)
    with pytest.raises(ConfigError, match="Train with --events or --model-times"):
        process_of(model)
