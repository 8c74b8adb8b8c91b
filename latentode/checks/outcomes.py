"""What came out of the checks of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from latentode.checks.subject import Subject

Outcome = Literal["passed", "failed", "not applicable"]


class Broken(Exception):
    """A rule does not hold; the message has the numbers."""


class NotApplicable(Exception):
    """A rule says nothing of this model; the message says why."""


@dataclass(frozen=True)
class Check:
    """A rule.

    Attributes:
        name: Its name.
        rule: What must hold, a sentence.
        look: Looks at a model; what it returns says by how much the rule is kept. Raises `Broken`
            or `NotApplicable`.
        needs: Checks without which this one would only repeat their failure.
    """

    name: str
    rule: str
    look: Callable[[Subject], str]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckResult:
    """What came out of one check.

    Attributes:
        name: Of the check.
        rule: What must hold.
        outcome: "passed", "failed" or "not applicable".
        detail: Numbers, or the reason.
    """

    name: str
    rule: str
    outcome: Outcome
    detail: str

    def __str__(self) -> str:
        """One line; of a rule that does not hold also what it is."""
        rule = f" ({self.rule})" if self.outcome == "failed" else ""
        return f"{self.outcome:<15}{self.name:<22}{self.detail}{rule}"


@dataclass(frozen=True)
class ModelChecks:
    """What came out of all checks of a model.

    Attributes:
        parts: What the model is made of.
        results: One for each check, in the order in which they ran.
    """

    parts: str
    results: tuple[CheckResult, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that failed."""
        return tuple(each.name for each in self.results if each.outcome == "failed")

    def __getitem__(self, name: str) -> CheckResult:
        """The result of a check."""
        return next(each for each in self.results if each.name == name)

    def __str__(self) -> str:
        """A line for each check."""
        return "\n".join([self.parts, *map(str, self.results)])
