"""Scores in the units of the channels, by channel and by lead time, as rows of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from latentode.evaluation import scores
from latentode.evaluation.summary import YOURS, best_baseline

_MOST_CHANNELS = 12  # of a wide log; the others are in the JSON
_ALL = "all lead times"

#: A title and rows of cells, the first of which is a header.
UnitTable = tuple[str, list[list[str]]]


def unit_tables(result: Mapping[str, Any]) -> list[UnitTable]:
    """Tables in original units: one for each channel by lead time, or one of all channels.

    Args:
        result: What `evaluate_task` returned.

    Returns:
        Titles and rows; the best naive row stands behind its number.
    """
    shown = dict(list(result["channels"].items())[:_MOST_CHANNELS])
    if "lead_times" in result:
        tables = [_of_channel(name, entry) for name, entry in shown.items()]
    else:
        rows = [[_titled(name, entry), *_cells(entry)] for name, entry in shown.items()]
        tables = [("in the units of the log", [["channel", *_header(shown)], *rows])]
    if len(shown) < len(result["channels"]):
        more = len(result["channels"]) - len(shown)
        tables.append((f"({more} more channels are in the JSON)", []))
    return tables


def _of_channel(name: str, entry: Mapping[str, Any]) -> UnitTable:
    parts = {**entry["lead_times"], _ALL: entry}
    title = f"{_titled(name, entry)} ({entry['num_targets']:,} readings scored)"
    rows = [[stretch, *_cells(part)] for stretch, part in parts.items()]
    return title, [["lead time", *_header({name: entry})], *rows]


def _titled(name: str, entry: Mapping[str, Any]) -> str:
    return f"{name} [{entry['unit']}]" if entry["unit"] else name


def _header(channels: Mapping[str, Any]) -> list[str]:
    has_yours = any(YOURS in entry for entry in channels.values())
    return [
        cell
        for score in (scores.MAE, scores.CRPS)
        for cell in (score.heading, *([YOURS] if has_yours else []), "best naive")
    ] + [scores.COVERAGE.heading, scores.WIDTH.heading]


def _cells(entry: Mapping[str, Any]) -> list[str]:
    model = entry["model"]
    compared = [cell for s in (scores.MAE, scores.CRPS) for cell in _compared(entry, s)]
    return compared + [score.text(model[score.key]) for score in (scores.COVERAGE, scores.WIDTH)]


def _compared(entry: Mapping[str, Any], score: scores.Score) -> Iterator[str]:
    """The model, the user's own row where there is one, and the best naive row by a score."""
    yield score.text(entry["model"][score.key])
    if YOURS in entry:
        yield score.text(entry[YOURS][score.key])
    naive = entry["baselines"]
    best = best_baseline(naive, score)
    yield f"{score.text(naive[best][score.key])} {best}"
