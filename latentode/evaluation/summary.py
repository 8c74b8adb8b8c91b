"""The numbers of an evaluation in words and as a table.

The sentences say what a reader of the table may overlook: where the model loses to a naive
baseline, where its intervals are too narrow, where numbers are missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from latentode.evaluation import scores

_COVERAGE_MARGIN = 0.05  # a share as near to the level is not called wrong
_DRAWS_FOR_LEVEL = 19  # with fewer, the whole range of the draws covers less than 90 %
_MAX_CHANNEL_SENTENCES = 20  # of a wide log; the others are counted


def describe(
    overall: Mapping[str, Any],
    channels: Mapping[str, Mapping[str, Any]],
    *,
    units: Mapping[str, str],
    missing: float,
    num_draws: int,
) -> list[str]:
    """Say in sentences what the numbers mean.

    Args:
        overall: "model" and "baselines" over all channels, in training standard deviations.
        channels: The same for each channel, in its own unit.
        units: Unit of each channel where it is known.
        missing: Share of the readings for which the model returned numbers that are not finite.
        num_draws: Smallest number of draws of a prediction.

    Returns:
        Sentences: missing numbers, the overall verdict, each channel on which the model loses (the
        worst first), intervals that are too narrow or too wide.
    """
    absent = (
        f"The model returned numbers that are not finite for {missing:.2%} of the readings; "
        "the scores they enter are missing."
    )
    return [
        *([absent] if missing else []),
        *_overall_sentences(overall, len(channels)),
        *_channel_sentences(channels, units),
        *_coverage_sentence(overall["model"][scores.COVERAGE.key], num_draws),
    ]


def table(result: Mapping[str, Any]) -> list[list[str]]:
    """Overall numbers of an evaluation as rows of text.

    Args:
        result: What `evaluate_task` returned.

    Returns:
        A header, the model and each baseline: name and scores; "-" where there is no number. Errors
        are in units of the training standard deviation.
    """
    overall = result["overall"]
    rows = {"model": overall["model"], **overall["baselines"]}
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
        paths: What `latentode.evaluation.path_scores.summarize` returned.

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
        verdict = "beats" if model < naive else "loses to" if model > naive else "only equals"
        sentences.append(
            f"Over {_count(num_channels, 'channel')} the model {verdict} the best baseline "
            f"({best}) by {score.heading} {score.text(model)} against {score.text(naive)} "
            f"{score.scaling.unit}."
        )
    return sentences


def _channel_sentences(
    channels: Mapping[str, Mapping[str, Any]], units: Mapping[str, str]
) -> list[str]:
    lost, score = [], scores.MAE
    for name, entry in channels.items():
        best = best_baseline(entry["baselines"], score)
        model, naive = entry["model"][score.key], entry["baselines"][best][score.key]
        if model > naive:
            unit = f" {units[name]}" if units.get(name) else ""
            text = (
                f"The model loses to the {best} baseline on channel {name} by {score.heading} "
                f"{score.text(model)} against {score.text(naive)}{unit}."
            )
            lost.append((naive / model, text))
    lost.sort()  # the worst first
    sentences = [text for _, text in lost[:_MAX_CHANNEL_SENTENCES]]
    if len(lost) > len(sentences):
        more = _count(len(lost) - len(sentences), "more channel")
        sentences.append(f"It also loses on {more}.")
    return sentences


def _coverage_sentence(share: float, num_draws: int) -> list[str]:
    if num_draws < _DRAWS_FOR_LEVEL:
        return [
            f"With {_count(num_draws, 'draw')} a {scores.INTERVAL} cannot be judged; "
            f"{_DRAWS_FOR_LEVEL} or more are needed."
        ]
    if not abs(share - scores.LEVEL) > _COVERAGE_MARGIN:
        return []
    wrong = "narrow" if share < scores.LEVEL else "wide"
    covered = scores.COVERAGE.text(share)
    return [f"The {scores.INTERVAL}s cover {covered} of the readings: they are too {wrong}."]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
