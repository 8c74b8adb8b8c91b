"""The page of a report: records as HTML of one file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latentode.config.durations import format_duration
from latentode.pages import document, render
from latentode.report.figures import FEWEST_PATHS, FEWEST_READINGS
from latentode.report.words import NONE, Moments, duration, number, percent, when, whole

_TEMPLATES = Path(__file__).parent / "templates"
_SECTIONS = (
    ("forecast", "Forecast", ("forecast",)),
    ("scores", "How good it is", ("scores", "look_back")),
    ("events", "Events and labels", ("events", "labels")),
    ("data", "The data as read", ("data", "split")),
    ("training", "Training", ("training",)),
    ("card", "Model card", ()),
    ("next", "What to type next", ()),
    ("run", "The run", ()),
)
_OF_READINGS = ("forecast", "comparison", "interpolation")  # scores that are no events or labels


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def page_of(records: Mapping[str, Any]) -> str:
    """A report as one HTML file.

    Args:
        records: As `latentode.report.Records.to_dict` gives them.
    """
    r: dict[str, Any] = {name: None for _, _, names in _SECTIONS for name in names}
    r |= {"model": None, "card": "", "cautions": [], **records}
    r["scored"] = {"at": "", "split": None, "log": None} | records.get("scored", {})
    title = _title(r)
    moments = Moments.of(r["data"])
    filters = {**_FILTERS, "when": moments.text}
    body = render(_TEMPLATES / "report.html", _values(r, title, moments), filters=filters)
    script = (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    return document(f"{title}: report", body, records=records, scripts=[script])


def _values(r: Mapping[str, Any], title: str, moments: Moments) -> dict[str, Any]:
    """What the templates are given."""
    of_readings = any(name in (r["scores"] or {}) for name in _OF_READINGS)
    shown = {**r, "scores": of_readings}
    return {
        "reading_scores": of_readings,
        "r": r,
        "title": title,
        "subtitle": _subtitle(r),
        "headline": _headline(r),
        "facts": _facts(r),
        "contents": [
            (anchor, heading)
            for anchor, heading, names in _SECTIONS
            if not names or any(shown[name] for name in names)
        ],
        "clock": _clock(r),
        "zone": moments.named,
        "fewest": {"readings": FEWEST_READINGS, "paths": FEWEST_PATHS},
        "split_line": _split_line(r["split"], moments),
        "look_back": _ranked(r["look_back"]),
        "pit_rows": lambda chart: _tenths(r["charts"][chart]["bars"][0]["y"]),
        "lead_rows": _lead_rows(r["look_back"]),
        "training_rows": _training_rows(r["training"]),
        "density_caption": _density_caption(r),
        "run_facts": _run_facts(r["run"]),
        "better": lambda one, other: one is not None and other is not None and one <= other,
        "kind_of": lambda channel: _kind(channel, r["model"] or {}),
    }


def _title(r: Mapping[str, Any]) -> str:
    log = r["run"].get("log") or r["run"].get("events") or {}
    path = log.get("path") if isinstance(log, Mapping) else None
    return Path(str(path)).name if path else str(r["run"]["name"])


def _subtitle(r: Mapping[str, Any]) -> str:
    run = r["run"]
    ended = str(run.get("ended") or run.get("started") or "")[:16].replace("T", " ")
    version = (run.get("versions") or {}).get("latentode", "")
    words = [f"Run {run['name']}", f"{run.get('status', 'unknown')} {ended} UTC".strip()]
    return ", ".join([*words, *([f"latentode {version}"] if version else [])])


def _headline(r: Mapping[str, Any]) -> str:
    task = (r["scores"] or {}).get("forecast")
    if not task:
        return " ".join(((r["scores"] or {}).get("events") or {}).get("sentences", [])[:1])
    skill, best = task["skill"].get("crps"), task["best"]
    if skill is None or best is None:
        return ""
    verdict = f"{abs(skill):.0%} {'better' if skill >= 0 else 'worse'} than"
    text = f"On readings it has not seen, its forecasts are {verdict} the best naive ones ({best}),"
    return f"{text} and {percent(task['coverage_90'])} of the readings fall into its 90 % bands."


def _facts(r: Mapping[str, Any]) -> list[dict[str, str]]:
    data, model, task = r["data"] or {}, r["model"] or {}, (r["scores"] or {}).get("forecast") or {}
    facts = []

    def add(name: str, value: str) -> None:
        facts.append({"name": name, "value": value})

    if "horizon_ns" in model:
        history = format_duration(model["context_ns"])
        add(f"forecast ahead, from {history} of history", format_duration(model["horizon_ns"]))
    if task:
        add(f"CRPS, scaled (best naive {_naive(task)})", number(task["table"][1][3]))
        add("in the 90 % band", percent(task["coverage_90"]))
    elif r["training"] and r["training"]["best_crps"] is not None:
        add("CRPS, validation part", number(r["training"]["best_crps"]))
    if data:
        add("series", whole(data["num_series"]))
        add("channels", f"{len(data['channels']):,}")
        add("readings", whole(data["num_readings"]))
    if r["events"]:
        add("events", whole(r["events"]["num_events"]))
    return facts


def _naive(task: Mapping[str, Any]) -> str:
    return next((row[3] for row in task["table"][1:] if row[0] == task["best"]), NONE)


def _clock(r: Mapping[str, Any]) -> str:
    clock = (r["data"] or {}).get("clock") or {}
    if clock.get("kind") == "elapsed":
        return f"counted from a zero of the log's own, in {clock.get('unit')}"
    zone = clock.get("zone")
    return f"dates in the zone {zone}" if zone else "local time, no time zone given"


def _split_line(split: Mapping[str, Any] | None, moments: Moments) -> str:
    """How a log was split; its moments are of UTC, where the log has a zone."""
    line, utc = str((split or {}).get("line", "")), "Z" if moments.zone else ""
    return _MOMENT.sub(lambda found: moments.text(found[0] + utc), line)


def _kind(channel: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    words = []
    if known := model.get("kinds", {}).get(channel.get("name")):
        words.append(known)
    elif channel.get("state"):
        words.append("0/1 state")
    if channel.get("counter"):
        words.append("perhaps a running total (--counters)")
    if channel.get("constant"):
        words.append("never changes")
    return ", ".join(words) or "measured"


def _ranked(look_back: Mapping[str, Any] | None) -> dict[str, Any]:
    """Panels with their place in the order, as the list of series says it."""
    if not look_back:
        return {}
    last = len(look_back["series"]) - 1
    series = []
    for index, each in enumerate(look_back["series"]):
        rank = "best" if index == 0 else "worst" if index == last else "middle"
        series.append({**each, "rank": f" ({rank})" if last else ""})
    return {**look_back, "series": series}


def _tenths(shares: list[float]) -> list[list[str]]:
    return [[f"{i / 10:g} to {(i + 1) / 10:g}", percent(v)] for i, v in enumerate(shares)]


def _lead_rows(look_back: Mapping[str, Any] | None) -> list[list[str]]:
    if not look_back or not look_back["by_lead"]:
        return []
    head = ["lead time", *(f"{i / 10:g} to {(i + 1) / 10:g}" for i in range(10))]
    return [head, *([row["lead"], *map(percent, row["shares"])] for row in look_back["by_lead"])]


def _training_rows(training: Mapping[str, Any] | None) -> list[list[str]]:
    if not training:
        return []
    names = [n for n in training["rows"][0] if any(row[n] is not None for row in training["rows"])]
    head = [name.replace("_", " ").replace("crps", "CRPS") for name in names]
    return [head, *([number(row[name]) for name in names] for row in training["rows"])]


def _density_caption(r: Mapping[str, Any]) -> str:
    one = (r["data"] or {}).get("num_series") == 1
    words = f"How many readings there are, of all {'channels' if one else 'series and channels'}."
    if spans := r["charts"].get("density", {}).get("spans"):
        words += f" Shaded from left to right: {', '.join(span['label'] for span in spans)}."
    return words


def _run_facts(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = []
    for name, value in run.items():
        if name == "versions":
            facts.append((name, ", ".join(f"{k} {v}" for k, v in value.items() if v is not None)))
        elif isinstance(value, Mapping):
            facts += [(f"{name} {key}", str(v)) for key, v in value.items() if v is not None]
        elif name == "updates":
            facts.append((name, str(len(value))))
        elif isinstance(value, list):
            facts.append((name, shlex.join(map(str, value))))
        else:
            facts.append((name, when(str(value))))
    return facts


_FILTERS = {
    "num": number,
    "percent": percent,
    "whole": whole,
    "duration": lambda seconds: NONE if seconds is None else duration(seconds),
    "capitalized": lambda text: text[:1].upper() + text[1:],
}
