"""Scores of series against direct sums, and paths between latent states."""

import itertools

import numpy as np
import pytest
import torch
from model_cases import HOUR, irregular_log, predictor_of
from scipy import stats
from small_series import DAY, EPOCH, make_dataset

from latentode.data.batches.batch import SeriesBatch
from latentode.data.dataset import Readings
from latentode.data.windows import cut
from latentode.models.fitted.context import last_context
from latentode.prediction.latent_paths import interpolate_states, path_offsets
from latentode.prediction.log_densities import prequential_score, reading_scores
from latentode.prediction.state_noise import noise_of

DRAWS = 6


def scorer(dataset, **values):
    options = {"model__likelihood": "gaussian", "windows__context": "24h", **values}
    return predictor_of(dataset, num_draws=DRAWS, **options)


def weights_by_hand(predictor, dataset, series, start, stop, visible=None):
    """log p(readings in (start, stop] | z_k, context before) of every draw, reading by reading."""
    schema, model = predictor.schema, predictor.model
    context = schema.lengths.context_ns
    one = np.array([series])
    if visible is None:
        visible = cut(dataset, one, np.array([start - context]), np.array([start]))
    ahead = cut(dataset, one, np.array([start]), np.array([stop])).readings
    if not visible.readings.num_rows and ahead.num_rows > 1:
        # nothing is known: each row is predicted from the prior at its own time, with the same z_k
        edges = [start, *ahead.times.tolist()]
        rows = itertools.pairwise(edges)
        return sum(
            weights_by_hand(predictor, dataset, series, low, high, visible) for low, high in rows
        )
    values = ahead.dense(slice(0, ahead.num_rows))
    seen = visible.readings.times
    anchor = np.array([seen[-1] if len(seen) else ahead.times[0]])
    builder = schema.builder()
    times = builder.time_scale.to_model(ahead.times, np.repeat(anchor, len(ahead.times)))
    queries = (times[None], schema.scaler.transform(values)[None])
    batch = SeriesBatch.of(
        builder.build(visible, anchor, builder.rows(visible.readings, anchor), queries)
    )
    with torch.no_grad():
        noise = noise_of(
            predictor.model, [dataset.series_ids[series]], predictor.num_draws, predictor.seed
        )
        z0 = predictor.model.posterior(batch).at(noise)
        decoded = model.decode(model.trajectory(z0, batch), batch)
    mean = schema.scaler.inverse(decoded.location[:, 0].double().numpy())
    sd = schema.scaler.scale * decoded.scale[:, 0].double().numpy()
    return np.nansum(stats.norm.logpdf(values, mean, sd), axis=(1, 2))


def test_a_score_is_the_sum_of_block_densities_given_what_came_before():
    dataset = irregular_log((14, 9))
    predictor = scorer(dataset)
    log_prob, error, counts = prequential_score(predictor, dataset)
    horizon = predictor.schema.lengths.horizon_ns
    for series in range(2):
        rows = dataset.readings.rows_of(series)
        times = dataset.readings.times[rows]
        total, variance, seen = 0.0, 0.0, 0
        start = times[0] - 1
        while start < times[-1]:
            inside = (times > start) & (times <= start + horizon)
            if inside.any():
                weights = weights_by_hand(predictor, dataset, series, start, start + horizon)
                likelihood = np.exp(weights - weights.max())
                total += weights.max() + np.log(likelihood.mean())
                variance += (stats.sem(likelihood) / likelihood.mean()) ** 2
                seen += int(inside.sum())
            start += horizon
        assert seen == len(times)
        assert log_prob[series] == pytest.approx(total, rel=1e-4)
        assert error[series] == pytest.approx(np.sqrt(variance), rel=1e-3)
        assert counts[series] == np.diff(dataset.readings.row_starts[[rows.start, rows.stop]])


def test_a_reading_alone_in_its_block_has_the_density_of_the_block():
    dataset = irregular_log((14, 9), num_channels=1, extras=False)
    predictor = scorer(dataset, windows__horizon="1min")  # readings are a minute apart or more
    series, times, log_prob = reading_scores(predictor, dataset)
    assert np.array_equal(series, dataset.readings.row_series())
    assert np.array_equal(times, dataset.readings.times)
    total, _, _ = prequential_score(predictor, dataset)
    sums = [np.nansum(log_prob[series == index]) for index in range(2)]
    np.testing.assert_allclose(sums, total, rtol=1e-5)


def test_a_reading_that_was_moved_away_is_the_most_surprising_one():
    dataset = irregular_log((40,), num_channels=1, extras=False)
    values = dataset.readings.values.copy()
    values[-1] += 500.0  # the last one: what follows a spike would be surprising as well
    moved = dataset.with_readings(Readings(**{**vars(dataset.readings), "values": values}))
    log_prob = reading_scores(scorer(dataset), moved)[2]
    assert np.nanargmin(log_prob[:, 0]) == moved.readings.reading_rows()[-1]


def test_a_score_does_not_depend_on_other_series():
    dataset = irregular_log((20, 15, 10))
    predictor = scorer(dataset)
    whole = prequential_score(predictor, dataset)
    alone = prequential_score(predictor, dataset.select_series([2]))
    for first, second in zip(whole, alone, strict=True):
        np.testing.assert_allclose(first[2], second[0], rtol=1e-5)


def test_a_score_is_of_densities_in_original_units():
    # the same readings in another unit have the same score, less log(factor) a reading
    base = irregular_log((20,), extras=False)
    readings = base.readings
    scaled = base.with_readings(Readings(**{**vars(readings), "values": 1000.0 * readings.values}))
    (first,), _, (count,) = prequential_score(scorer(base), base)
    (second,), _, _ = prequential_score(scorer(scaled), scaled)
    assert second == pytest.approx(first - count * np.log(1000.0), rel=1e-4)


def test_a_series_without_readings_scores_zero():
    dataset = irregular_log((20, 15), extras=False)
    predictor = scorer(dataset)
    empty = dataset.with_readings(
        dataset.readings.select_readings(
            dataset.readings.row_series()[dataset.readings.reading_rows()] == 0
        )
    )
    log_prob, error, counts = prequential_score(predictor, empty)
    assert (log_prob[1], error[1], counts[1]) == (0.0, 0.0, 0)
    assert log_prob[0] == pytest.approx(prequential_score(predictor, dataset)[0][0], rel=1e-5)


def test_a_gap_of_decades_costs_no_memory():
    dataset = irregular_log((20,), extras=False)
    predictor = scorer(dataset)
    rows = np.arange(6)
    times = EPOCH + np.where(rows < 3, rows * HOUR, 60 * 365 * DAY + rows * HOUR)
    far = make_dataset(
        [(np.tile(times, 2), np.repeat([0, 1], 6), 20.0 + np.arange(12.0) / 12)], dataset.channels
    )
    log_prob, _, counts = prequential_score(predictor, far)
    assert np.isfinite(log_prob).all()
    assert counts.tolist() == [12]


@pytest.mark.parametrize("anchor", ["origin", "start"])
def test_the_path_between_two_windows_is_a_straight_line_of_latent_states(anchor):
    dataset = irregular_log((20, 15))
    predictor = scorer(dataset, model__anchor=anchor)
    schema, model = predictor.schema, predictor.model
    pair = last_context(dataset, schema)
    offsets = path_offsets(schema, 4 * HOUR, 3)
    values, times = interpolate_states(model, schema, pair, offsets, 3)
    assert values.shape == (3, 10, 2)
    own = pair.readings.times[pair.readings.rows_of(0)]
    zero = own[-1] if anchor == "origin" else own[0]
    assert (times == zero + offsets).all()

    builder = schema.builder()
    anchors = np.array([zero, 0])
    rows = pair.readings.rows_of(1)
    anchors[1] = pair.readings.times[rows][-1 if anchor == "origin" else 0]
    model_times = builder.time_scale.to_model(offsets, np.zeros(1, np.int64))
    queries = (np.stack([model_times] * 2), np.full((2, 10, 2), np.nan))
    batch = SeriesBatch.of(
        builder.build(pair, anchors, builder.rows(pair.readings, anchors), queries)
    )
    with torch.no_grad():
        means = model.posterior(batch).mean
        first = batch.select(torch.tensor([0]))
        for point, state in enumerate((means[0], means.mean(dim=0), means[1])):
            trajectory = model.trajectory(state[None, None], first, remember=False)
            location = model.decode(trajectory, first, remember=False).location[0, 0]
            expected = schema.scaler.inverse(location.double().numpy())
            np.testing.assert_allclose(values[point], expected, rtol=1e-5)
