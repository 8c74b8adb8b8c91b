"""Forecasts of one's own beside a model: what is asked, what is matched, what is scored."""

import json

import numpy as np
import pandas as pd
import pytest

from latentode import LatentODE, LatentODEConfig
from latentode.errors import ConfigError, DataError, LatentODEWarning

BRIEF = LatentODEConfig().updated(
    **{
        "train.max_epochs": 1, "train.steps_per_epoch": 2, "model.hidden_dim": 6,
        "windows.context": "24h", "windows.horizon": "6h",
    }
)  # fmt: skip
FEW = {"max_windows": 12, "num_draws": 20}


def log_of(index, names=("p1", "p2")):
    """Two channels in waves, the second read at every other time."""
    parts = []
    for number, name in enumerate(names):
        phase = np.arange(len(index)) / 4 + number
        noise = np.random.default_rng(number).normal(size=(2, len(index)))
        level, flow = 3 + np.sin(phase) + 0.1 * noise[0], 40 + 5 * np.cos(phase) + noise[1]
        flow[1::2] = np.nan
        parts.append(pd.DataFrame({"time": index, "pump": name, "level": level, "flow": flow}))
    return pd.concat(parts, ignore_index=True)


HOURS = pd.date_range("2024-10-20", periods=300, freq="h", tz="Europe/Berlin")


@pytest.fixture(scope="module")
def frame():
    return log_of(HOURS)  # the clocks change in the test part... or near it, and times stay apart


@pytest.fixture(scope="module")
def model(frame):
    return LatentODE(config=BRIEF, latent_dim=2).fit(frame, id_column="pump")


@pytest.fixture(scope="module")
def asked(frame, model):
    return model.backtest_windows(frame, max_windows=12)


def truth_of(asked, frame):
    long = frame.melt(["time", "pump"], var_name="channel", value_name="value").dropna()
    long["time"] = long["time"].astype(asked["time"].dtype)
    return asked.merge(
        long, left_on=["id", "time", "channel"], right_on=["pump", "time", "channel"]
    )


def scored(model, frame, mine, **options):
    return model.score_forecasts(frame, mine, **{**FEW, **options})


def test_windows_ask_for_every_reading_of_a_horizon_and_show_no_value(asked, frame):
    assert list(asked.columns) == ["id", "origin", "time", "channel"]
    lead = asked["time"] - asked["origin"]
    assert lead.min() > pd.Timedelta(0)
    assert lead.max() == pd.Timedelta("6h")
    assert asked.groupby(["id", "origin"]).ngroups == 12
    # six hours of one channel and three of the other; all of them were read
    assert (asked.groupby(["id", "origin"]).size() == 9).all()
    assert len(truth_of(asked, frame)) == len(asked)


def test_the_truth_is_without_error_and_everything_is_json(asked, frame, model):
    mine = truth_of(asked, frame)
    found = scored(model, frame, mine)
    assert json.loads(json.dumps(found)) == found
    assert found["overall"]["yours"] == {"mae": 0.0, "rmse": 0.0, "crps": 0.0}
    assert found["matched"] == {"asked": len(asked), "scored": len(asked), "left_out": {}}
    assert "readings of this back-test are scored" in found["sentences"][0]
    assert found["sentences"][1].startswith("Your forecasts are single values")
    assert any("loses to your forecasts by CRPS" in text for text in found["sentences"])
    whole = model.evaluate(frame, **FEW)["forecast"]
    assert found["overall"]["model"] == whole["overall"]["model"]
    assert found["overall"]["baselines"] == whole["overall"]["baselines"]


def test_the_last_value_has_the_errors_of_the_naive_row(asked, frame, model):
    long = frame.melt(["time", "pump"], var_name="channel", value_name="value").dropna()
    long["time"] = long["time"].astype(asked["time"].dtype)
    mine = pd.merge_asof(
        asked.sort_values("origin"),
        long.rename(columns={"pump": "id", "time": "seen"}).sort_values("seen"),
        left_on="origin",
        right_on="seen",
        by=["id", "channel"],
    )
    entry = scored(model, frame, mine)["channels"]["flow"]
    yours, last = entry["yours"], entry["baselines"]["last"]
    assert (yours["mae"], yours["rmse"]) == pytest.approx((last["mae"], last["rmse"]), rel=1e-12)
    assert yours["crps"] == yours["mae"] > last["crps"]  # which has a band


def test_totals_are_forecast_as_the_log_has_them_also_after_a_reset():
    log = log_of(HOURS, names=("p1",)).drop(columns="flow")
    total = np.cumsum(1 + 0.5 * np.random.default_rng(0).random(len(log)))
    reset = int(0.85 * len(log))  # in the test part
    log["meter"] = np.where(np.arange(len(log)) < reset, total, total - total[reset])
    model = LatentODE(config=BRIEF).fit(log, counters="meter", id_column="pump")
    asked = model.backtest_windows(log, max_windows=12)
    at = log.set_index(log["time"].astype(asked["origin"].dtype))["meter"]
    mine = asked[asked["channel"] == "meter"]
    mine = mine.assign(value=at.asof(mine["origin"]).to_numpy())
    found = scored(model, log, mine)["channels"]["meter"]
    assert found["yours"]["mae"] == pytest.approx(found["baselines"]["last"]["mae"], rel=1e-9)
    assert found["yours"]["mae"] < 10  # of rises of 1.25 an hour over up to 6 hours


def test_quantiles_are_scored_at_their_own_levels_and_so_is_every_row(asked, frame, model):
    mine = truth_of(asked, frame)
    truth = mine.pop("value")
    for name, shift in (("q0.95", 3.0), ("q0.05", -1.0), ("q0.5", 1.0)):
        mine[name] = truth + shift
    found = scored(model, frame, mine)
    # losses 2 (1 - tau) (q - y) above and 2 tau (y - q) below the reading
    expected = (2 * 0.05 * 3 + 2 * 0.05 * 1 + 2 * 0.5 * 1) / 3
    for entry in found["channels"].values():
        yours = entry["yours"]
        assert yours["crps"] == pytest.approx(expected, rel=1e-9)
        assert (yours["mae"], yours["rmse"]) == pytest.approx((1.0, 1.0), rel=1e-9)
        assert (yours["coverage_90"], yours["width_90"]) == pytest.approx((1.0, 4.0))
    assert "quantiles 0.05, 0.5, 0.95 alone" in found["sentences"][1]
    usual = scored(model, frame, truth_of(asked, frame))
    assert found["overall"]["model"]["mae"] == usual["overall"]["model"]["mae"]
    # tails alone count, so that the score of three levels is another one
    assert found["overall"]["model"]["crps"] < usual["overall"]["model"]["crps"]


def test_rows_that_count_for_nothing_are_counted_by_reason(asked, frame, model):
    mine = truth_of(asked, frame)[["id", "origin", "time", "channel", "value"]]
    changes = [
        ("id", "p9"), ("channel", "heat"), ("value", np.nan), ("time", mine["origin"][3]),
        ("origin", mine["origin"][4] - pd.Timedelta("1min")),
        ("time", mine["time"][5] + pd.Timedelta("24h")),
    ]  # fmt: skip
    for row, (column, value) in enumerate(changes):
        mine.loc[row, column] = value
    found = scored(model, frame, mine)
    assert found["matched"]["scored"] == found["num_targets"] == len(asked) - 6
    assert found["matched"]["left_out"] == {
        "with an id that the log does not have": 1,
        "of a channel that the model does not have": 1,
        "without a number": 1,
        "at or before their origin": 1,
        "from an origin that is none of this back-test's": 1,
        "at a time without a reading to score, or beyond the horizon": 1,
    }
    assert (
        "1 with an id that the log does not have (first: DataFrame: row 0)"
        in (found["sentences"][1])
    )


def test_rows_whose_times_cannot_be_read_are_counted_too(asked, frame, model, tmp_path):
    mine = asked.assign(value=1.0).astype({"time": str, "origin": str})
    mine.loc[2, "time"], mine.loc[4, "origin"] = "soon", ""
    mine.to_csv(tmp_path / "mine.csv", index=False)
    with pytest.warns(LatentODEWarning, match="mine.csv"):
        found = scored(model, frame, tmp_path / "mine.csv")
    assert found["matched"]["left_out"] == {"with a time that cannot be read": 2}
    assert "mine.csv: line 4)" in found["sentences"][1]


def test_a_file_gives_what_its_frame_gives(asked, frame, model, tmp_path):
    mine = truth_of(asked, frame)[["id", "origin", "time", "channel", "value"]]
    mine = mine.sample(frac=1, random_state=0).rename(columns={"id": "pump"})
    mine["value"] += 0.5
    mine.to_csv(tmp_path / "mine.csv", index=False)
    mine.to_csv(tmp_path / "semicolons.csv", index=False, sep=";", decimal=",")
    expected = scored(model, frame, mine)
    found = scored(model, frame, tmp_path / "mine.csv")
    with pytest.warns(LatentODEWarning, match="decimal comma") as said:
        other = scored(model, frame, tmp_path / "semicolons.csv")
    assert len(said) == 1
    assert found["overall"] == other["overall"] == expected["overall"]
    assert found["matched"]["scored"] == len(asked)


def test_times_of_an_elapsed_clock_are_found_again_to_the_digit(tmp_path):
    log = log_of(np.cumsum(np.random.default_rng(0).uniform(0.1, 0.9, 300)), ("only",))
    log = log.drop(columns="pump")
    config = BRIEF.updated(
        **{"windows.context": "20s", "windows.horizon": "5s", "data.time.unit": "s"}
    )
    model = LatentODE(config=config, latent_dim=2).fit(log)
    asked = model.backtest_windows(log, max_windows=12)
    asked.drop(columns="id").assign(value=1.0).to_csv(tmp_path / "mine.csv", index=False)
    found = scored(model, log, tmp_path / "mine.csv")
    assert found["matched"] == {"asked": len(asked), "scored": len(asked), "left_out": {}}


def test_what_cannot_be_compared_is_refused(asked, frame, model):
    mine = asked.assign(value=1.0)
    with pytest.raises(DataError, match=r"DataFrame: row 1: expected one forecast for each id, or"):
        scored(model, frame, pd.concat([mine.iloc[[0, 0]], mine.iloc[5:]], ignore_index=True))
    with pytest.raises(DataError, match=r"got id, origin, time, channel. Add value \(or q0.5\)"):
        scored(model, frame, asked)
    with pytest.raises(DataError, match=r"Add id, origin\."):
        scored(model, frame, mine.drop(columns=["id", "origin"]))
    with pytest.raises(
        DataError, match=r"got none: .* from an origin .*backtest_windows, with the"
    ):
        scored(model, frame, mine.assign(origin=mine["origin"] - pd.Timedelta("1s")))
    crossed = mine.assign(**{"q0.1": 2.0, "q0.9": 1.0})
    with pytest.raises(DataError, match=r"row 0: expected quantiles that do not fall"):
        scored(model, frame, crossed)
    for call in (model.backtest_windows, lambda *a, **b: model.score_forecasts(*a, mine, **b)):
        with pytest.raises(ConfigError, match="expected 'test' or 'all', got 'train'"):
            call(frame, split="train")


def test_progress_ends_with_all_readings(asked, frame, model):
    seen = []
    scored(model, frame, asked.assign(value=0.0), on_progress=lambda *n: seen.append(n))
    assert seen[-1] == (len(asked), len(asked))
