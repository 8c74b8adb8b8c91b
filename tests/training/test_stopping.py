import numpy as np
import pytest
from model_cases import settings
from small_series import DAY, EPOCH, HOUR, make_dataset

from latentode.data.schema import DataSchema
from latentode.models.fitted.training_log import TrainingLog
from latentode.training.stopping import num_stretches


def log_of(starts, length, **values):
    """Series of hourly readings from some days on, for so many days."""
    times = EPOCH + np.arange(length * 24 + 1) * HOUR
    parts = [(times + day * DAY, np.zeros(len(times), int), np.zeros(len(times))) for day in starts]
    log = TrainingLog(make_dataset(parts))
    return log.with_schema(DataSchema.fit(log.dataset, settings(**values)))


def test_series_of_one_moment_count_once():
    log = log_of([0] * 10, 10, windows__split="time")
    # a tenth of ten days, in horizons of half a day
    assert num_stretches(log, "validation") == pytest.approx(2, rel=0.1)


def test_whole_series_count_one_each():
    assert num_stretches(log_of([0] * 10, 10, windows__split="series"), "validation") == 1


def test_series_that_hardly_overlap_count_all_their_horizons():
    log = log_of(range(0, 200, 20), 10, windows__split="auto")
    assert log.schema.split.kind == "series"
    assert num_stretches(log, "validation") == pytest.approx(20, rel=0.01)
