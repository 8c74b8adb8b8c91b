"""Models that cannot be exported, each with what to do instead."""

from __future__ import annotations

from collections.abc import Iterator

from latentode.config import FIXED_STEP
from latentode.errors import ConfigError
from latentode.models.fitted.latent_ode import FittedModel
from latentode.models.likelihoods import LIKELIHOODS
from latentode.models.likelihoods.gaussian import GaussianLikelihood
from latentode.models.likelihoods.student_t import StudentTLikelihood

# latentode.runtime.readings draws by these, and would take any other for the first
_DRAWN_WITHOUT_TORCH = (GaussianLikelihood, StudentTLikelihood)


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
    likelihood = LIKELIHOODS[config.likelihood]
    if likelihood not in _DRAWN_WITHOUT_TORCH:
        yield f"a {likelihood.__name__} (train with --likelihood student_t)"
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
