"""Scores of LOGS in parts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from latentode.cli.runs.part_runs import PartRun, do_parts, model_of
from latentode.cli.runs.request import Request
from latentode.cli.session import jsonable
from latentode.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from latentode.scale import Parts

SCORES = "metrics.json"


def evaluate_parts(
    request: Request, how: PartRun, parts: Parts, *, split: str, samples: int, rolling: int
) -> tuple[Path, Mapping[str, Any] | None]:
    """Score a model on a log in parts, and merge the scores once all parts are there.

    Args:
        request: What is asked.
        how: How the parts are done.
        parts: The parts.
        split: "test" or "all".
        samples: Sample paths of each forecast.
        rolling: Forecast start points of all parts together, about.

    Returns:
        Folder of the results, and the scores; None while other shards are not done.
    """
    from latentode.scale import Shard
    from latentode.scale.evaluation import PartEvaluation, scores_of, windows_of_part
    from latentode.scale.output_folder import OutputFolder
    from latentode.scale.predictions import check_channels

    out = how.check(request, allowed=("split", "samples", "rolling"))
    model = model_of(request)
    loaded = model.loaded()
    check_channels(loaded, parts, allow_missing=request.allow_missing)
    _say_left_out(request, loaded)
    function = PartEvaluation(
        model=model,
        split=split,
        max_windows=windows_of_part(rolling, len(parts)),
        num_draws=samples,
        allow_missing=request.allow_missing,
    )
    results = do_parts(request, how, parts, out, function, function.request(), suffix=".json")
    stems = [path.stem for path in parts.paths]
    standing = OutputFolder(results.out, Shard()).standing(stems)
    missing = len(stems) - len(standing)
    if missing:
        request.session.note(
            f"{missing:,} of {len(parts):,} parts are left to other shards; the last of them "
            f"merges the scores into {SCORES}"
        )
        return results.out, None
    scores = scores_of([results.out / f"{stem}.json" for stem in stems], loaded.fitted_.schema)
    text = json.dumps(jsonable(scores), indent=2, allow_nan=False) + "\n"
    atomic_write(out / SCORES, text.encode())
    return results.out, scores


def _say_left_out(request: Request, loaded: Any) -> None:
    log = getattr(loaded.fitted_, "log", None)
    others = [name for name in ("events", "labels") if getattr(log, name, None) is not None]
    if others:
        request.session.note(
            f"{' and '.join(others)} of the model: not scored on LOGS in parts, which hold readings"
        )
