"""A model card as a page in Markdown; names of a log are text there, whatever they look like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from latentode.config.durations import exact_duration, format_duration

#: Below this line stands what belongs to the user of a model; it is kept when a card is rewritten.
LICENCE = "<!-- yours: what stands below this line is kept -->"
_NO_LICENCE = "Licence: not stated. Write here who may use this model, and what else to know of it."
_SPECIAL = re.compile(r"([\\`*\[\]<>|&~$])")
# a heading, a rule, or an item of a list
_AT_START = re.compile(r"^(#{1,6}|[+-]|\d{1,9}[.)]|-{2,}|={2,})(?=\s|$)")
_EDGE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")  # within a word it is no emphasis
_SHOWN_BASELINES = ("crps", "mae", "rmse", "coverage_90")
_HEADINGS = {"crps": "CRPS", "mae": "MAE", "rmse": "RMSE", "coverage_90": "in 90 % bands"}


def markdown(records: Mapping[str, Any], words: str = "") -> str:
    """The page of a card.

    Args:
        records: The card.
        words: What its user wrote into it before; see `kept_words`.
    """
    sections = (
        _head, _data, _channels, _left_out, _training, _scores, _calibration, _limits, _provenance,
        _loading,
    )  # fmt: skip
    lines = [line for section in sections for line in section(records)]
    return "\n".join([*lines, "## Licence and notes", "", LICENCE, "", words or _NO_LICENCE, ""])


def kept_words(page: str) -> str:
    """What the user of a card wrote below `LICENCE`; "" where it is as it was made."""
    words = page.partition(LICENCE)[2].strip()
    return "" if words == _NO_LICENCE else words


def escaped(text: object) -> str:
    """A text as Markdown that shows it as it is, on one line.

    Args:
        text: Anything; control characters, which could turn the text around, are written as codes.
    """
    shown = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in " ".join(str(text).split())
    )
    shown = _EDGE.sub(r"\\_", _SPECIAL.sub(r"\\\1", shown))
    return _AT_START.sub(lambda found: _turned(found[1]), shown)


def _turned(mark: str) -> str:
    """The beginning of a line that would make a heading, a rule or a list of it."""
    return f"{mark[:-1]}\\{mark[-1]}" if mark[0].isdigit() else f"\\{mark}"


def table(rows: Sequence[Sequence[object]]) -> list[str]:
    """Rows as a table, the first of them its heading.

    Args:
        rows: Cells; None is empty.
    """
    heading, *others = [["" if cell is None else escaped(cell) for cell in row] for row in rows]
    lines = [heading, ["---"] * len(heading), *others]
    return [f"| {' | '.join(line)} |" for line in lines]


def _head(records: Mapping[str, Any]) -> Iterator[str]:
    model, windows = records["model"], records["windows"]
    history, horizon = windows["history_ns"], windows["horizon_ns"]
    yield from ("# Model card", "")
    yield (
        f"{model['kind']}, {model['parameters']:,} parameters: {model['encoder']} encoder, latent "
        f"dimension {model['latent_dim']}, {model['dynamics']} dynamics, {model['likelihood']} "
        "likelihood."
    )
    yield ""
    yield (
        f"It forecasts {format_duration(horizon)} ahead from {format_duration(history)} of history "
        f"({escaped(windows['reason'])}), and fills in between readings, at any times."
    )
    yield ""


def _data(records: Mapping[str, Any]) -> Iterator[str]:
    data = records["data"]
    clock = data["clock"]
    yield from ("## Data", "")
    names = [channel["name"] for channel in data["channels"]]
    if data["source"] is not None:
        yield f"- Log: {escaped(data['source'])}"
    yield f"- Channels: {', '.join(map(escaped, names))}"
    zone = "elapsed" if clock["kind"] == "elapsed" else f"calendar, zone {clock['zone'] or 'none'}"
    span = f"{data['first']} to {data['last']}" if data["last"] else f"from {data['first']} on"
    yield f"- Time: {escaped(zone)}; {escaped(span)}"
    if data["median_step_ns"] is not None:
        yield f"- Cadence: a row every {format_duration(data['median_step_ns'])} (median)"
    counts = [
        f"{data[name]:,} {words}"
        for name, words in (("readings", "readings"), ("rows", "times"))
        if data[name] is not None
    ]
    series = "parts, none remembered" if data["series"] is None else f"{data['series']:,} series"
    yield f"- Training log: {', '.join([series, *counts])}"
    for name, title in (
        ("planned_inputs", "Planned inputs"), ("static_covariates", "Static covariates"),
    ):  # fmt: skip
        if data[name]:
            yield f"- {title}: {', '.join(map(escaped, data[name]))}"
    yield from (f"- {escaped(line)}" for line in data["beside"])
    yield f"- Split: {escaped(data['split'])}"
    yield ""
    parts = [part for part in data["parts"] if part["first"] or part["series"]]
    if parts:
        rows = [[part["part"], part["first"], part["last"], part["series"]] for part in parts]
        yield from table([["part", "from", "up to", "series"], *rows])
        yield ""


def _channels(records: Mapping[str, Any]) -> Iterator[str]:
    yield from ("### Channels", "")
    heading = ["channel", "unit", "kind", "training readings", "read from", "to", "bounds", "why"]
    rows: list[list[object]] = [[*heading]]
    for each in records["data"]["channels"]:
        kind = "counter (its rate is modelled)" if each["counter"] else each["kind"]
        bounds = (each["lower"], each["upper"])
        any_bound = bounds != (None, None)
        rows.append(
            [
                each["name"],
                each["unit"],
                "none: too few readings" if not each["known"] else kind,
                _whole(each["training_readings"]),
                _number(each["least"]),
                _number(each["greatest"]),
                " to ".join(_number(b) or "any" for b in bounds) if any_bound else None,
                each["why"],
            ]
        )
    yield from table(rows)
    yield ""


def _left_out(records: Mapping[str, Any]) -> Iterator[str]:
    data = records["data"]
    if data["left_out"] or data["decisions"]:
        yield from ("### What was left out, and what was decided", "")
        for each in data["left_out"] or ():
            number = "" if each["number"] is None else f"{each['number']:,} "
            why = f": {each['why']}" if each["why"] else ""
            yield f"- {escaped(number + each['what'] + why)}"
        yield from (f"- {escaped(line)}" for line in data["decisions"] or ())
        yield ""
    yield from ("### Settings other than the defaults", "")
    settings = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in records["settings"].items()
    }
    yield from table([["setting", "value"], *map(list, settings.items())])
    yield ""


def _training(records: Mapping[str, Any]) -> Iterator[str]:
    training, model = records["training"], records["model"]
    validated = records["scores"]["validation"]
    yield from ("## Training", "")
    best = f"; the best is {training['best_epoch']}" if training["best_epoch"] is not None else ""
    crps, label_loss = (validated.get(name) for name in ("validation_crps", "label_loss"))
    judged = "" if crps is None else f", with a validation CRPS of {crps:.4g} (scaled)"
    if label_loss is not None:
        judged += f", label loss {label_loss:.4g} nats"
    yield f"- Epochs: {training['epochs']}, {training['steps']:,} steps{best}{judged}"
    yield f"- Solver: {model['solver']}, step {model['solver_step']:.3g} model time"
    yield f"- Seed {training['seed']}, device {escaped(training['device'])}" + (
        "" if training["threads"] is None else f", threads: {training['threads']}"
    )
    if training["seconds"] is not None:
        yield f"- Time: {format_duration(1e9 * training['seconds'])}"
    yield from (f"- {escaped(line[0].upper() + line[1:])}" for line in training["later"])
    yield ""


def _scores(records: Mapping[str, Any]) -> Iterator[str]:
    scores, validated = records["scores"]["evaluation"], records["scores"]["validation"]
    yield from ("## Scores", "")
    words = {
        "forecast_crps": "CRPS of forecasts", "interpolation_crps": "CRPS of interpolations",
        "coverage_90": "readings in 90 % bands before calibration",
    }  # fmt: skip
    told = [
        f"{words[name]} {value:.4g}" for name, value in validated.items()
        if name in words and value is not None
    ]  # fmt: skip
    if told:
        yield f"Validation part (scaled: 1 is a channel's standard deviation): {', '.join(told)}."
        yield ""
    if scores is None:
        yield from ("Not scored beside naive forecasts yet: `latentode evaluate RUN`.", "")
        return
    part = {"test": "the test part", "all": "all"}.get(str(scores["split"]), "a part")
    earlier = ", before the model learned more" if scores["of_earlier_model"] else ""
    yield from (f"`evaluate` on {part} of {escaped(scores['log'] or 'its log')}{earlier}:", "")
    for task, result in scores["tasks"].items():
        rows = [("model", result["model"]), *result["baselines"].items()]
        heading = [task, *(_HEADINGS[name] for name in _SHOWN_BASELINES)]
        body = [[name, *(_number(row.get(k)) for k in _SHOWN_BASELINES)] for name, row in rows]
        yield from (*table([heading, *body]), "")
        yield f"- {result['windows']:,} windows, {result['readings']:,} readings scored."
        yield from (f"- {escaped(line)}" for line in result["sentences"])
        yield ""


def _calibration(records: Mapping[str, Any]) -> Iterator[str]:
    found = records["calibration"]
    yield from ("## Calibration", "")
    yield f"- Calibration: {escaped(found['line'])}"
    yield f"- Paths: {escaped(found['paths'])}"
    yield ""


def _limits(records: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Limits", "")
    yield from (f"- {_with_code(line)}" for line in records["limits"])
    yield ""


def _with_code(line: str) -> str:
    """A sentence of `limits`, whose command is shown as such."""
    command = "`latentode evaluate RUN`"
    return command.join(map(escaped, line.split(command)))


def _provenance(records: Mapping[str, Any]) -> Iterator[str]:
    found = records["provenance"]
    if found is None:
        return
    yield from ("## Provenance", "")
    yield f"- Trained: {escaped(found['started'])} to {escaped(found['ended'] or 'now')}"
    yield f"- Versions: {escaped(', '.join(f'{k} {v}' for k, v in found['versions'].items()))}"
    if records["data"]["sha256"]:
        yield f"- Log: sha256 {escaped(records['data']['sha256'])}"
    yield from (f"- Updated: up to {escaped(each['until'])}" for each in found["updates"])
    yield ""


def _loading(records: Mapping[str, Any]) -> Iterator[str]:
    horizon = exact_duration(records["windows"]["horizon_ns"])
    yield from ("## How to load it", "")
    yield "FOLDER is the one that this page lies in, or the run folder around it."
    yield from ("", "```python", "from latentode import LatentODE", "")
    yield 'model = LatentODE.load("FOLDER")'
    yield from ("forecast = model.forecast()  # from its newest readings, or from a log", "```")
    yield from ("", "```", f"latentode forecast FOLDER --horizon {horizon}", "```", "")


def _whole(number: int | None) -> str | None:
    return None if number is None else f"{number:,}"


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.4g}"
