"""A log with events and labels: its parts, its windows, and its way to a folder and back."""

import json

import before_the_moves as before
import numpy as np
import pytest
import torch
from model_cases import events_of, irregular_log, settings

from latentode.data.events import LogEvents
from latentode.data.labels import KINDS, SeriesLabels, TimeLabels
from latentode.data.reading.labels import READERS
from latentode.data.schema import DataSchema
from latentode.data.splits import PARTS, Split
from latentode.models.fitted.latent_ode import FittedModel
from latentode.models.fitted.training_log import LOG_FIELDS, LOG_PREFIXES, TrainingLog
from latentode.models.heads import LABEL_HEADS

LOG, CONFIG = irregular_log(), settings()
SCHEMA = DataSchema.fit(LOG, CONFIG)
LABELS = {
    None: lambda: None,
    "series": lambda: SeriesLabels(("a", "b"), np.array([1, -1, 0])),
    "times": lambda: TimeLabels(events_of(LOG)),
}


def log_with(kind):
    return TrainingLog(LOG, LogEvents(events_of(LOG), "mark"), LABELS[kind]())


def test_each_kind_of_labels_has_a_reader_and_a_head():
    kinds = {kind.kind for kind in KINDS}
    assert kinds == READERS.keys() == LABEL_HEADS.keys() == LABELS.keys() - {None}


def test_the_bounds_of_the_parts_are_computed_once(monkeypatch):
    calls, bounds = [], Split.bounds
    monkeypatch.setattr(Split, "bounds", lambda *a: calls.append(a[2]) or bounds(*a))
    log = log_with("times").with_schema(SCHEMA)
    for part in PARTS:
        assert log.part(part) is log.part(part)
        log.sampler(part, CONFIG)
    assert sorted(calls) == sorted(PARTS)
    monkeypatch.undo()
    for part in PARTS:
        for one, other in zip(log.part(part), SCHEMA.split.bounds(LOG, part), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", LABELS)
def test_events_and_labels_stay_with_their_series(kind):
    log = log_with(kind)
    kept = log.select([2, 0])
    assert kept.dataset.series_ids == ("s2", "s0")
    assert kept.events.streams.series_ids == ("s2", "s0")
    if kind == "series":
        assert kept.labels.codes.tolist() == [0, 1]
    if kind == "times":
        assert kept.labels.streams.series_ids == ("s2", "s0")
        own = log.labels.streams.select([2, 0])
        np.testing.assert_array_equal(kept.labels.streams.times, own.times)


@pytest.mark.parametrize("kind", LABELS)
def test_windows_have_the_events_and_labels_of_the_log(kind):
    log = log_with(kind).with_schema(SCHEMA)
    sampler = log.sampler("train", CONFIG)
    batch = sampler.batch(sampler.eligible_rows()[:5], (0, 1))
    assert batch.events is not None
    assert (batch.labels is None) is (kind is None)
    if kind == "series":
        assert batch.labels.tolist() == [1] * 5  # rows of the first series


@pytest.mark.parametrize("kind", LABELS)
def test_a_log_comes_back_from_what_is_stored_of_it(kind):
    log = log_with(kind).with_schema(SCHEMA).newest()
    tensors, about = log.pack()
    assert about.keys() == LOG_FIELDS
    assert all(name.startswith(LOG_PREFIXES) for name in tensors)
    again = TrainingLog.unpack(tensors, json.loads(json.dumps(about)), SCHEMA)
    stored, told = again.pack()
    assert told == about
    assert stored.keys() == tensors.keys()
    assert all(torch.equal(stored[name], tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"classes": ["a", "b"], "codes": [0, 1]}, "2 of 3 series"),
        ({"classes": ["a", "b"], "codes": [0, 1, 2]}, "out of range"),
        ({"classes": ["a", "b"], "weights": [0, 1, 2]}, "of a kind that is not known"),
    ],
)
def test_stored_labels_that_are_not_of_the_log_are_refused(about, message):
    tensors, meta = log_with("series").with_schema(SCHEMA).pack()
    with pytest.raises(ValueError, match=message):
        TrainingLog.unpack(tensors, {**meta, "labels": about}, SCHEMA)


@pytest.mark.parametrize("kind", ["series", "times"])
def test_labels_of_another_order_of_series_are_aligned_by_id(kind):
    labels = LABELS[kind]()
    aligned = labels.aligned(("new", "s2", "s0"), LOG.series_ids)
    picked = labels.select([2, 0])
    assert aligned.counts() == picked.counts()
    assert aligned.classes == labels.classes


def test_known_labels_of_a_part_are_those_of_its_series_or_times():
    starts, stops = SCHEMA.split.bounds(LOG, "validation")
    timed = LABELS["times"]().streams
    inside = (timed.times > starts[timed.series]) & (timed.times <= stops[timed.series])
    assert 0 < inside.sum() < len(inside)
    np.testing.assert_array_equal(
        LABELS["times"]().codes_within(starts, stops), timed.marks[inside]
    )
    stops[0] = starts[0] - 1
    assert LABELS["series"]().codes_within(starts, stops).tolist() == [0]


def test_a_folder_of_before_is_written_with_the_same_tensors_and_facts_of_the_log(tmp_path):
    folder = before.FOLDER / "model"
    FittedModel.load(folder).save(tmp_path / "model")
    name = "model.safetensors"
    assert (tmp_path / "model" / name).read_bytes() == (folder / name).read_bytes()
    told, known = (
        json.loads((path / "model.json").read_text("utf-8"))
        for path in (tmp_path / "model", folder)
    )
    assert all(told[field] == known[field] for field in LOG_FIELDS)
    assert known["events"] is not None
    assert known["labels"] is not None
