"""The recurrent network that the model is compared with."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from irregular_cases import random_windows
from model_cases import irregular_log, probabilities_of

from benchmarks.irregular.gru_decay import GRUDecay, of_equal_size
from benchmarks.irregular.training import latent_ode
from benchmarks.irregular.windows import Scale
from latentode.config import LatentODEConfig
from latentode.models.fitted.training_log import TrainingLog
from latentode.training.fit import fit_model


def network(channels=2, hidden=6, num_classes=0):
    config = LatentODEConfig().updated(**{"model.dropout": 0.0})
    model = GRUDecay(
        config.model,
        channels,
        hidden,
        input_dim=0,
        static_dim=0,
        scale_floor=torch.zeros(channels),
        num_classes=num_classes,
    )
    # zero rates and weights would hide most of what is tested
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def batch_of(seed=0, size=5, **options):
    windows = random_windows(np.random.default_rng(seed), size=size, **options)
    return windows.without_seen().batch(Scale.fit(windows, 2.5), "origin")


def test_every_parameter_gets_a_gradient():
    model, batch = network(), batch_of()
    density, ratio, kl = model(batch, torch.zeros(2, batch.size, 1))
    assert (density.shape, ratio.shape, kl.shape) == ((2, 5), (2, 5), (5,))
    (-density.mean()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_a_window_does_not_depend_on_the_others():
    model, batch = network(), batch_of()
    noise = torch.zeros(1, batch.size, 1)
    whole = model.solve(batch, noise).decoded
    for index in range(batch.size):
        own = batch.select(torch.tensor([index]))
        length = max(1, int(own.lengths))
        bare = replace(
            own,
            times=own.times[:, :length],
            values=own.values[:, :length],
            mask=own.mask[:, :length],
        )
        alone = model.solve(bare, noise[:, :1]).decoded
        torch.testing.assert_close(alone.location[:, 0], whole.location[:, index])
        torch.testing.assert_close(alone.scale[:, 0], whole.scale[:, index])


def test_a_forecast_does_not_see_later_readings_of_other_windows_or_targets():
    model, batch = network(), batch_of()
    changed = replace(batch, targets=batch.targets + 1.0)
    noise = torch.zeros(1, batch.size, 1)
    first, second = (model.solve(windows, noise).decoded for windows in (batch, changed))
    assert torch.equal(first.location, second.location)


def test_far_from_any_reading_only_the_network_is_left():
    model, batch = network(), batch_of()
    far = replace(batch, query_times=batch.query_times + 1e4)
    near = model.solve(far, torch.zeros(1, batch.size, 1)).decoded.location
    moved = replace(far, values=torch.where(far.mask, far.values + 5.0, 0.0))
    with torch.no_grad():
        model.forwards.query_rate.fill_(5.0)
        model.reading_rate.fill_(5.0)
    before = model.solve(far, torch.zeros(1, batch.size, 1)).decoded.location
    after = model.solve(moved, torch.zeros(1, batch.size, 1)).decoded.location
    torch.testing.assert_close(before, after)
    assert not torch.equal(near, before)


@pytest.mark.parametrize("channels", [1, 14, 41])
def test_it_is_of_the_size_of_the_model(channels):
    windows = random_windows(np.random.default_rng(0), channels=channels)
    scale, config = Scale.fit(windows, 2.5), LatentODEConfig()
    reference = latent_ode(config, channels, 0, scale)
    peer = of_equal_size(
        reference,
        config,
        num_channels=channels,
        input_dim=0,
        static_dim=0,
        scale_floor=torch.zeros(channels),
    )
    sizes = [sum(p.numel() for p in model.parameters()) for model in (reference, peer)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.03)


def test_it_has_the_head_of_the_model_on_its_final_states():
    model, batch = network(num_classes=3), batch_of()
    batch = replace(batch, labels=torch.tensor([2, -1, 0, 1, -1]))
    noise = torch.zeros(2, batch.size, 1)
    gain = model(batch, noise, label_weight=7.0)[0] - model(replace(batch, labels=None), noise)[0]
    chosen = probabilities_of(model, batch, noise)
    own = chosen.gather(1, batch.labels.clamp(min=0)[:, None])[:, 0].log()
    expected = torch.where(batch.labels >= 0, 7.0 * own, 0.0)
    torch.testing.assert_close(gain, expected.expand(2, -1), rtol=1e-4, atol=1e-3)
    chosen[0, 0].log().backward()
    for part in (model.forwards.cell, model.backwards.cell, model.label_head):
        for name, parameter in part.named_parameters():
            assert parameter.grad.abs().max() > 0, name
    for index in range(batch.size):
        own = batch.select(torch.tensor([index]))
        alone = probabilities_of(model, own, noise[:, :1])
        torch.testing.assert_close(alone[0], chosen[index])


def test_the_package_trains_it_on_a_log_as_the_sensor_task_does():
    brief = {"train.max_epochs": 1, "train.steps_per_epoch": 1, "windows.context": "36h"}
    config = LatentODEConfig().updated(**brief, **{"windows.horizon": "12h"})

    def build(config, schema, **_heads):
        floor = torch.from_numpy(schema.scaler.density_floor)
        sizes = {"input_dim": schema.input_dim, "static_dim": len(schema.static_columns)}
        return GRUDecay(config.model, len(schema.channels), 8, **sizes, scale_floor=floor)

    fitted = fit_model(TrainingLog(irregular_log((60, 50, 40))), config, build=build)
    assert len(fitted.history) == 1
