from dataclasses import replace

import numpy as np
import pytest
import torch
from model_cases import HOUR, irregular_log, sampler_of, settings, tensors
from small_series import make_dataset

from latentode.data.schema import DataSchema
from latentode.errors import DataError


@pytest.fixture(scope="module")
def log():
    return irregular_log((60, 40, 25))


def sampler(log, part="train", anchor="origin", **changes):
    config = settings(model__anchor=anchor)
    return sampler_of(log, DataSchema.fit(log, config), config, part, **changes)


def cells(batch, anchors, unit, schema_scaler):
    """Visible and target readings of each window as sets of (ns, channel, value)."""
    both = []
    for times, values, mask in (
        (batch.times, batch.values, batch.mask),
        (batch.query_times, batch.targets, batch.target_mask),
    ):
        window, row, channel = (index.numpy() for index in torch.nonzero(mask, as_tuple=True))
        ns = np.round(times.numpy()[window, row] * unit).astype(np.int64) + anchors[window]
        scaled = (values + batch.shift).numpy()[window, row, channel]
        original = scaled * schema_scaler.scale[channel]
        original = np.round(original + schema_scaler.center[channel], 3)
        both.append([
            set(zip(ns[window == w], channel[window == w], original[window == w], strict=True))
            for w in range(batch.size)
        ])  # fmt: skip
    return both


def true_cells(log, series, start, stop):
    readings = log.readings
    rows = readings.reading_rows()
    inside = (readings.row_series()[rows] == series) & (readings.times[rows] > start)
    inside &= readings.times[rows] <= stop
    triplets = (readings.times[rows], readings.channel_index, np.round(readings.values, 3))
    return set(zip(*(column[inside] for column in triplets), strict=True))


@pytest.mark.parametrize("anchor", ["origin", "start"])
@pytest.mark.parametrize("part", ["train", "validation"])
def test_visible_and_target_readings_are_disjoint_and_cover_the_window(log, anchor, part):
    drawn = sampler(log, part, anchor)
    rows = drawn.eligible_rows()
    batch = drawn.batch(rows, (0, 7))
    series = log.readings.row_series()[rows]
    times = log.readings.times[rows]
    unit, scaler = drawn.builder.time_scale.unit_ns, drawn.builder.scaler
    anchors = anchor_times(batch, drawn, rows)
    visible, targets = cells(batch, anchors, unit, scaler)
    for w, (owner, moment) in enumerate(zip(series, times, strict=True)):
        stop = min(moment + drawn.lengths.horizon_ns, drawn.stops[owner])
        window = true_cells(log, owner, moment - drawn.lengths.context_ns, stop)
        assert visible[w] & targets[w] == set()
        assert visible[w] | targets[w] == window
        assert all(ns <= moment for ns, _, _ in visible[w])
        assert len(targets[w]) > 0


def anchor_times(batch, drawn, rows):
    """Model time 0 of each window in nanoseconds, from its last row, whose time is in the log."""
    readings = drawn.dataset.readings
    found = []
    for w, row in enumerate(rows):
        shown = batch.times[w, : batch.lengths[w]]
        asked = batch.query_times[w][batch.target_mask[w].any(-1)]
        ahead = float(torch.cat([shown, asked]).max()) * drawn.builder.time_scale.unit_ns
        owner = readings.row_series()[row]
        stop = min(readings.times[row] + drawn.lengths.horizon_ns, drawn.stops[owner])
        own = readings.times[readings.rows_of(owner)]
        found.append(own[np.searchsorted(own, stop, side="right") - 1] - round(ahead))
    return np.array(found)


@pytest.mark.parametrize("anchor", ["origin", "start"])
def test_model_time_zero_is_the_anchor(log, anchor):
    drawn = sampler(log, anchor=anchor)
    batch = drawn.batch(drawn.eligible_rows(), (0, 3))
    some = batch.lengths > 0
    assert some.sum() > 20
    last = batch.times.gather(1, (batch.lengths - 1).clamp(min=0)[:, None])[:, 0]
    edge = last if anchor == "origin" else batch.times[:, 0]
    assert (edge[some] == 0).all()
    sign = -1 if anchor == "origin" else 1
    assert (sign * batch.times >= 0).all()
    assert batch.lower <= min(batch.times.min(), batch.query_times.min())
    assert batch.upper >= max(batch.times.max(), batch.query_times.max())


def test_hiding_nothing_leaves_forecasts_only(log):
    drawn = sampler(log)
    rows = drawn.eligible_rows()
    batch = drawn.batch(rows, (0, 3), hidden=0.0)
    assert (batch.query_times[batch.target_mask.any(-1)] > 0).all()
    np.testing.assert_allclose(batch.times.amax(1), 0.0, atol=0)


def test_hiding_a_share_hides_that_share(log):
    drawn = sampler(log)
    batch = drawn.batch(np.repeat(drawn.eligible_rows(), 20), (0, 3), hidden=0.3)
    past = int(batch.mask.sum()) + int(
        (batch.target_mask & (batch.query_times <= 0)[..., None]).sum()
    )
    assert 1 - int(batch.mask.sum()) / past == pytest.approx(0.3, abs=0.02)


def test_all_of_a_context_may_be_hidden(log):
    drawn = sampler(log)
    batch = drawn.batch(drawn.eligible_rows(), (0, 3), hidden=1.0)
    assert int(batch.mask.sum()) == 0
    assert (batch.lengths == 0).all()
    assert batch.target_mask.any(-1).any(-1).all()


def test_a_window_is_the_same_on_any_number_of_ranks(log):
    drawn = sampler(log)
    rows = drawn.eligible_rows()[::3]
    half = len(rows) // 2
    whole = drawn.batch(rows, (0, 2, 9))
    parts = [drawn.batch(rows[:half], (0, 2, 9)), drawn.batch(rows[half:], (0, 2, 9), first=half)]
    for name, tensor in tensors(whole).items():
        if name == "inputs.rates":
            continue
        joined = [tensors(part)[name] for part in parts]
        for w in range(len(rows)):
            own = joined[w >= half][w - half * (w >= half)]
            length = own.shape[0] if own.dim() else 0
            assert torch.equal(tensor[w][:length] if own.dim() else tensor[w], own), name


def test_a_batch_belongs_to_its_seed(log):
    drawn = sampler(log)
    rows = drawn.eligible_rows()[:30]
    one, same, other = (tensors(drawn.batch(rows, seed)) for seed in ((0, 1), (0, 1), (0, 2)))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert one["mask"].shape != other["mask"].shape or not torch.equal(one["mask"], other["mask"])


@pytest.mark.parametrize("anchor", ["origin", "start"])
def test_limits_on_rows_and_queries_are_respected(log, anchor):
    free = sampler(log, anchor=anchor)
    rows = free.eligible_rows()
    tight = replace(free, max_rows=4, max_queries=3)
    everything, batch = free.batch(rows, (0, 1), hidden=0.2), tight.batch(rows, (0, 1), hidden=0.2)
    assert int(everything.lengths.max()) > 4
    assert int(everything.target_mask.any(-1).sum(-1).max()) > 3
    assert int(batch.lengths.max()) <= 4
    assert int(batch.target_mask.any(-1).sum(-1).max()) == 3
    assert batch.target_mask.any(-1).any(-1).all()


def test_the_newest_rows_are_kept(log):
    drawn = replace(sampler(log), max_rows=3)
    rows = drawn.eligible_rows()
    rows = rows[rows - log.readings.series_starts[log.readings.row_series()[rows]] >= 3]
    batch = drawn.batch(rows, (0, 1), hidden=0.0)
    unit = drawn.builder.time_scale.unit_ns
    for w, row in enumerate(rows):
        recent = log.readings.times[row - 2 : row + 1] - log.readings.times[row]
        recent = recent[recent > -drawn.lengths.context_ns]
        shown = batch.times[w, : batch.lengths[w]].numpy() * unit
        np.testing.assert_allclose(shown, recent, atol=1e-2)


def test_an_eligible_row_has_a_reading_of_the_part_within_the_horizon(log):
    for part in ("train", "validation"):
        drawn = sampler(log, part)
        readings = log.readings
        series = readings.row_series()
        expected = []
        for row in range(readings.num_rows):
            s, t = series[row], readings.times[row]
            own = readings.times[series == s]
            stop = min(drawn.stops[s], t + drawn.lengths.horizon_ns)
            if drawn.starts[s] < t <= drawn.stops[s] and ((own > t) & (own <= stop)).any():
                expected.append(row)
        assert drawn.eligible_rows().tolist() == expected


def test_the_only_row_of_a_series_is_predicted_from_the_prior():
    log = make_dataset([
        (np.arange(40) * HOUR, np.arange(40) % 2, np.arange(40.0)),
        (np.array([5 * HOUR]), np.array([0]), np.array([1.0])),
    ])  # fmt: skip
    drawn = sampler(log)
    assert 40 in drawn.eligible_rows()
    batch = drawn.batch(np.array([40]), (0, 1))
    assert batch.lengths.tolist() == [0]
    assert batch.query_times.tolist() == [[0.0]]
    assert batch.target_mask.tolist() == [[[True, False]]]


def test_a_part_without_pairs_of_rows_is_refused(log):
    drawn = sampler(log)
    short = replace(drawn, lengths=replace(drawn.lengths, horizon_ns=1))
    with pytest.raises(DataError, match=r"a reading within the horizon .* longer --horizon"):
        short.eligible_rows()


def test_an_epoch_has_batches_of_windows_of_similar_length(log):
    drawn = sampler(log)
    rows = drawn.eligible_rows()
    epoch = drawn.epoch(rows, 16, 8, (0, 1, 4))
    assert epoch.shape == (16, 8)
    assert np.isin(epoch, rows).all()
    np.testing.assert_array_equal(epoch, drawn.epoch(rows, 16, 8, (0, 1, 4)))
    assert not np.array_equal(epoch, drawn.epoch(rows, 16, 8, (0, 1, 5)))

    lengths = (epoch - drawn._first_visible(epoch.ravel()).reshape(epoch.shape)).astype(float)
    assert np.ptp(lengths, axis=1).mean() < 0.5 * np.ptp(lengths)


def unread_batch(log, part="train", **changes):
    """A sampler of windows in which nothing is visible, and two batches of eight."""
    drawn = sampler(log, part, unread_share=1.0, **changes)
    rows = drawn.epoch(drawn.eligible_rows(), 2, 8, (0, 4)).reshape(-1)
    return drawn, rows, drawn.batch(rows, (0, 4))


@pytest.mark.parametrize("anchor", ["origin", "start"])
def test_of_an_unread_window_all_readings_from_its_row_on_are_targets(log, anchor):
    drawn, rows, batch = unread_batch(log, anchor=anchor)
    assert (rows < 0).all()
    assert (batch.lengths == 0).all()
    assert not batch.mask.any()
    own = rows % log.readings.num_rows
    series, times = log.readings.row_series()[own], log.readings.times[own]
    _, targets = cells(batch, times, drawn.builder.time_scale.unit_ns, drawn.builder.scaler)
    for w, (owner, moment) in enumerate(zip(series, times, strict=True)):
        stop = min(moment + drawn.lengths.horizon_ns, drawn.stops[owner])
        assert targets[w] == true_cells(log, owner, moment - 1, stop)


def test_unread_windows_begin_where_series_do_each_alike(log):
    drawn, rows, _ = unread_batch(log, from_first=True)
    own = rows % log.readings.num_rows
    assert set(own) <= set(log.readings.series_starts[:-1])
    many = drawn.epoch(drawn.eligible_rows(), 30, 10, (0, 5)).reshape(-1)
    counts = np.unique(many, return_counts=True)[1]
    assert len(counts) == len(log)
    # 300 draws, standard deviation 8
    assert counts.min() > 70


def test_the_share_of_unread_windows_is_drawn_from_the_seed(log):
    drawn = sampler(log, unread_share=0.25)
    rows = drawn.eligible_rows()
    one, again = (drawn.epoch(rows, 40, 10, (3, 1)) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert abs((one < 0).mean() - 0.25) < 0.09  # four standard deviations


def test_windows_of_eligible_rows_are_never_unread(log):
    drawn = sampler(log, unread_share=0.5)
    batch = drawn.batch(drawn.eligible_rows(), (0, 1), hidden=0.0)
    assert (batch.lengths > 0).all()
