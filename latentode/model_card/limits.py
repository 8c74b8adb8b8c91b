"""What a model is not good for, as far as its card tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from latentode.config.durations import NS_PER_UNIT, format_duration
from latentode.data.reading.second_look.log_rows import long_duration

_WEEK_NS = 7 * NS_PER_UNIT["d"]
_YEAR_NS = 365 * NS_PER_UNIT["d"]
_AMISS = 0.05  # of coverage: a 90 % band that is off by more is said
_SHOWN = 8  # names in a sentence


def limits(records: Mapping[str, Any]) -> list[str]:
    """Sentences about what a model has not learned, or was not judged by.

    Args:
        records: A card; see `latentode.models.fitted.card_facts`.
    """
    return [*_of_time(records), *_of_channels(records["data"]), *_of_judging(records)]


def _of_time(records: Mapping[str, Any]) -> Iterator[str]:
    data, windows = records["data"], records["windows"]
    horizon, history = (format_duration(windows[name]) for name in ("horizon_ns", "history_ns"))
    yield (
        f"Trained on forecasts up to {horizon} ahead, from {history} of history: forecasts beyond "
        f"{horizon} were neither trained nor scored."
    )
    span = data["span_ns"]
    if data["clock"]["kind"] == "calendar" and span is not None:
        repeats = [
            name for name, period in (("week", _WEEK_NS), ("year", _YEAR_NS)) if span < 2 * period
        ]
        if repeats:
            yield (
                f"The log spans {long_duration(span)}, less than two of a "
                f"{' or '.join(repeats)}: what repeats with it was not learned."
            )
    if data["split_kind"] == "time":
        yield "Series that training never saw were not scored."
    if data["planned_inputs"]:
        yield f"Needs planned inputs as far as it forecasts: {_named(data['planned_inputs'])}."


def _of_channels(data: Mapping[str, Any]) -> Iterator[str]:
    channels = data["channels"]
    yield (
        "Readings outside the range that training read of a channel (see the table) are levels "
        "that it has not seen; series unlike those of the log are, too."
    )
    unknown = [each["name"] for each in channels if not each["known"]]
    if unknown:
        yield f"Too few training readings, so that every answer is NaN: {_named(unknown)}."
    constant = [each["name"] for each in channels if each["constant"] and each["known"]]
    if constant:
        yield f"Constant in training, so that no change of it was learned: {_named(constant)}."


def _of_judging(records: Mapping[str, Any]) -> Iterator[str]:
    for band in records["calibration"]["bands"]:
        if not band["calibrated"]:
            yield (
                f"The validation part was too short to set the width of bands of {band['of']} by "
                f"({band['horizons']} horizons with readings)."
            )
    yield "Bands hold at each time; bands of whole paths take sample paths."
    judged = records["scores"]["evaluation"]
    if judged is None:
        yield "The test part has not been scored yet: `latentode evaluate RUN` does it."
        return
    if judged["of_earlier_model"]:
        yield "The scores are of the model before it learned more: evaluate it on later readings."
    for task, result in judged["tasks"].items():
        yield from _of_task(task, result)


def _of_task(task: str, result: Mapping[str, Any]) -> Iterator[str]:
    covered = result["model"].get("coverage_90")
    if covered is not None and abs(covered - 0.9) > _AMISS:
        too = "narrow" if covered < 0.9 else "wide"
        yield f"90 % bands of {task} covered {covered:.1%} when they were scored: too {too}."
    worse = [
        f"{name} ({best})"
        for name, channel in result["channels"].items()
        if (best := beaten_by(channel)) is not None
    ]
    if worse:
        yield f"No better than a naive forecast by CRPS, {task}: {_named(worse)}."


def beaten_by(scores: Mapping[str, Any]) -> str | None:
    """The naive forecast that is at least as good as the model by CRPS; None where none is.

    Args:
        scores: "model" and "baselines" of a task or a channel, as `evaluate` gives them.
    """
    own = scores["model"].get("crps")
    rows = {
        name: row["crps"]
        for name, row in scores["baselines"].items()
        if row.get("crps") is not None
    }
    if own is None or not rows:
        return None
    best = min(rows, key=rows.__getitem__)
    return best if rows[best] <= own else None


def _named(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
