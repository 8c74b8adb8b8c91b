"""Channels that training hardly read: no answer, and no trace in the answers of the others."""

import numpy as np
from model_cases import predictor_of
from small_series import EPOCH, HOUR, make_dataset

from latentode.prediction.log_densities import prequential_score, reading_scores

TIMES = EPOCH + np.arange(200) * HOUR


def log_with(values):
    """One channel that is read every hour, and one whose first readings are some values."""
    few = len(values)
    times = np.concatenate([TIMES, TIMES[:few] + HOUR // 2])
    channel = np.repeat([0, 1], [len(TIMES), few])
    return make_dataset([(times, channel, np.concatenate([np.sin(TIMES / HOUR), values]))])


def answers(values):
    log = log_with(np.asarray(values))
    predictor = predictor_of(log)
    aligned = predictor.schema.align(log)
    series, times = np.zeros(3, int), TIMES[-1] + np.array([-3, 1, 5]) * HOUR
    query = predictor.query(aligned, series, times)
    return query, prequential_score(predictor, aligned), reading_scores(predictor, aligned)


def test_what_was_hardly_read_is_nan_in_every_answer_and_moves_no_other():
    query, score, surprise = answers([1.0, 1.2, 1.1])
    assert np.isnan(query.draws[..., 1]).all()
    assert np.isfinite(query.draws[..., 0]).all()
    assert np.isnan(surprise[2][:, 1]).all()
    # three readings a million deviations of the first apart leave the other channel alone
    absurd, other_score, other_surprise = answers([1.0, 1e6, -1e6])
    np.testing.assert_array_equal(absurd.draws, query.draws)
    for one, other in zip(score + surprise, other_score + other_surprise, strict=True):
        np.testing.assert_array_equal(one, other)
    assert score[2].tolist() == [200]


def test_what_was_read_often_enough_is_answered():
    query, score, _ = answers(np.linspace(1.0, 2.0, 10))
    assert np.isfinite(query.draws).all()
    assert score[2].tolist() == [210]
