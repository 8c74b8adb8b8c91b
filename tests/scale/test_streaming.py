"""Which parts an epoch sees, and what a process draws of them."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from model_cases import irregular_log
from training_cases import training_settings

from latentode.data.dataset import offsets
from latentode.errors import DataError
from latentode.scale import streaming, write_parts
from latentode.scale.streaming import fitting
from latentode.scale.training import streamed


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    log = irregular_log((40,) * 24)
    return write_parts(log, tmp_path_factory.mktemp("log") / "parts", 8)


def sampler_of(parts, **values):
    buffer = parts.manifest.readings // 3
    return streamed(parts, training_settings(train__buffer_readings=buffer, **values)).sampler


def as_process(monkeypatch, rank, size):
    monkeypatch.setattr(streaming, "rank", lambda: rank)
    monkeypatch.setattr(streaming, "world_size", lambda: size)
    share = 8 // size
    part = slice(rank * share, (rank + 1) * share)
    monkeypatch.setattr(streaming, "local_part", lambda _: part)
    return part


def seen(sampler, epochs):
    """The parts of each epoch."""
    nothing, groups = sampler.eligible_rows(), []
    for epoch in epochs:
        sampler.epoch(nothing, 2, 8, (0, 1, epoch))
        groups.append(sampler._loaded)
    return groups


def test_groups_of_parts_hold_as_much_as_fits_and_every_part_once(parts):
    sizes = [each.readings for each in parts.manifest.parts]
    groups = [*fitting(parts, range(len(parts)), max(sizes) * 2)]
    assert [index for group in groups for index in group] == [*range(len(parts))]
    assert all(sum(sizes[i] for i in group) <= max(sizes) * 2 for group in groups)
    for group, following in pairwise(groups):
        assert sum(sizes[i] for i in group) + sizes[following[0]] > max(sizes) * 2
    assert [*fitting(parts, range(len(parts)), 1)] == [(index,) for index in range(len(parts))]


def test_each_pass_sees_every_part_once_in_another_order(parts):
    groups = seen(sampler_of(parts), range(12))
    order = [index for group in groups for index in group]
    first, second = order[: len(parts)], order[len(parts) : 2 * len(parts)]
    assert sorted(first) == sorted(second) == [*range(len(parts))]
    assert first != second


def test_an_epoch_sees_the_same_whatever_was_seen_before(parts):
    sampler, again = sampler_of(parts), sampler_of(parts)
    nothing = sampler.eligible_rows()
    for epoch in (0, 1, 2):
        rows = sampler.epoch(nothing, 2, 8, (0, 1, epoch))
    np.testing.assert_array_equal(again.epoch(nothing, 2, 8, (0, 1, 2)), rows)
    ours, theirs = (each.batch(rows[1], (0, 2, 9)) for each in (sampler, again))
    np.testing.assert_array_equal(ours.values.numpy(), theirs.values.numpy())
    np.testing.assert_array_equal(ours.target_mask.numpy(), theirs.target_mask.numpy())


def test_processes_see_parts_of_their_own(parts, monkeypatch):
    of_each = []
    for rank in (0, 1):
        as_process(monkeypatch, rank, 2)
        of_each.append({index for group in seen(sampler_of(parts), range(12)) for index in group})
    assert of_each == [set(range(0, len(parts), 2)), set(range(1, len(parts), 2))]


def test_a_process_draws_its_own_places_of_a_batch_alone(parts, monkeypatch):
    part = as_process(monkeypatch, 1, 2)
    sampler = sampler_of(parts)
    rows = sampler.epoch(sampler.eligible_rows(), 3, 8, (0, 1, 0))
    assert rows.shape == (3, 8)
    assert not rows[:, : part.start].any()
    assert (rows[:, part] != 0).any()
    assert sampler.batch(rows[0, part], (0, 2, 0), first=part.start).size == 4


def test_windows_are_of_the_training_part_of_the_whole_log(parts):
    data = streamed(parts, training_settings(train__buffer_readings=400))
    nothing = data.sampler.eligible_rows()
    for epoch in range(3):
        data.sampler.epoch(nothing, 2, 8, (0, 1, epoch))
        windows = data.sampler._windows
        readings = windows.dataset.readings
        times = readings.times[data.sampler._rows]
        series = readings.row_series()[data.sampler._rows]
        assert (times > windows.starts[series]).all()
        assert (times <= windows.stops[series]).all()
    starts, stops = data.log.schema.split.bounds(parts.whole(), "train")
    assert set(windows.stops) <= set(stops)
    assert set(windows.starts) <= set(starts)


def test_parts_without_a_series_to_train_on_are_passed_over(parts):
    sampler = sampler_of(parts, windows__split="series")
    members = dict(sampler.schema.split.members)
    first = sampler._chosen(np.arange(len(parts)), 0)
    gone = {name for index in first for name in parts.read(index).series_ids}
    members |= dict.fromkeys(gone, "test")
    split = replace(sampler.schema.split, members=members)
    sampler.schema = replace(sampler.schema, split=split)
    (group,) = seen(sampler, [0])
    assert not set(group) & set(first)
    sampler = sampler_of(parts, windows__split="series")
    sampler.schema = replace(sampler.schema, split=replace(split, members={}))
    with pytest.raises(DataError, match="expected windows to train on in the parts of every"):
        sampler.epoch(sampler.eligible_rows(), 2, 8, (0, 1, 1))


def test_spans_of_series_are_kept_without_their_rows(parts):
    data = streamed(parts, training_settings(train__buffer_readings=400))
    times, whole = data.sampler.census.times, parts.whole()
    assert times.series_ids == whole.series_ids
    for ours, theirs in zip(
        times.readings.first_and_last(), whole.readings.first_and_last(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert times.readings.num_rows == offsets(np.full(len(whole), 2))[-1]
