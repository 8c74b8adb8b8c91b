"""What a reader decided, on what evidence and how to overrule it; and what it has to ask."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from latentode.errors import DataError

Confidence = Literal["certain", "likely", "guess"]


@dataclass(frozen=True)
class Decision:
    """One thing that was decided about a log.

    Attributes:
        about: What it concerns: "time", "series", "channel", "layout", "header", "missing", ...
        choice: What was decided, in words: ``series told apart by 'Reservoir'``.
        evidence: What shows it, in words: ``times repeat without it, never with it``.
        confidence: "certain" where nothing else fits, "likely" where names only break a tie,
            "guess" where another reading is possible.
        option: What to type to overrule it, such as ``--id-column NAME``; empty where nothing is.
    """

    about: str
    choice: str
    evidence: str = ""
    confidence: Confidence = "certain"
    option: str = ""

    def __str__(self) -> str:
        said = [self.evidence] if self.evidence else []
        said += [f"to overrule: {self.option}"] if self.option else []
        return self.choice + (f" ({'; '.join(said)})" if said else "")


@dataclass(frozen=True)
class Question:
    """One thing that only a person can settle.

    Attributes:
        about: As in `Decision`.
        message: What was seen, where, and the options that settle it, in one or two sentences that
            end with a full stop.
        blocks: "reading" where no array can be made without an answer, or a wrong one would move
            times or values; "training" where the log can be looked at, but not be trained on.
        column: The column or channel, where one option answers for several columns.
        choices: What may answer there, such as the units of a column.
    """

    about: str
    message: str
    blocks: Literal["reading", "training"] = "reading"
    column: str = ""
    choices: tuple[str, ...] = ()


@dataclass
class Doubts:
    """Decisions and questions that gather while a log is read; all questions are asked at once.

    Attributes:
        decisions: What was decided.
        questions: What was not.
    """

    decisions: list[Decision] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    def decide(
        self,
        about: str,
        choice: str,
        evidence: str = "",
        *,
        confidence: Confidence = "certain",
        option: str = "",
    ) -> None:
        """Add a decision, once; see `Decision`.

        Args:
            about: What it concerns.
            choice: What was decided.
            evidence: What shows it.
            confidence: How sure it is.
            option: What overrules it.
        """
        decision = Decision(about, choice, evidence, confidence, option)
        if decision not in self.decisions:
            self.decisions.append(decision)

    def ask(
        self, about: str, message: str, *, blocks: Literal["reading", "training"] = "reading"
    ) -> None:
        """Add a question, once; see `Question`.

        Args:
            about: What it concerns.
            message: The sentences.
            blocks: What has to wait for the answer.
        """
        question = Question(about, message, blocks)
        if question not in self.questions:
            self.questions.append(question)

    def merge(self, other: Doubts) -> None:
        """Add the decisions and questions of another table of the same log, each once."""
        self.decisions += [each for each in other.decisions if each not in self.decisions]
        self.questions += [each for each in other.questions if each not in self.questions]

    def settle(self, source: str, *blocked: str) -> None:
        """Refuse to go on while questions are open.

        Args:
            source: Name of the log.
            blocked: Which questions count: "reading", "training".

        Raises:
            DataError: With all of them in one message.
        """
        open_questions = [each.message for each in self.questions if each.blocks in blocked]
        if open_questions:
            raise DataError(f"{source}: " + " Also: ".join(open_questions))

    def to_list(self) -> list[dict[str, Any]]:
        """Decisions as JSON types."""
        return [asdict(decision) for decision in self.decisions]
