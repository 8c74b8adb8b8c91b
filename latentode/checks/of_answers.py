"""Rules of what users see: forecasts, and the folder of a model."""

from __future__ import annotations

import copy
import tempfile
import warnings
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from latentode.checks.comparisons import finite, largest_difference, near, same
from latentode.checks.outcomes import Broken, Check, NotApplicable
from latentode.checks.subject import DRAWS, SECOND_NS, Subject, ahead, estimator_of, seeded
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.data.frames import to_frame
from latentode.data.schema import DataSchema
from latentode.errors import ConfigError, LatentODEWarning
from latentode.estimators.exported import ExportedLatentODE
from latentode.models.fitted.context import last_context
from latentode.models.fitted.latent_ode import FittedModel
from latentode.models.fitted.training_log import TrainingLog
from latentode.prediction.predictor import Predictor

_WEEKS = 2_800  # 53 years: whole weeks, as the hour and the weekday are known inputs
_HOUR_NS = 3_600 * SECOND_NS  # an hour
_ROUNDING = 1e-4  # sums of float32 in another order
_OF_A_GRAPH = 1e-3  # the same through the operators of ONNX, step after step


def _answers(subject: Subject) -> str:
    said = [finite(subject.usual, "forecast")]
    outputs = subject.outputs(subject.batch, subject.noise)
    said += [finite(part.double().numpy(), name) for name, part in outputs.items()]
    if not bool((outputs["scale"] > 0).all()):
        raise Broken(f"scale: expected above 0, got {float(outputs['scale'].min()):.3g}")
    return said[0]


def _seeds(subject: Subject) -> str:
    found = []
    for seed in (1, 2):
        with seeded(seed):
            before = torch.get_rng_state()
            found.append(ahead(estimator_of(subject.fitted), subject.log))
            moved = not torch.equal(before, torch.get_rng_state())
    if (found[0] != found[1]).any():
        size = largest_difference(*found)
        raise Broken(f"two forecasts of one seed differ by {size:.3g}: draw by the seed alone")
    if moved:
        raise Broken("a forecast drew from the generator of torch that all programs share")
    other = subject.config.updated(**{"train.seed": subject.config.train.seed + 1})
    again = ahead(estimator_of(replace(subject.fitted, config=other)), subject.log)
    if (again == found[0]).all():
        raise Broken("the forecasts of two seeds are the same")
    return f"{again.size} numbers equal"


def _time_shift(subject: Subject) -> str:
    shift, readings = _WEEKS * 7 * 24 * _HOUR_NS, subject.log.readings
    log = subject.log.with_readings(replace(readings, times=readings.times + shift))
    schema = DataSchema.fit(log, subject.config)
    kept = TrainingLog(last_context(log, schema))
    fitted = replace(subject.fitted, schema=schema, log=kept)
    answer = subject.forecast(log, fitted=fitted)
    return same(answer, subject.usual, f"forecast {_WEEKS // 52} years later")


def _time_unit(subject: Subject) -> str:
    frame, found = to_frame(subject.log), []
    nanoseconds = subject.log.readings.times
    for unit, size in (("s", SECOND_NS), ("ms", SECOND_NS // 1000)):
        config = subject.config.updated(**{"data.time.unit": unit})
        log = frame.assign(time=nanoseconds // size)
        found.append(subject.forecast(log, fitted=replace(subject.fitted, config=config)))
    return same(found[0], found[1], "forecasts of times in s and in ms")


def _row_order(subject: Subject) -> str:
    frame = to_frame(subject.log)
    shuffled = frame.iloc[np.random.default_rng(0).permutation(len(frame))]
    return same(subject.forecast(shuffled), subject.forecast(frame), "forecast of shuffled rows")


def _series_alone(subject: Subject) -> str:
    every = range(len(subject.log))
    alone = [subject.forecast(subject.log.select_series([index])) for index in every]
    found = np.concatenate(alone, axis=1)
    said = near(found, subject.usual, _ROUNDING, "between a series alone and among others")
    series, times = _queries(subject)
    expected = _draws(subject, subject.log, series, times)
    fewer = _draws(subject, subject.log, series[::2], times[::2])
    near(fewer, expected[::2], _ROUNDING, "between some times alone and among others")
    return said


def _queries(subject: Subject) -> tuple[Int64, Int64]:
    """Series and times of a few queries, within the readings and after them."""
    first, last = subject.log.readings.first_and_last()
    steps = np.linspace(0.1, 1.2, 6)
    spans = np.maximum(last - first, _HOUR_NS)
    times = first[:, None] + (spans[:, None] * steps).astype(np.int64)
    return np.repeat(np.arange(len(first)), len(steps)), times.reshape(-1)


def _draws(subject: Subject, log: TimeSeriesDataset, series: Int64, times: Int64) -> Float64:
    """Draws at queries, shape (query, draw, channel)."""
    with seeded():
        found = Predictor.of(subject.fitted, DRAWS).query(log, series, times)
    return np.moveaxis(found.draws, 0, 1)


def _query_order(subject: Subject) -> str:
    series, times = _queries(subject)
    order = np.random.default_rng(0).permutation(len(series))
    found = _draws(subject, subject.log, series[order], times[order])
    expected = _draws(subject, subject.log, series, times)
    return same(found, expected[order], "answers to shuffled queries")


def _duplicate_times(subject: Subject) -> str:
    series, times = (np.repeat(part, 2) for part in _queries(subject))
    found = _draws(subject, subject.log, series, times)
    return same(found[::2], found[1::2], "answers to a query that is asked twice")


def _save_and_load(subject: Subject) -> str:
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / each for each in ("first", "second")]
        subject.fitted.save(folders[0])
        with seeded():
            loaded = FittedModel.load(folders[0])
        loaded.save(folders[1])
        first, second = ((each / "model.safetensors").read_bytes() for each in folders)
    if first != second:
        raise Broken("the weights of a model that was loaded are saved as others")
    return same(subject.forecast(fitted=loaded), subject.usual, "forecast after loading")


def _deepcopy(subject: Subject) -> str:
    copied, model = copy.deepcopy(subject.fitted), subject.fitted.model
    said = same(subject.forecast(fitted=copied), subject.usual, "forecast of a copy")
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    try:
        with torch.no_grad():
            for parameter in copied.model.parameters():
                parameter.add_(1.0)
        same(subject.forecast(), subject.usual, "forecast after its copy was changed")
    finally:
        model.load_state_dict(weights)
    return said


def _missing_channel(subject: Subject) -> str:
    name, *others = subject.log.channels
    readings = subject.log.readings
    keep = readings.channel_index != readings.channels.index(name)
    silent = subject.log.with_readings(readings.select_readings(keep))
    absent = silent.with_readings(silent.readings.select_channels(others))
    with seeded(), warnings.catch_warnings():
        warnings.simplefilter("ignore", LatentODEWarning)  # which channel that is
        answer = ahead(estimator_of(subject.fitted), absent, allow_missing=True)
        expected = subject.forecast(silent)
    said = finite(answer, f"forecast without {name}")
    same(answer, expected, f"forecast without {name} and of {name} never read")
    return said


def _single_observation(subject: Subject) -> str:
    readings = subject.log.readings
    first, _ = readings.first_and_last()
    kept = readings.within(first - 1, np.where(np.arange(len(first)) == 0, first - 1, first))
    log = subject.log.with_readings(kept)
    series, times = _queries(subject)
    answer = _draws(subject, log, series, times)
    said = finite(answer, "answers of series with one reading, and with none")
    if not (answer.std(axis=1) > 0).all():
        raise Broken("all draws of a series with one reading, or with none, are the same")
    return said


def _threads(subject: Subject) -> str:
    before, found = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(subject.forecast())
    finally:
        torch.set_num_threads(before)
    return near(found[1], found[0], _ROUNDING, "between one thread and two")


def _export(subject: Subject) -> str:
    if not subject.export:
        raise NotApplicable("not asked for: export=True looks, and takes half a minute")
    absent = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if absent:
        raise NotApplicable(f"needs {', '.join(absent)}: pip install 'latentode[onnx]'")
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "model.onnx"
        try:
            estimator_of(subject.fitted).export(file)
        except ConfigError as error:
            raise NotApplicable(str(error)) from None
        answer = ahead(ExportedLatentODE.load(file), subject.log)
    return near(answer, subject.usual, _OF_A_GRAPH, "once it is exported")


ANSWERS = Check("answers", "a model answers with finite numbers, and scales above 0", _answers)
SEEDS = Check(
    "seeds",
    "draws follow the seed, and neither use nor move generators that all programs share",
    _seeds,
    ("answers",),
)
_SOUND = ("answers", "inputs_untouched", "seeds")
DEEPCOPY = Check("deepcopy", "a copy is the same, and apart", _deepcopy, _SOUND)
MISSING = Check(
    "missing_channel", "a channel without readings is answered", _missing_channel, _SOUND
)
SINGLE = Check(
    "single_observation",
    "one reading, or none, is enough to answer",
    _single_observation,
    (*_SOUND, "missing_channel"),
)
OF_ANSWERS = (
    Check("time_shift", "other years change nothing but labels", _time_shift, _SOUND),
    Check("time_unit", "seconds and milliseconds are the same times", _time_unit, _SOUND),
    Check("row_order", "the order of rows does not matter", _row_order, _SOUND),
    Check(
        "series_alone",
        "series and times alone are answered as among others",
        _series_alone,
        (*_SOUND, "batch", "padding"),
    ),
    Check("query_order", "the order of times asked for does not matter", _query_order, _SOUND),
    Check("duplicate_times", "a time asked twice has one answer", _duplicate_times, _SOUND),
    Check("save_and_load", "a loaded model is the one that was saved", _save_and_load, _SOUND),
    Check("threads", "the number of threads changes rounding alone", _threads, _SOUND),
    Check("export", "an exported model answers as the model", _export, _SOUND),
)
