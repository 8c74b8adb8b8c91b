"""What forecasts rest on too little for is said, and nothing of good logs."""

from dataclasses import replace

import numpy as np
import pytest
from small_series import DAY, EPOCH, make_dataset

from latentode import LatentODEConfig
from latentode.data.schema import DataSchema
from latentode.prediction.doubtful import doubtful_lines

HOUR = 3_600_000_000_000
GAP = HOUR // 4


def log(names=("p1", "p2"), days=6.0, silent=(), rare=False):
    """Channels a and b of some series; b of the silent ones ends so many days before the end."""
    silent, parts = dict(silent), []
    for name in names:
        rows = np.arange(round(days * DAY / GAP))
        second = rows[rows * GAP < (days - silent.get(name, 0)) * DAY]
        second = second[:: 96 * 2] if rare else second
        channel = np.repeat([0, 1], [len(rows), len(second)])
        kept = np.concatenate([rows, second])
        parts.append((EPOCH + kept * GAP, channel, np.sin(kept / 20) + channel))
    dataset = make_dataset(parts)
    return replace(dataset, series_ids=tuple(names))


class Fitted:
    """The parts of a fitted model that are asked."""

    def __init__(self, dataset, **settings):
        given = {"windows.context": "12h", "windows.horizon": "6h"} | settings
        self.config = LatentODEConfig().updated(**given)
        self.schema = DataSchema.fit(dataset, self.config)
        self.context = dataset


FITTED = Fitted(log())


def lines(fitted, dataset, hours=6):
    last = dataset.readings.first_and_last()[1]
    series = np.arange(len(dataset))
    return list(doubtful_lines(fitted, dataset, series, last + hours * HOUR))


@pytest.mark.parametrize("hours", [1, 6, 30])
def test_nothing_is_said_of_a_log_as_in_training(hours):
    assert lines(FITTED, log(), hours) == []
    assert lines(FITTED, log(days=0.2), hours) == []


def test_a_horizon_far_beyond_that_of_the_training_is_said():
    (line,) = lines(FITTED, log(), hours=24 * 90)
    assert line.startswith("horizon: forecasts until 90d ahead, by a model that was trained and")
    assert "tested until 6h" in line
    assert "train with --horizon on a log several times as long" in line


def test_a_series_that_was_not_among_those_of_the_training_is_said_by_its_name():
    (line,) = lines(FITTED, log(names=("p1", "new")))
    assert line.startswith("series 'new': not among those that this model was trained on")


def test_new_series_are_what_a_model_that_is_split_by_series_is_for():
    by_series = Fitted(log([f"p{i}" for i in range(8)]), **{"windows.split": "series"})
    assert lines(by_series, log(names=("new",))) == []


def test_a_log_that_is_called_by_its_file_is_no_new_series():
    single = Fitted(log(names=("january",)))
    assert lines(single, log(names=("february",))) == []
    by_id = Fitted(log(names=("january",)), **{"data.columns.id": "pump"})
    assert len(lines(by_id, log(names=("february",)))) == 1


def test_a_channel_without_a_reading_in_the_context_is_said():
    (line,) = lines(FITTED, log(silent=[("p2", 2.0)]))
    assert line.startswith("no reading of 'b' of series 'p2' for 2d (usually every 15min): ")
    assert lines(FITTED, log(silent=[("p2", 0.4)])) == []  # less than a context


def test_a_channel_that_is_gone_from_a_short_log_is_known_by_the_training():
    (line,) = lines(FITTED, log(days=1.0, silent=[("p1", 1.0)]))
    assert line.startswith("no reading of 'b' of series 'p1' for 23.75h (usually every 15min)")


def test_a_channel_that_is_rarely_read_is_not_silent():
    rare = log(rare=True)
    assert lines(Fitted(rare), rare) == []
