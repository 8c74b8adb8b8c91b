"""What is asked of the sample paths of a prediction: ``--aggregate`` and ``--exceeds``."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from latentode.cli.options import Parsed
from latentode.cli.table import aligned
from latentode.files import slug

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from latentode.data.schema import DataSchema

_ROWS = 20  # of a table on the terminal; the rest is in its file
_UNQUOTED = r'(?=(?:[^"]*"[^"]*")*[^"]*$)'
_FORM = (
    "as in 'sum by day', 'mean of flow,level over channels' or 'sum over series then max by day'"
)


class Aggregate(NamedTuple):
    """What values are taken together, as it was typed, and as arguments of `results.aggregate`."""

    text: str
    steps: tuple[Mapping[str, Any], ...]

    @classmethod
    def parse(cls, text: str) -> Aggregate:
        """Read ``sum of flow,level by day over series then max by week``.

        Raises:
            ValueError: If it has another form.
        """
        steps = re.split(rf"\s+then\s+{_UNQUOTED}", text.strip())
        return cls(" ".join(text.split()), tuple(map(_step, steps)))


def _step(text: str) -> dict[str, Any]:
    how, *clauses = re.split(rf"\s+(of|by|over)\s+{_UNQUOTED}", text)
    given = dict(zip(clauses[::2], clauses[1::2], strict=True))
    if not how.isalpha() or 2 * len(given) < len(clauses):
        raise ValueError(f"expected a question {_FORM}, got {text!r}.")
    step: dict[str, Any] = {"how": how}
    if "of" in given:
        names = next(csv.reader([given["of"]], skipinitialspace=True))
        step["channels"] = tuple(name.strip() for name in names)
    if "by" in given:
        step["by"] = given["by"].strip()
    if "over" in given:
        step["over"] = tuple(re.split(r"\s*,\s*|\s+and\s+", given["over"].strip()))
    return step


def question_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--aggregate`` and ``--exceeds``."""
    for option in (
        click.option(
            "--exceeds",
            multiple=True,
            metavar="LIMIT",
            help="Probability and first time of crossing it, as 'level>3.2'; may be given again.",
        ),
        click.option(
            "--aggregate",
            "aggregates",
            multiple=True,
            type=Parsed("question", Aggregate.parse),
            metavar="QUESTION",
            help="As 'sum by day', 'max by 6h' or 'mean over channels'; may be given again.",
        ),
    ):
        function = option(function)
    return function


@dataclass(frozen=True)
class PathQuestions:
    """Questions to the sample paths of one prediction.

    Attributes:
        aggregates: What is taken together.
        limits: Limits that may be crossed.
    """

    aggregates: tuple[Aggregate, ...] = ()
    limits: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is asked."""
        return bool(self.aggregates or self.limits)

    def check(self, schema: DataSchema) -> None:
        """Ask them of an empty prediction, so that what has no answer is refused before the work.

        Raises:
            ConfigError: If one has no answer for a model of this schema.
        """
        if not self:
            return
        import numpy as np

        from latentode import results

        zero = np.zeros(1, dtype=np.int64)
        nothing = results.from_queries(
            np.full((1, 1, len(schema.channels)), np.nan),
            zero,
            zero,
            series_ids=("",),
            channels=schema.channels,
            clock=schema.clock,
            units=schema.units,
            attrs={"counters": schema.counters.names},
        )
        self.answers(nothing, results.DEFAULT_QUANTILES)

    def paths(self, output: Path) -> tuple[Path, ...]:
        """Files of the answers, beside that of the prediction and in its format."""
        asked = [question.text for question in self.aggregates]
        names = [slug(text, 0).partition("-")[2] for text in asked]
        names += ["exceeds"] if self.limits else []
        # names that differ in what no file name can hold
        apart = [n if names.index(n) == i else f"{n}-{i + 1}" for i, n in enumerate(names)]
        return tuple(output.with_name(f"{output.stem}-{name}{output.suffix}") for name in apart)

    def answers(self, result: xr.Dataset, levels: Sequence[float]) -> list[xr.Dataset]:
        """The answers, in the order of `paths`."""
        from latentode import results

        found = [
            reduce(lambda earlier, step: results.aggregate(earlier, **step), question.steps, result)
            for question in self.aggregates
        ]
        if self.limits:
            found.append(results.exceedance(result, self.limits, quantiles=levels))
        return found

    def text(self, answers: Sequence[xr.Dataset], levels: Sequence[float]) -> str:
        """The answers for people."""
        return "\n\n".join("\n".join(_lines(answer, levels)) for answer in answers)

    def facts(self, answers: Sequence[xr.Dataset]) -> dict[str, Any]:
        """The answers in short, JSON types."""
        from latentode.results import first_crossings

        totals = [
            {"question": question.text, **_completeness(answer)}
            for question, answer in zip(self.aggregates, answers, strict=False)
        ]
        crossings: list[Any] = []
        if self.limits:
            crossings = _written(first_crossings(answers[-1])).to_dict(orient="records")
        return {"aggregate": totals, "exceeds": crossings}


def _lines(answer: xr.Dataset, levels: Sequence[float]) -> Iterator[str]:
    """Heading and table of an answer."""
    from latentode import results

    if "aggregate" in answer.attrs:
        counts = _completeness(answer)
        yield f"{answer.attrs['aggregate']}:"
        frame = results.to_frame(answer, levels).drop(columns=["sd", "end"])
        partial = counts["periods"] - counts["complete"]
        if partial:
            yield (
                f"{partial} of {counts['periods']} periods (complete: False) are not wholly "
                "predicted"
            )
    else:
        yield "first crossing of a limit, by the draws that cross it:"
        frame = results.first_crossings(answer)
    cells = _written(frame.head(_ROWS)).map(_cell).to_numpy().tolist()
    yield aligned([[str(name) for name in frame.columns], *cells], numbers=True)
    if len(frame) > _ROWS:
        yield f"... and {len(frame) - _ROWS} rows more"


def _completeness(answer: xr.Dataset) -> dict[str, int]:
    """How many periods there are, and how many lie wholly in the prediction."""
    real = answer["time"].notnull()
    complete = int((answer["complete"] & real).sum())
    return {"periods": int(real.sum()), "complete": complete}


def _written(frame: pd.DataFrame) -> pd.DataFrame:
    """Times as text, None where there is none."""
    texts = frame.map(lambda cell: cell.isoformat(" ") if hasattr(cell, "isoformat") else cell)
    return texts.astype(object).mask(frame.isna(), None)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
