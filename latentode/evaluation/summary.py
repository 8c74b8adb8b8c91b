"""The numbers of an evaluation in words and as a table.

The sentences say what a reader of the table may overlook: where the model loses to a naive
baseline, where its intervals are too narrow, where numbers are missing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from latentode.evaluation import scores

YOURS = "yours"  # the row of a user's own forecasts
_COVERAGE_MARGIN = 0.05  # a share as near to the level is not called wrong
_DRAWS_FOR_LEVEL = 19  # with fewer, the whole range of the draws covers less than 90 %
_SHOWN = 50  # readings of a lead time without which nothing is said of it
_MAX_NAMES = 5  # of channels in one sentence
_MAX_CHANNEL_SENTENCES = 20  # of a wide log; the others are counted


def describe(
    result: Mapping[str, Any], *, missing: float, num_draws: int, bare: Sequence[str]
) -> list[str]:
    """Say in sentences what the numbers mean.

    Args:
        result: What `evaluate_task` returns: "overall", "channels" and perhaps "lead_times".
        missing: Share of the readings for which the model returned numbers that are not finite.
        num_draws: Smallest number of draws of a prediction.
        bare: Channels on which naive forecasts have no bands.

    Returns:
        Sentences: missing numbers and bands, the overall verdict, the lead times and each channel
        at which the model loses (the worst first), intervals that are too narrow or too wide.
    """
    absent = (
        f"The model returned numbers that are not finite for {missing:.2%} of the readings; "
        "the scores they enter are missing."
    )
    overall, channels = result["overall"], result["channels"]
    return [
        *([absent] if missing else []),
        *_sentence_on_bands(bare, len(channels)),
        *_overall_sentences(overall, len(channels)),
        *_sentences_on_yours(overall),
        *_lead_sentence(result.get("lead_times", {})),
        *_channel_sentences(channels),
        *_coverage_sentence(overall["model"][scores.COVERAGE.key], num_draws),
    ]


def table(result: Mapping[str, Any]) -> list[list[str]]:
    """Overall numbers of an evaluation as rows of text.

    Args:
        result: What `evaluate_task` returned.

    Returns:
        A header, the model, the user's own row where there is one, and each baseline: name and
        scores; "-" where there is no number. Errors are in units of the training standard
        deviation.
    """
    overall = result["overall"]
    own = {row: overall[row] for row in ("model", YOURS) if row in overall}
    rows = {**own, **overall["baselines"]}
    header = ["", *(score.heading for score in scores.SCORES)]
    return [header] + [
        [name, *(score.text(numbers.get(score.key)) for score in scores.SCORES)]
        for name, numbers in rows.items()
    ]


def path_table(result: Mapping[str, Any]) -> list[list[str]]:
    """Scores of whole paths as rows of text, beside those of shuffled draws.

    Args:
        result: What `evaluate_task` returned.

    Returns:
        A header, the coverage of each functional, the energy and the variogram score in units of
        the training standard deviation; "-" where there is no number.
    """
    columns = [result["paths"][name] for name in ("model", "shuffled")]
    shares = [column[scores.COVERAGE.key] for column in columns]
    covered = [
        [f"{scores.COVERAGE.heading} of {name}", *(scores.COVERAGE.text(s[name]) for s in shares)]
        for name in shares[0]
    ]
    proper = [
        [f"{name} score", *(scores.CRPS.text(column[name]) for column in columns)]
        for name in ("energy", "variogram")
    ]
    return [["paths", "model", "shuffled"], *covered, *proper]


def path_sentences(paths: Mapping[str, Any]) -> list[str]:
    """Say of which functionals of whole paths the intervals cover too few or too many.

    Args:
        paths: What `latentode.evaluation.path_tally.PathTally` returned.

    Returns:
        One sentence, or none where all are as near to the level as their number lets one tell.
    """
    if not paths:
        return []
    shares = paths["model"][scores.COVERAGE.key]
    margin = _COVERAGE_MARGIN + 2 * math.sqrt(
        scores.LEVEL * (1 - scores.LEVEL) / paths["num_paths"]
    )
    wrong = [
        f"{name} {scores.COVERAGE.text(share)}"
        for name, share in shares.items()
        if abs(share - scores.LEVEL) > margin
    ]
    if not wrong:
        return []
    return [f"Of whole paths the {scores.INTERVAL}s cover too few or too many: {', '.join(wrong)}."]


def best_baseline(naive: Mapping[str, Mapping[str, float]], score: scores.Score) -> str:
    """Name of the naive baseline that is least by a score; the first of several.

    Args:
        naive: Numbers of each baseline by name.
        score: MAE or CRPS.

    Returns:
        Its name.
    """
    error = {name: numbers[score.key] for name, numbers in naive.items()}
    return min(error, key=lambda name: (math.isnan(error[name]), error[name]))


def _overall_sentences(overall: Mapping[str, Any], num_channels: int) -> list[str]:
    sentences = []
    for score in (scores.MAE, scores.CRPS):
        best = best_baseline(overall["baselines"], score)
        model, naive = overall["model"][score.key], overall["baselines"][best][score.key]
        if not math.isfinite(model):
            continue
        sentences.append(
            f"Over {_count(num_channels, 'channel')} the model {_verdict(model, naive)} the best "
            f"baseline ({best}) by {score.explained} {score.text(model)} against "
            f"{score.text(naive)} {score.scaling.unit}."
        )
    return sentences


def _sentence_on_bands(bare: Sequence[str], num_channels: int) -> list[str]:
    if not bare:
        return []
    shown = ", ".join(bare[:_MAX_NAMES]) + (", ..." if len(bare) > _MAX_NAMES else "")
    where = "" if len(bare) == num_channels else f" on {shown}"
    return [
        f"The naive forecasts have no bands{where}, as no training part of this log shows their "
        "errors: their CRPS is their MAE, which flatters the model."
    ]


def _verdict(one: float, other: float) -> str:
    return "beats" if one < other else "loses to" if one > other else "only equals"


def _sentences_on_yours(overall: Mapping[str, Any]) -> list[str]:
    """The model beside the user's own forecasts, where there are some."""
    if YOURS not in overall:
        return []
    return [
        f"The model {_verdict(model, yours)} your forecasts by {score.heading} "
        f"{score.text(model)} against {score.text(yours)} {score.scaling.unit}."
        for score in (scores.MAE, scores.RMSE, scores.CRPS)
        for model, yours in [(overall["model"][score.key], overall[YOURS][score.key])]
        if math.isfinite(model)
    ]


def _losses(
    entries: Mapping[str, Mapping[str, Any]], score: scores.Score
) -> Iterator[tuple[str, str, float, float]]:
    """Name, best baseline, its number and the model's, of entries in which the model loses."""
    for name, entry in entries.items():
        best = best_baseline(entry["baselines"], score)
        model, naive = entry["model"][score.key], entry["baselines"][best][score.key]
        if model > naive:
            yield name, best, naive, model


def _lead_sentence(lead_times: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Where the model loses by CRPS, and how far ahead."""
    score = scores.CRPS
    enough = {s: part for s, part in lead_times.items() if part["num_targets"] >= _SHOWN}
    lost = [
        f"{stretch} ({score.text(model)} against {score.text(naive)} of {best})"
        for stretch, best, naive, model in _losses(enough, score)
    ]
    if not lost:
        return []
    return [f"By {score.heading} the model loses at lead times {', '.join(lost)}."]


def _channel_sentences(channels: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lost = []
    for score in (scores.MAE, scores.CRPS):
        for name, best, naive, model in _losses(channels, score):
            unit = f" {channels[name]['unit']}" if channels[name]["unit"] else ""
            text = (
                f"The model loses to the {best} baseline on channel {name} by {score.heading} "
                f"{score.text(model)} against {score.text(naive)}{unit}."
            )
            lost.append((naive / model, name, text))
    lost.sort()  # the worst first
    shown, rest = lost[:_MAX_CHANNEL_SENTENCES], lost[_MAX_CHANNEL_SENTENCES:]
    sentences = [text for _, _, text in shown]
    more = {name for _, name, _ in rest} - {name for _, name, _ in shown}
    if more:
        sentences.append(f"It also loses on {_count(len(more), 'more channel')}.")
    return sentences


def _coverage_sentence(share: float, num_draws: int) -> list[str]:
    if num_draws < _DRAWS_FOR_LEVEL:
        return [
            f"With {_count(num_draws, 'sample path')} a {scores.INTERVAL} cannot be judged; "
            f"{_DRAWS_FOR_LEVEL} or more are needed."
        ]
    if not abs(share - scores.LEVEL) > _COVERAGE_MARGIN:
        return []
    wrong = "narrow" if share < scores.LEVEL else "wide"
    covered = scores.COVERAGE.text(share)
    return [f"The {scores.INTERVAL}s cover {covered} of the readings: they are too {wrong}."]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
