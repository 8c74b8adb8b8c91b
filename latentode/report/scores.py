"""Scores as tables, sentences and charts, from what `evaluate` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from latentode.errors import CheckpointError
from latentode.evaluation import scores
from latentode.evaluation.event_summary import event_sentences
from latentode.evaluation.summary import best_baseline, path_table, table
from latentode.evaluation.tally import PIT_BINS
from latentode.evaluation.unit_tables import unit_tables
from latentode.model_card import SCORED
from latentode.report.figures import FEWEST_PATHS, FEWEST_READINGS

_TASKS = {"forecast": "Forecasts", "interpolation": "Interpolations"}
_TESTS = {"time_rescaling": "gaps", "uniformity": "times", "dispersion": "spread of counts"}


def score_records(
    found: Mapping[str, Any], compared: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tables and sentences of an evaluation, and of a comparison with forecasts made elsewhere.

    Args:
        found: As `evaluate` wrote ``metrics.json``.
        compared: As ``evaluate --against`` wrote ``comparison.json``; empty where it did not.

    Returns:
        Records by task, and charts by name.

    Raises:
        CheckpointError: If they are not as those commands write them.
    """
    given = {
        **found,
        **({"comparison": compared["comparison"]} if "comparison" in compared else {}),
    }
    records: dict[str, Any] = {}
    charts: dict[str, Any] = {}
    for name, result in given.items():
        if name == SCORED:
            continue
        try:
            if name == "labels":
                records[name] = dict(result)
            elif name == "events":
                records[name] = _of_events(result)
            else:
                records[name] = _of_readings(name, result)
                charts |= _pit_chart(name, result)
        except (LookupError, TypeError, ValueError, AttributeError):
            raise CheckpointError(
                f"scores of {name!r} of the run: expected what `evaluate` of this version writes, "
                "got something else. Run `evaluate` again."
            ) from None
    return records, charts


def _of_readings(name: str, result: Mapping[str, Any]) -> dict[str, Any]:
    overall, best, leads = result["overall"], None, _by_lead(result.get("lead_times", {}))
    paths = result.get("paths") or {}
    enough = paths.get("num_paths", 0) >= FEWEST_PATHS
    if overall["baselines"]:
        best = best_baseline(_known(overall["baselines"]), scores.CRPS)
    return {
        "title": _TASKS.get(name, "Beside forecasts of your own"),
        "num_windows": result["num_windows"],
        "num_targets": result["num_targets"],
        "sentences": list(result["sentences"]),
        "skill": result["skill"],
        "best": best,
        "coverage_90": overall["model"][scores.COVERAGE.key],
        "table": table(result),
        "same": _same(overall["baselines"]),
        "by_lead": [row for row in leads if row["num_targets"] >= FEWEST_READINGS],
        "leads_left_out": [r["lead"] for r in leads if r["num_targets"] < FEWEST_READINGS],
        "units": [{"title": title, "rows": rows} for title, rows in unit_tables(result)],
        "paths": path_table(result) if enough else [],
        "num_paths": paths.get("num_paths"),
    }


def _same(naive: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Rows whose numbers are those of a row above them."""
    seen: dict[str, Mapping[str, Any]] = {}
    found = []
    for name, numbers in naive.items():
        found += [{"name": name, "as": other} for other in seen if seen[other] == numbers][:1]
        seen[name] = numbers
    return found


def _known(naive: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Rows whose numbers are missing count as the worst."""
    key = scores.CRPS.key
    return {
        name: {key: float("nan") if numbers.get(key) is None else numbers[key]}
        for name, numbers in naive.items()
    }


def _by_lead(lead_times: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for lead, part in lead_times.items():
        best = best_baseline(_known(part["baselines"]), scores.CRPS)
        rows.append(
            {
                "lead": lead,
                "crps": part["model"][scores.CRPS.key],
                "best": best,
                "best_crps": part["baselines"][best][scores.CRPS.key],
                "coverage_90": part["model"][scores.COVERAGE.key],
                "width_90": part["model"][scores.WIDTH.key],
                "num_targets": part["num_targets"],
            }
        )
    return rows


def _pit_chart(name: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """Where readings fell in what was said of them: flat is right."""
    if not result["pit"] or result["num_targets"] < FEWEST_READINGS:
        return {}
    bins = len(result["pit"])
    middles = [(index + 0.5) / bins for index in range(bins)]
    answer = "interpolation" if name == "interpolation" else "forecast"
    flat = {"label": "right", "x": [0, 1], "y": [1 / PIT_BINS] * 2, "colour": "muted"}
    return {
        f"pit {name}": {
            "kind": "xy", "still": True, "height": 200,
            "label": f"Where readings fell in their {answer}",
            "x": {"kind": "number", "label": f"place in the {answer} (0 lowest, 1 highest)",
                  "from": 0, "to": 1},
            "y": {"label": "share of readings", "min": 0},
            "bars": [{"label": "readings", "x": middles, "y": list(result["pit"])}],
            "lines": [{**flat, "dashed": True}],
        }
    }  # fmt: skip


def _of_events(result: Mapping[str, Any]) -> dict[str, Any]:
    tests = [
        [group, *(each[test]["p_value"] for test in _TESTS)]
        for group, each in result["tests"].items()
    ]
    return {
        "events": result["events"],
        "nats_per_event": result["nats_per_event"],
        "gain_per_event": result["gain_per_event"],
        "unit": result["unit"],
        "sentences": list(result.get("sentences") or event_sentences(result)),
        "tests": tests,
        "test_names": list(_TESTS.values()),
    }
