"""A batch is solved once, whatever is asked of it: readings, events, labels, scores."""

import numpy as np
import pandas as pd
import pytest
from solve_counts import counted

from latentode import LatentODE, LatentODEConfig
from latentode.training.step import GradientStep
from latentode.training.validation import WindowValidator

CONFIG = LatentODEConfig().updated(
    **{
        "data.time.unit": "s",
        "model.latent_dim": 3,
        "model.hidden_dim": 8,
        "windows.context": "8s",
        "windows.horizon": "2s",
        "windows.split": "series",
        "windows.train_fraction": 0.6,
        "windows.validation_fraction": 0.2,
        "solver.step_size": 0.25,
        "train.max_epochs": 1,
        "train.steps_per_epoch": 2,
        "train.batch_size": 8,
    }
)
REFINED = {"model.memory": False, "model.knots": 0, "model.refine": 4}
COLUMNS = {"id_column": "node", "time_column": "t"}


def beside(kind, count=40):
    """A log of short series, events of two marks, and labels of series or of times."""
    rng = np.random.default_rng(5)
    series = np.repeat([f"n{number}" for number in range(count)], 12)
    level = np.repeat(np.arange(count) % 2, 12)
    times = np.sort(rng.uniform(0, 10, (count, 12)).round(3), axis=1).ravel()
    log = pd.DataFrame({"node": series, "t": times, "x": level + rng.normal(0, 0.3, len(level))})
    marks = rng.choice(["hot", "loud"], len(level))
    at = rng.uniform(times.reshape(count, 12).min(1), times.reshape(count, 12).max(1), (5, count))
    events = pd.DataFrame({"node": log["node"][::12].tolist() * 5, "t": at.ravel().round(3)})
    events["mark"] = marks[: len(events)]
    words = np.where(level, "high", "low")
    if kind == "series":
        return log, events, dict(zip(series, words, strict=True))
    labels = events[["node", "t"]].assign(label=words[np.arange(len(events)) % count * 12])
    return log, events, labels


class Calls:
    """Counts the solves of every call of a method, apart from all others."""

    def __init__(self, monkeypatch, kind):
        self.made = []
        call = kind.__call__

        def wrapped(this, *arguments, **options):
            with counted(monkeypatch) as solves:
                answer = call(this, *arguments, **options)
            self.made.append((this, solves))
            return answer

        monkeypatch.setattr(kind, "__call__", wrapped)


KINDS = [("series", {}), ("times", {}), ("series", REFINED), ("times", REFINED)]
NAMES = ["series", "times", "series-refined", "times-refined"]


@pytest.fixture(scope="module", params=KINDS, ids=NAMES)
def fitting(request):
    """A model of readings, events and labels, and what its training and validation solved."""
    kind, values = request.param
    log, events, labels = beside(kind)
    with pytest.MonkeyPatch.context() as monkeypatch:
        steps, validations = (Calls(monkeypatch, c) for c in (GradientStep, WindowValidator))
        model = LatentODE(random_state=0, config=CONFIG.updated(**values))
        model.fit(log, events=events, labels=labels, **COLUMNS)
    assert {"event_gain", "label_loss"} <= model.fitted_.history[0].keys()
    return model, log, steps.made, validations.made


def test_a_gradient_step_solves_its_batch_once(fitting):
    steps = fitting[2]
    assert len(steps) == 2
    for _, solves in steps:
        solves.assert_once(1)
        assert solves.of_searches == 0


def test_validation_solves_a_batch_once_for_readings_events_and_labels(fitting, monkeypatch):
    model, _, _, ((validator, solves),) = fitting
    solves.assert_once(len(validator.batches))
    assert solves.of_searches == 0  # it goes by the encoder's own posterior
    # a path is as many calls of the solver as it is alone
    network = model.fitted_.model
    for batch, pieces in zip(solves.batches, solves.pieces, strict=True):
        with counted(monkeypatch) as alone:
            network.trajectory(network.posterior(batch).centre[None], batch)
        assert alone.pieces == [pieces]


ANSWERS = {
    "predict": lambda model, log: model.predict(log, log[["node", "t"]].iloc[::3], num_draws=2),
    "classify": lambda model, log: model.classify(log, num_draws=2),
    "intensity": lambda model, log: model.events.intensity(log, every="1s", num_draws=2),
    "next_event": lambda model, log: model.events.next_event(log, horizon="1s", num_draws=2),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_solves_its_batch_once_from_the_posterior_that_is_set(fitting, monkeypatch, name):
    model, log, *_ = fitting
    with counted(monkeypatch) as solves:
        ANSWERS[name](model, log)
    solves.assert_once(1)
    assert (solves.of_searches > 0) is (model.config_.model.refine > 0)


def test_evaluation_solves_forecasts_interpolations_events_and_labels_once_each(
    fitting, monkeypatch
):
    model, log, *_ = fitting
    with counted(monkeypatch) as solves:
        scores = model.evaluate(log, max_windows=6, num_draws=2)
    assert {"forecast", "interpolation", "events", "labels"} <= scores.keys()
    solves.assert_once(4)
