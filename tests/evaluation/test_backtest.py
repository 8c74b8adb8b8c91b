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


def exact(_, targets):
    return np.stack([targets.values] * 3), np.zeros(len(targets))


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


def test_naive_rows_have_bands_that_cover_about_their_level_and_say_nothing_where_there_are_none():
    log = log_of(TRUTH)
    schema = DataSchema.fit(log, settings())
    walk = backtest(log, schema, exact, split="test", max_windows=60)
    for task in ("forecast", "interpolation"):
        naive = walk[task]["channels"]["other"]["baselines"]
        assert all("coverage_90" in row for row in naive.values())
        assert naive["mean"]["crps"] < naive["mean"]["mae"]
        assert not any("have no bands" in text for text in walk[task]["sentences"])
    later = log.with_readings(log.readings.within(*schema.split.bounds(log, "test")))
    alone = backtest(later, schema, exact, split="all", max_windows=60)
    for task in ("forecast", "interpolation"):
        assert alone[task]["sentences"][0].startswith("The naive forecasts have no bands, as")
        last = alone[task]["channels"]["other"]["baselines"]["last"]
        assert last["crps"] == last["mae"]
        assert "coverage_90" not in last


def test_the_value_a_week_earlier_stands_beside_logs_of_weeks_and_foretells_what_repeats():
    count = 24 * 7 * 6
    times = EPOCH + np.arange(count) * HOUR
    weekly = np.tile(np.random.default_rng(0).normal(size=24 * 7), 6)
    log = make_dataset([(times, np.zeros(count, int), weekly)], ("level",))
    scores = backtest(log, DataSchema.fit(log, settings()), exact, split="test", max_windows=20)
    naive = scores["forecast"]["overall"]["baselines"]
    assert naive["weekly"]["crps"] == naive["weekly"]["mae"] == 0.0
    assert "yearly" not in naive
    assert "weekly" not in scores["interpolation"]["overall"]["baselines"]
    short = make_dataset([(times[:400], np.zeros(400, int), weekly[:400])], ("level",))
    few = backtest(short, DataSchema.fit(short, settings()), exact, split="test", max_windows=20)
    assert "weekly" not in few["forecast"]["overall"]["baselines"]  # 280 h of training


def test_forecasts_have_numbers_by_lead_time_that_average_to_those_of_all():
    for name, entry in SCORES["forecast"]["channels"].items():
        parts = entry["lead_times"].values()
        assert sum(part["num_targets"] for part in parts) == entry["num_targets"]
        total = sum(part["num_targets"] * part["baselines"]["last"]["mae"] for part in parts)
        assert total / entry["num_targets"] == pytest.approx(entry["baselines"]["last"]["mae"])
        assert list(entry["lead_times"]) == list(SCORES["forecast"]["lead_times"]), name
    assert list(SCORES["forecast"]["lead_times"])[-1] == "6h to 12h"
    assert "lead_times" not in SCORES["interpolation"]


def test_progress_counts_every_target_once():
    log, seen = log_of(TRUTH), []
    schema = DataSchema.fit(log, settings())
    found = backtest(
        log, schema, exact, split="test", max_windows=200,
        on_progress=lambda *counts: seen.append(counts),
    )  # fmt: skip
    total = sum(found[task]["num_targets"] for task in ("forecast", "interpolation"))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1] == (total, total)
    assert len(seen) > 2
