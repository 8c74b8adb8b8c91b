"""What is said of a training, before and after it."""

from __future__ import annotations

from torch import Tensor

from latentode.models.fitted.latent_ode import FittedModel

_FEW_STEPS = 100  # after fewer, a model is hardly more than its first guesses


def plan_lines(fitted: FittedModel) -> list[str]:
    """Lines that say what will be trained."""
    model = fitted.config.model
    return [
        *fitted.schema.plan(),
        *fitted.log.lines(),
        f"model: {model.encoder} encoder of {'levels' if model.levels else 'changes'}, latent "
        f"{model.latent_dim}, hidden {model.hidden_dim}, {fitted.num_parameters:,} "
        f"parameters; seed {fitted.config.train.seed}, device {fitted.config.train.device}",
    ]


def learned_lines(fitted: FittedModel, direct: Tensor) -> list[str]:
    """Lines that say what came of it.

    Args:
        fitted: The model.
        direct: What each channel gains by direct forecasts, nats per reading; empty where these
            are as they were.
    """
    lines = [
        *_few_steps(fitted),
        f"calibration: {fitted.calibration.line()}",
        f"sample paths: {fitted.copula.line()}",
    ]
    if not len(direct):
        return lines
    channels = fitted.schema.channels
    some = [f"{channels[c]} +{nats:.3f}" for c, nats in enumerate(direct.tolist()) if nats > 0]
    said = "not used, as the validation part is forecast no better with them"
    if some:
        said = (
            "used where the validation part is forecast better with them (log-likelihood per "
            f"reading: {', '.join(some)})"
        )
    return [*lines, f"direct forecasts from the history: {said}"]


def _few_steps(fitted: FittedModel) -> list[str]:
    """A line about a training that has hardly begun."""
    way, steps = learned_little(fitted), int(fitted.history[-1]["step"])
    return [] if way is None else [f"{steps} steps leave a model nearly untrained: give more {way}"]


def learned_little(fitted: FittedModel) -> str | None:
    """The option that ended a training which has hardly begun; None after steps enough.

    Args:
        fitted: The model.
    """
    train, steps = fitted.config.train, int(fitted.history[-1]["step"])
    if steps >= _FEW_STEPS:
        return None
    assert train.steps_per_epoch is not None
    cut = train.max_time is not None and steps < train.max_epochs * train.steps_per_epoch
    return "--max-time" if cut else "--epochs"
