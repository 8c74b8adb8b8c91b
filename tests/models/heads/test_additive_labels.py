"""The additive part of a head for labels, against penalised regression by another optimiser."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from model_cases import case, irregular_log
from scipy.optimize import minimize
from torch.nn import functional

from latentode.models.heads.base import StateSizes
from latentode.models.heads.labels import LabelHead
from latentode.models.nn.piecewise_linear import _PENALTIES


def windows(size, seed=0, classes=2):
    """Windows of many series with labels that follow what was read in a way that is not linear."""
    _, batch = case(irregular_log((30,) * 12, seed=seed), size)
    head = head_for(batch, classes)
    generator = torch.Generator().manual_seed(seed)
    score = head.numbers(batch)[:, 0].abs()  # the newest reading, far from the middle or not
    ranks = score.argsort().argsort() * classes // size
    noise = torch.randint(classes, (size,), generator=generator)
    kept = torch.rand(size, generator=generator) < 0.9
    return replace(batch, labels=torch.where(kept, ranks, noise))


def head_for(batch, classes=2):
    sizes = StateSizes(3, 6, batch.values.shape[-1], batch.static.shape[-1], 4, 8, 0.0)
    return LabelHead(classes, sizes).eval()


def log_loss(head, batch):
    return float(functional.cross_entropy(head.additive(head.numbers(batch)), batch.labels))


@pytest.mark.parametrize("classes", [2, 3])
def test_without_held_out_windows_it_is_the_regression_with_the_strongest_penalty(classes):
    batch = windows(150, classes=classes)
    head = head_for(batch, classes)
    head.prepare([batch], [])
    inputs = head.additive.encode(head.numbers(batch)).double().numpy()
    codes = batch.labels.numpy()

    def objective(flat):
        weight, bias = flat[:-classes].reshape(classes, -1), flat[-classes:]
        logits = inputs @ weight.T + bias
        top = logits.max(1, keepdims=True)
        log_sum = np.log(np.exp(logits - top).sum(1)) + top[:, 0]
        loss = (log_sum - logits[np.arange(len(codes)), codes]).mean()
        share = np.exp(logits - log_sum[:, None])
        share[np.arange(len(codes)), codes] -= 1.0
        share /= len(codes)
        slope = share.T @ inputs + 2 * _PENALTIES[0] * weight
        return loss + _PENALTIES[0] * np.square(weight).sum(), np.append(slope, share.sum(0))

    start = np.zeros(classes * (inputs.shape[1] + 1))
    best = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    found = np.append(head.additive.weight.double().numpy(), head.additive.bias.double().numpy())
    # float32 weights, and a search that ends where the objective no longer falls
    assert objective(found)[0] == pytest.approx(best.fun, rel=1e-5)


def test_what_is_not_linear_is_learned_and_held_out_windows_choose_the_penalty():
    train, held_out, test = (windows(200, seed) for seed in (0, 1, 2))
    head = head_for(train)
    head.prepare([train], [])
    strongest = log_loss(head, held_out)
    head.prepare([train], [held_out])
    assert log_loss(head, held_out) <= strongest
    assert log_loss(head, test) < 0.8 * np.log(2.0)


def test_windows_whose_label_is_unknown_count_nothing():
    batch = windows(100)
    unknown = replace(batch, labels=torch.where(torch.arange(100) < 60, batch.labels, -1))
    found = []
    for part in (unknown, batch.select(torch.arange(60))):
        head = head_for(batch)
        head.prepare([part], [])
        found.append(head.additive.weight)
    torch.testing.assert_close(*found)
