"""One thing that a user waits for, in a process of its own: ``worker.py JOB``.

JOB is a JSON file: what is asked, of which log, with which settings. The answer goes to standard
output as JSON. Of the package, only names are used that earlier builds have too, as the process may
be given one of these.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch

_PERIOD_S = 0.002
_DRAWS = 200


def main(job_path: str) -> None:
    """Do a job and say what it took.

    Args:
        job_path: The JSON file.
    """
    from latentode import LatentODE, LatentODEConfig

    job = json.loads(Path(job_path).read_text("utf-8"))
    torch.set_num_threads(job["threads"])
    frame = pd.read_parquet(job["log"])
    if job["ask"] == "fit":
        config = LatentODEConfig().updated(**job["settings"])
        found = _fit(LatentODE(config=config, random_state=0), frame, job["model"])
    else:
        model, found = _timed(lambda: LatentODE.load(job["model"]))
        found = {"load_s": found["cpu_s"]} | _asked(model, frame, job)
    sys.stdout.write(json.dumps(found) + "\n")


def _fit(model: Any, frame: pd.DataFrame, folder: str) -> dict[str, Any]:
    """Fit and save; CPU seconds and validation CRPS at the end of each epoch come along."""
    began, epochs = time.process_time(), []

    def note(event: Mapping[str, Any]) -> None:
        if event.get("event") == "epoch":
            epochs.append((time.process_time() - began, event.get("validation_crps")))

    _, found = _timed(lambda: model.fit(frame, on_event=note))
    model.save(folder)
    return found | {"epochs": epochs}


def _asked(model: Any, frame: pd.DataFrame, job: Mapping[str, Any]) -> dict[str, Any]:
    asked: dict[str, Callable[[], Any]] = {
        "forecast": lambda: model.forecast(frame, num_draws=_DRAWS),
        "interpolate": lambda: model.interpolate(frame, num_draws=_DRAWS, **job["grid"]),
        "evaluate": lambda: model.evaluate(frame, max_windows=job["windows"]),
        "score": lambda: model.score(frame, num_draws=_DRAWS),
    }
    call = asked[job["ask"]]
    if job["profile"]:
        return {"parts": _sampled(call)}
    answer, found = _timed(call)
    if job["ask"] == "evaluate":
        found["scores"] = {task: answer[task]["overall"]["model"] for task in answer}
    return found


def _timed(call: Callable[[], Any]) -> tuple[Any, dict[str, Any]]:
    began = time.process_time()
    answer = call()
    return answer, {"cpu_s": time.process_time() - began}


def _sampled(call: Callable[[], Any]) -> dict[str, float]:
    """Share of the time that each part of the package takes, by looking every few milliseconds."""
    seen: Counter[str] = Counter()
    watched, ended = threading.get_ident(), threading.Event()

    def look() -> None:
        while not ended.wait(_PERIOD_S):
            seen[_part_of(sys._current_frames().get(watched))] += 1

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    call()
    ended.set()
    watcher.join()
    return {part: count / seen.total() for part, count in seen.most_common()}


def _part_of(frame: Any) -> str:
    """The innermost module of the package that a stack is in, without its file extension."""
    while frame is not None:
        _, inside, module = frame.f_code.co_filename.rpartition("/latentode/")
        if inside:
            return str(module.removesuffix(".py"))
        frame = frame.f_back
    return "elsewhere"


if __name__ == "__main__":
    main(sys.argv[1])
