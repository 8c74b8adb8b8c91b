"""Back-tests of totals: scored as they rise, wraps and resets or not, beside naive totals."""

import numpy as np
import pytest
from model_cases import HOUR, settings
from small_series import EPOCH, make_dataset

from latentode.data.schema import DataSchema
from latentode.evaluation.backtest import backtest

COUNT = 400
RISES = np.random.default_rng(2).gamma(4.0, 2.5, COUNT)  # mean 10 an hour
TIMES = EPOCH + np.arange(COUNT) * HOUR


def log_of(totals):
    values = np.concatenate([totals, np.cos(np.arange(COUNT))])
    parts = (np.tile(TIMES, 2), np.repeat([0, 1], COUNT), values)
    return make_dataset([parts], ("total", "other"))


def scores_of(totals):
    log = log_of(totals)
    schema = DataSchema.fit(log, settings(channels__counters=("total",)))

    def one_too_high(_, targets):
        return np.stack([targets.values + 1.0] * 3), np.zeros(len(targets))

    return backtest(log, schema, one_too_high, split="test", max_windows=60)


TRUTH = np.cumsum(RISES)
SCORES = scores_of(TRUTH)


def test_a_total_is_scored_in_its_own_unit():
    for task in ("forecast", "interpolation"):
        channel = SCORES[task]["channels"]["total"]
        assert channel["model"]["mae"] == pytest.approx(1.0)
        naive = channel["baselines"]
        assert naive["climatology"]["mae"] < naive["last"]["mae"] / 2
    # quantiles of the rate that hold for a horizon are wider than sums of rises
    assert SCORES["forecast"]["channels"]["total"]["baselines"]["climatology"]["coverage_90"] > 0.95


@pytest.mark.parametrize(
    "totals", [TRUTH % 2**8, np.concatenate([TRUTH[:250], TRUTH[250:] - TRUTH[249]])]
)
def test_wraps_and_resets_change_no_score(totals):
    scores = scores_of(totals)
    for task in ("forecast", "interpolation"):
        for row in ("last", "climatology"):
            one, other = (
                each[task]["channels"]["total"]["baselines"][row] for each in (scores, SCORES)
            )
            assert one["mae"] == pytest.approx(other["mae"], rel=1e-6)
        assert scores[task]["channels"]["total"]["model"]["mae"] == pytest.approx(1.0)


def test_a_total_that_a_window_does_not_show_is_not_asked_for():
    log = log_of(TRUTH)
    totals = log.readings.channel_index == 0
    shown = log.readings.reading_rows() % 40 < 2  # two readings, then none for more than a context
    sparse = log.with_readings(log.readings.select_readings(~totals | shown))
    schema = DataSchema.fit(sparse, settings(channels__counters=("total",)))
    seen = []

    def answer(visible, targets):
        shown = np.zeros((len(visible), 2), dtype=bool)
        shown[
            visible.readings.row_series()[visible.readings.reading_rows()],
            visible.readings.channel_index,
        ] = True
        seen.append(shown[targets.window, targets.channel])
        return targets.values[None], np.zeros(len(targets))

    scores = backtest(sparse, schema, answer, split="test", max_windows=200)
    asked = scores["forecast"]["channels"]["total"]["num_targets"]
    assert 0 < asked < scores["forecast"]["channels"]["other"]["num_targets"] / 20
    assert np.concatenate(seen).all()
