import math

import pytest
import torch
from torch import nn

from latentode.config import OptimizerConfig
from latentode.training.optimizer import Learner, WeightAverage, learning_rate, make_optimizer


@pytest.mark.parametrize(("warmup", "total"), [(50, 1000), (0, 100), (50, 100), (3, 7)])
def test_learning_rate_warms_up_linearly_then_follows_a_cosine(warmup, total):
    config = OptimizerConfig(lr=0.1, min_lr_ratio=0.2, warmup_steps=warmup)
    rise = min(warmup, max(1, total // 10))  # a short run is not all warm-up
    for step in range(total + 5):
        if step < rise:
            expected = 0.1 * (step + 1) / rise
        else:
            share = min(1.0, (step - rise) / (total - rise))
            expected = 0.02 + (0.1 - 0.02) * math.cos(math.pi * share / 2) ** 2
        assert learning_rate(config, step, total) == pytest.approx(expected, rel=1e-12)


def test_learning_rate_ends_at_its_floor():
    config = OptimizerConfig(lr=0.1, min_lr_ratio=0.2, warmup_steps=5)
    assert learning_rate(config, 100, 100) == pytest.approx(0.02)
    assert learning_rate(config, 10_000, 100) == pytest.approx(0.02)


def test_average_is_the_recursion_with_a_growing_decay():
    torch.manual_seed(0)
    model = nn.Linear(3, 2).double()
    average = WeightAverage(model, 0.9)
    expected = {k: v.clone() for k, v in model.state_dict().items()}
    for step in range(1, 200):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        average.update(model, step)
        decay = min(0.9, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * value
    for name, value in expected.items():
        torch.testing.assert_close(average.tensors[name], value, rtol=0, atol=1e-13)


def test_average_copies_counters_instead_of_averaging_them():
    model = nn.BatchNorm1d(2)
    average = WeightAverage(model, 0.9)
    model(torch.randn(4, 2))
    average.update(model, 1)
    assert average.tensors["num_batches_tracked"].item() == 1


def test_swapping_the_average_twice_gives_the_same_bits():
    model = nn.Linear(3, 2)
    average = WeightAverage(model, 0.9)
    with torch.no_grad():
        model.weight.add_(1.0)
    weight, averaged = model.weight.clone(), average.tensors["weight"].clone()
    average.swap(model)
    assert torch.equal(model.weight, averaged)
    assert torch.equal(average.tensors["weight"], weight)
    average.swap(model)
    assert torch.equal(model.weight, weight)
    assert torch.equal(average.tensors["weight"], averaged)


def test_average_keeps_its_own_tensors():
    model = nn.Linear(3, 2)
    average = WeightAverage(model, 0.9)
    before = average.tensors["weight"].clone()
    with torch.no_grad():
        model.weight.add_(1.0)
    assert torch.equal(average.tensors["weight"], before)
    shifted = {k: v + 2.0 for k, v in model.state_dict().items()}
    learner = Learner(model, OptimizerConfig())
    learner.load({"model": model.state_dict(), "average": shifted, "optimizer": {}})
    assert torch.equal(learner.average.tensors["weight"], shifted["weight"])
    learner.average.update(model, 1)
    assert torch.equal(shifted["weight"], model.weight + 2.0)


def test_only_matrices_are_decayed():
    model = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    matrices, vectors = make_optimizer(model, OptimizerConfig(weight_decay=0.5)).param_groups
    assert [p.dim() for p in matrices["params"]] == [2]
    assert matrices["weight_decay"] == 0.5
    assert [p.dim() for p in vectors["params"]] == [1, 1, 1]
    assert vectors["weight_decay"] == 0.0
