"""Models that cannot be exported, each with what to do instead."""

from __future__ import annotations

from collections.abc import Iterator

from latentode.config import FIXED_STEP
from latentode.errors import ConfigError
from latentode.models.fitted.latent_ode import FittedModel


def check_exportable(fitted: FittedModel) -> None:
    """Refuse a model with a part that has no place in an exported graph.

    Raises:
        ConfigError: If it has one; the message names all of them.
    """
    found = list(_refused(fitted))
    if found:
        raise ConfigError(
            f"export: expected a model without {'; or '.join(found)}. Or predict with the model "
            "itself."
        )


def _refused(fitted: FittedModel) -> Iterator[str]:
    config, solver, log = fitted.config.model, fitted.model.solver, fitted.log
    device = fitted.model.scale_floor.device
    if device.type != "cpu":
        yield f'a device of its own, got one on {device} (load it with device="cpu")'
    if config.posterior != "normal":
        yield (
            f'a flow as posterior, got model.posterior "{config.posterior}" (train with '
            "--posterior normal)"
        )
    if config.likelihood == "flow":
        yield 'a flow as likelihood, got "flow" (train with --likelihood student_t)'
    if config.refine:
        yield (
            f"a posterior that is refined by gradients, got model.refine {config.refine} (train "
            "with --set model.refine=0)"
        )
    if config.dynamics_noise != "none":
        yield (
            "noise of the latent path, got model.dynamics_noise "
            f'"{config.dynamics_noise}" (train with --set model.dynamics_noise=none)'
        )
    if solver.method not in FIXED_STEP or solver.gradient == "adjoint":
        yield (
            f'steps that the solver chooses as it goes, got solver.method "{solver.method}" '
            f'with gradient "{solver.gradient}" (train with --set solver.method=ab4)'
        )
    if log.events is not None:
        yield "events beside the readings (train without --events and --model-times)"
    if log.labels is not None:
        yield "labels (train without --labels)"
