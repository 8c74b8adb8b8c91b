"""`check_model`: every rule, for one model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

from latentode.checks.of_answers import (
    ANSWERS,
    DEEPCOPY,
    MISSING,
    OF_ANSWERS,
    SEEDS,
    SINGLE,
)
from latentode.checks.of_densities import OF_DENSITIES
from latentode.checks.of_windows import OF_WINDOWS, UNTOUCHED
from latentode.checks.outcomes import (
    Broken,
    Check,
    CheckResult,
    ModelChecks,
    NotApplicable,
    Outcome,
)
from latentode.checks.subject import Subject, settings_for
from latentode.config import LatentODEConfig
from latentode.errors import ConfigError, ModelCheckError
from latentode.models.encoders import ENCODERS
from latentode.models.encoders.base import Encoder
from latentode.models.likelihoods import LIKELIHOODS
from latentode.models.likelihoods.base import Likelihood
from latentode.models.priors import PRIORS

#: Every rule, those that others need first.
CHECKS = (
    ANSWERS, UNTOUCHED, SEEDS, DEEPCOPY, MISSING, SINGLE,
    *OF_WINDOWS, *OF_DENSITIES, *OF_ANSWERS,
)  # fmt: skip
_REGISTRIES: dict[str, dict[str, Any]] = {
    "encoder": ENCODERS,
    "likelihood": LIKELIHOODS,
    "prior": PRIORS,
}


def check_model(
    config: LatentODEConfig | None = None,
    *,
    encoder: str | type[Encoder] | None = None,
    likelihood: str | type[Likelihood] | None = None,
    prior: str | type[Any] | None = None,
    dynamics: str | None = None,
    export: bool = False,
    on_fail: Literal["raise", "return"] = "raise",
) -> ModelChecks:
    """Check that a model of some parts keeps the rules that every model keeps; about a second.

    A small model of these parts, its weights off their start, is asked about a small log; nothing
    is trained. A part of your own is given by its class, before it is in any registry, or by its
    name, once it is. What each rule is, and which is broken by what, is told in
    docs/check_model.md.

    Args:
        config: Settings of the model and of its solver; those of logs and of training are not
            looked at. Sizes and a step that are open are small.
        encoder: Name, or class on the contract of `Encoder`; None takes that of `config`.
        likelihood: Name, or class on the contract of `Likelihood`.
        prior: Name, or class on the contract of `CNFPrior`.
        dynamics: Name.
        export: Whether the model is also exported to ONNX and asked without torch, which takes half
            a minute.
        on_fail: "raise" an error where a check fails, once all have run; or "return" all the same.

    Returns:
        What came out of each check: passed, failed or not applicable, and by how much or why.

    Raises:
        ModelCheckError: If a check fails and `on_fail` is "raise"; its text has the numbers of
            every check, and `checks` what is returned otherwise.
        ConfigError: If a name is unknown, or parts cannot be combined.

    Example:
        >>> from latentode import check_model
        >>> checks = check_model(encoder="rnn", likelihood="gaussian")
        >>> checks.failed
        ()
        >>> checks["batch"].outcome
        'passed'
    """
    if on_fail not in ("raise", "return"):
        raise ConfigError(f'on_fail: expected "raise" or "return", got {on_fail!r}.')
    given = {"encoder": encoder, "likelihood": likelihood, "prior": prior, "dynamics": dynamics}
    with ExitStack() as stand_ins:
        chosen = {}
        for kind, part in given.items():
            if isinstance(part, type):
                chosen[f"model.{kind}"] = stand_ins.enter_context(_standing_in(kind, part))
            elif part is not None:
                chosen[f"model.{kind}"] = part
        settings = settings_for((config or LatentODEConfig()).updated(**chosen))
        results = _results(settings, export)
    said = [_said(kind, part, settings) for kind, part in given.items()]
    checks = ModelChecks(", ".join(said), results)
    if checks.failed and on_fail == "raise":
        raise ModelCheckError(
            f"model: expected every rule of check_model to hold, got {len(checks.failed)} that "
            f"{'does' if len(checks.failed) == 1 else 'do'} not: {', '.join(checks.failed)}. "
            f"docs/check_model.md says what each asks for.\n{checks}",
            checks,
        )
    return checks


@contextmanager
def _standing_in(kind: str, part: type) -> Iterator[str]:
    """Let a class stand in a registry under a name that settings and model folders know."""
    if kind not in _REGISTRIES:
        raise ConfigError(f"{kind}: expected a name, got the class {part.__name__}.")
    registry = _REGISTRIES[kind]
    name = next(iter(registry))
    member = registry[name]
    registry[name] = part
    try:
        yield name
    finally:
        registry[name] = member


def _said(kind: str, part: object, settings: LatentODEConfig) -> str:
    name = part.__name__ if isinstance(part, type) else getattr(settings.model, kind)
    return f"{kind} {name}"


def _results(settings: LatentODEConfig, export: bool) -> tuple[CheckResult, ...]:
    try:
        subject = Subject.of(settings, export=export)
    except Exception as error:  # whatever a part of somebody else raises
        built = CheckResult("builds", "a model is built of its parts", "failed", _told(error))
        return (built,)
    results: list[CheckResult] = []
    untold: set[str] = set()  # what failed, and what tells nothing after that
    for check in CHECKS:
        lacking = [name for name in check.needs if name in untold]
        result = _result(check, subject, lacking)
        results.append(result)
        if lacking or result.outcome == "failed":
            untold.add(check.name)
    return tuple(results)


def _result(check: Check, subject: Subject, lacking: list[str]) -> CheckResult:
    outcome: Outcome = "passed"
    try:
        if lacking:
            raise NotApplicable(f"tells nothing without {', '.join(lacking)}")
        detail = check.look(subject)
    except NotApplicable as reason:
        outcome, detail = "not applicable", str(reason)
    except Broken as broken:
        outcome, detail = "failed", str(broken)
    except Exception as error:  # whatever a part of somebody else raises
        outcome, detail = "failed", _told(error)
    return CheckResult(check.name, check.rule, outcome, detail)


def _told(error: Exception) -> str:
    return f"raised {type(error).__name__}: {error}"
