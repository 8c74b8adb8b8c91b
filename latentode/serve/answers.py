"""A model and what it is asked: the same calls as those of the command line, to the same bytes."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latentode import results
from latentode.config.durations import NS_PER_UNIT, format_duration, parse_duration
from latentode.errors import ConfigError, LatentODEWarning
from latentode.results.csv_text import csv_of
from latentode.results.events import intensity_frame, next_event_frame
from latentode.serve.bodies import Body, BodyError, body_of, forget_log
from latentode.serve.limits import Limits
from latentode.serve.logs import ReadLog, read_asked
from latentode.serve.shown import information, newest_readings, plain, records_of

if TYPE_CHECKING:
    import xarray as xr

    from latentode.serve.logs import Model

_MEAN_GAPS = 10  # events are followed this many mean gaps ahead, unless told
_COLUMNS = 10  # that a table may have for each channel that a log may have
_TABLES = {
    "forecast": ("readings", "times", "plan"),
    "interpolate": ("readings", "times"),
    "score": ("readings",),
    "events": ("readings", "events"),
    "inspect": ("readings",),
}


@dataclass(frozen=True)
class Question:
    """One thing that is asked.

    Attributes:
        what: "forecast", "interpolate", "score", "events" or "inspect".
        asked: Parameters by name, with dashes, as `latentode.serve.questions` checked them.
        media: What the body is: "text/csv" or "application/json".
        wanted: What the answer is to be, likewise.
        content: The body.
    """

    what: str
    asked: Mapping[str, Any]
    media: str
    wanted: str
    content: bytes


@dataclass(frozen=True)
class Answer:
    """What is answered.

    Attributes:
        content: CSV, or JSON.
        media: Which of both.
        warnings: What was warned of.
    """

    content: bytes
    media: str
    warnings: tuple[str, ...] = ()


class Answers:
    """Answers questions with a model.

    Args:
        model: The model.
        limits: What a question may cost.
    """

    def __init__(self, model: Model, limits: Limits) -> None:
        self._model, self._limits = model, limits
        self._asked: dict[str, Callable[[ReadLog, Body, Question], Answer]] = {
            "forecast": self._forecast,
            "interpolate": self._interpolate,
            "score": self._score,
            "events": self._events,
            "inspect": self._inspect,
        }

    def information(self) -> dict[str, Any]:
        """What the model is of, JSON types."""
        return information(self._model)

    def warm(self) -> None:
        """Ask once what will be asked, so that the first request waits for nothing."""
        ids = self._model.fitted_.context.series_ids[:1]
        if ids:
            body = json.dumps({"series": ids}).encode()
            for what in ("inspect", "forecast"):
                self.answer(Question(what, {}, "application/json", "application/json", body))

    def answer(self, question: Question) -> Answer:
        """Answer a question.

        Args:
            question: The question.

        Raises:
            LatentODEError: If it cannot be answered, with what to do.
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", LatentODEWarning)
            body = body_of(
                question.content,
                question.media,
                self._limits,
                tables=_TABLES[question.what],
                # as long to read as many rows; logs with times across have more than channels
                columns=_COLUMNS * self._model.config_.data.max_channels,
            )
            self._check_draws(question)
            try:
                read = read_asked(self._model, body, question.asked, self._limits, question.what)
            finally:
                forget_log()
            answer = self._asked[question.what](read, body, question)
        said = [str(each.message) for each in caught if issubclass(each.category, LatentODEWarning)]
        every = tuple(dict.fromkeys([*read.lines, *said]))
        if answer.media == "application/json":
            head = json.dumps({"warnings": every}, ensure_ascii=False).encode("utf-8", "replace")
            return Answer(head[:-1] + b", " + answer.content[1:], answer.media, every)
        return Answer(answer.content, answer.media, every)

    def _check_draws(self, question: Question) -> None:
        draws = question.asked.get("samples", 0)
        if draws > self._limits.draws:
            raise BodyError(f"samples: expected at most {self._limits.draws:,}, got {draws:,}.")

    def _forecast(self, read: ReadLog, body: Body, question: Question) -> Answer:
        asked, times = question.asked, body.tables.get("times")
        grid = [name for name in ("horizon", "every", "align") if asked.get(name)]
        if times is not None and grid:
            raise BodyError(f"times: name all times; {', '.join(grid)} have no place.")
        self._check_ahead(read, self._ahead(read, asked, times), asked.get("every"))
        result = read.model.forecast(
            read.log,
            horizon=asked.get("horizon"),
            every=asked.get("every"),
            times=times,
            origin=asked.get("from"),
            align=asked.get("align") or "clock",
            plan=body.tables.get("plan"),
            num_draws=asked.get("samples", 200),
        )
        return _rendered(result, question)

    def _interpolate(self, read: ReadLog, body: Body, question: Question) -> Answer:
        asked, times = question.asked, body.tables.get("times")
        missing = bool(asked.get("at-missing"))
        if sum((times is not None, bool(asked.get("every")), missing)) > 1:
            raise BodyError("times, every and at-missing exclude each other.")
        if asked.get("align") and (times is not None or missing):
            raise BodyError("times or at-missing name all times; align has no place.")
        first, last = read.log.readings.first_and_last()
        if asked.get("every"):
            step = self._duration(read, asked["every"])
            self._check_times(int(((last - first).clip(0) // step + 1).sum()))
        result = read.model.interpolate(
            read.log,
            every=asked.get("every"),
            times=times,
            at_missing=missing,
            align=asked.get("align") or "clock",
            num_draws=asked.get("samples", 200),
        )
        return _rendered(result, question)

    def _score(self, read: ReadLog, body: Body, question: Question) -> Answer:
        del body
        draws = question.asked.get("samples", 200)
        model = self._with_torch(read, "score")
        surprise = model.surprise(read.log, num_draws=draws)
        if question.wanted == "text/csv":
            return Answer(results.render(surprise, "csv", quantiles=()), "text/csv")
        scores = model.score(read.log, num_draws=draws)
        frame = scores[["log_prob", "standard_error", "num_readings"]].to_dataframe().reset_index()
        found = {
            "series": records_of(frame),
            "readings": records_of(results.to_frame(surprise, ())),
        }
        return _json(found)

    def _events(self, read: ReadLog, body: Body, question: Question) -> Answer:
        asked, draws = question.asked, question.asked.get("samples", 100)
        model = self._with_torch(read, "events")
        view = model.events
        given = body.tables.get("events")
        unit, horizon = NS_PER_UNIT[view.unit], asked.get("horizon")
        if horizon is None:
            # of the training where none are sent
            known = None if given is not None else model.fitted_.log.events
            streams = view.read(read.log, given) if known is None else known.streams
            horizon = _MEAN_GAPS / float(streams.rates(unit).sum())
            self._check_ahead(read, round(horizon * unit), asked.get("every"))
        else:
            self._check_ahead(read, self._duration(read, horizon), asked.get("every"))
        rates = view.intensity(
            read.log, every=asked.get("every"), horizon=asked.get("horizon"), num_draws=draws
        )
        following = view.next_event(read.log, horizon=horizon, num_draws=draws)
        frames = {"intensity": intensity_frame(rates), "next_event": next_event_frame(following)}
        if question.wanted == "text/csv":
            return Answer(csv_of(frames[asked.get("table", "intensity")]), "text/csv")
        return _json({"unit": view.unit, **{n: records_of(f) for n, f in frames.items()}})

    def _inspect(self, read: ReadLog, body: Body, question: Question) -> Answer:
        del body
        if question.wanted == "text/csv":
            raise BodyError("inspect: answers JSON; accept application/json.", status=406)
        report, schema = read.report, read.model.fitted_.schema
        found: dict[str, Any] = {
            "read": None if report is None else plain(report.to_dict()),
            "plan": [] if report is None else report.plan(),
            "channels": list(read.log.channels),
            "units": dict(schema.units) | dict(read.log.units),
            "series": newest_readings(read.log, question.asked.get("rows", 500)),
        }
        return _json(found)

    def _with_torch(self, read: ReadLog, what: str) -> Any:
        if not hasattr(read.model, "score"):
            raise ConfigError(
                f"{what}: expected the folder of a run, got a model that was exported, which "
                "answers forecast, interpolate and inspect alone. Serve the run."
            )
        return read.model

    def _duration(self, read: ReadLog, text: str) -> int:
        clock = read.model.fitted_.schema.clock
        return parse_duration(text, clock.unit if clock.kind == "elapsed" else None)

    def _ahead(self, read: ReadLog, asked: Mapping[str, Any], times: Any) -> int:
        """How far a forecast looks ahead at most, in nanoseconds."""
        schema = read.model.fitted_.schema
        if times is None:
            horizon = asked.get("horizon")
            return schema.lengths.horizon_ns if horizon is None else self._duration(read, horizon)
        from latentode.data.reading.query_times import read_query_times

        series, moments = read_query_times(
            times,
            series_ids=read.log.series_ids,
            clock=schema.clock,
            config=read.model.config_.data,
        )
        first, last = read.log.readings.first_and_last()
        filled = last[series] >= first[series]
        return max((moments - last[series])[filled].tolist(), default=0)

    def _check_ahead(self, read: ReadLog, length: int, every: str | None) -> None:
        """Refuse forecasts too far ahead, or at too many times, before they are made."""
        horizons = self._limits.horizons
        longest = int(horizons * read.model.fitted_.schema.lengths.horizon_ns)
        if length > longest:
            raise BodyError(
                f"horizon: expected at most {format_duration(longest)}, got "
                f"{format_duration(length)}: {horizons:g} times that of the training are answered."
            )
        if every is not None:
            steps = math.ceil(length / self._duration(read, every))
            self._check_times(steps * len(read.log))

    def _check_times(self, count: int) -> None:
        if count > self._limits.times:
            raise BodyError(
                f"times: expected at most {self._limits.times:,}, got {count:,}. Ask for a longer "
                "step, or about fewer series at once."
            )


def _rendered(result: xr.Dataset, question: Question) -> Answer:
    """As the command line writes it."""
    text = question.asked.get("quantiles")
    levels = results.DEFAULT_QUANTILES if text is None else [float(p) for p in text.split(",")]
    form = "csv" if question.wanted == "text/csv" else "json"
    return Answer(results.render(result, form, quantiles=levels), question.wanted)


def _json(found: Mapping[str, Any]) -> Answer:
    text = json.dumps(found, allow_nan=False, ensure_ascii=False)
    return Answer(text.encode("utf-8", "replace"), "application/json")
