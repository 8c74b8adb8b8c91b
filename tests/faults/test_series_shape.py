"""F19 to F24: series of unusual lengths, levels and channels."""

import numpy as np
import pandas as pd
import pytest
from cli_cases import run
from fault_logs import forecast_of, hourly, log_of, trained_on, wave


def finite(found):
    assert len(found)
    assert np.isfinite(found[["mean", "sd"]]).all(axis=None)
    return found


def test_f19_a_series_of_one_reading_is_forecast_with_the_others(tmp_path):
    times, ids = [*hourly(120), hourly(120)[60]], ["long"] * 120 + ["single"]
    log = log_of(tmp_path / "log.csv", times, wave(121), id=ids)
    assert trained_on(log, tmp_path / "run").exit_code == 0
    found = finite(forecast_of(tmp_path / "run", log, out=tmp_path / "out.csv")[0])
    assert set(found["series"]) == {"long", "single"}
    assert (found["sd"] > 0).all()


def test_f19_a_log_of_one_reading_is_refused(tmp_path):
    result = trained_on(log_of(tmp_path / "log.csv", hourly(1), [1.0]), tmp_path / "run")
    assert result.exit_code == 3
    assert not (tmp_path / "run").exists()


def test_f20_channels_that_are_absent_empty_or_new_are_told_apart(tmp_path):
    flow = wave(120, 1)
    log = log_of(tmp_path / "log.csv", hourly(), wave(120), flow=flow)
    assert trained_on(log, tmp_path / "run").exit_code == 0
    out = tmp_path / "out.csv"
    without = log_of(tmp_path / "without.csv", hourly(), wave(120))
    refused = run("forecast", tmp_path / "run", without, "-o", out)
    assert refused.exit_code == 3
    assert "--allow-missing-channels" in refused.stderr
    assert not out.exists()
    allowed, _ = forecast_of(tmp_path / "run", without, "--allow-missing-channels", out=out)
    finite(allowed)
    more = log_of(tmp_path / "more.csv", hourly(), wave(120), flow=flow, other=flow)
    finite(forecast_of(tmp_path / "run", more, out=out)[0])


@pytest.mark.parametrize("values", [np.full(120, 5.0), np.arange(120) % 2 + 3.5], ids=["1", "2"])
def test_f21_a_channel_of_few_values_is_forecast_near_them(tmp_path, values):
    log = log_of(tmp_path / "log.csv", hourly(), values)
    assert trained_on(log, tmp_path / "run").exit_code == 0
    found = finite(forecast_of(tmp_path / "run", out=tmp_path / "out.csv")[0])
    assert (abs(found["mean"] - values.mean()) < 5.0).all()
    assert (found["sd"] > 0).all()


def test_f22_noise_of_a_thousandth_on_a_level_of_1e12_is_kept(tmp_path):
    values = 1e12 + 1e-3 * np.round(wave(120) * 1000) / 10
    assert (
        trained_on(log_of(tmp_path / "log.csv", hourly(), values), tmp_path / "run").exit_code == 0
    )
    found = finite(forecast_of(tmp_path / "run", out=tmp_path / "out.csv")[0])
    assert (abs(found["mean"] - 1e12) < 100).all()


@pytest.mark.parametrize(("last", "earlier"), [(300.0, False), (1e9, False), (1e9, True)])
def test_f22_a_newest_reading_far_out_is_named(tmp_path, last, earlier):
    values = wave(120)
    values[-1] = last
    if earlier:
        values[40] = last
    log = log_of(tmp_path / "log.csv", hourly(), values)
    # the first model saw no outlier, the second may have
    clean = log_of(tmp_path / "clean.csv", hourly(), values if earlier else wave(120))
    trained = trained_on(clean, tmp_path / "run")
    assert trained.exit_code == 0, trained.stderr
    answers = [log] if not earlier else []
    found, said = forecast_of(tmp_path / "run", *answers, out=tmp_path / "out.csv")
    finite(found)
    assert f"is {last:g} at 2024-01-05" in said
    mended, said = forecast_of(
        tmp_path / "run", log, "--na", f"level={last:g}", out=tmp_path / "o.csv"
    )
    assert "at 2024-01-05" not in said
    assert (abs(mended["mean"]) < 100).all()


def test_f23_a_long_series_and_many_short_ones_are_read(tmp_path):
    series, count = 3_000, 3
    times = pd.date_range("2024-01-01", periods=count, freq="h").astype(str)
    ids = np.repeat([f"s{k}" for k in range(series)], count)
    log = log_of(tmp_path / "log.csv", np.tile(times, series), wave(series * count), id=ids)
    assert run("inspect", log).exit_code == 0
    long = log_of(tmp_path / "long.csv", np.arange(100_000), wave(100_000))
    assert run("inspect", long, "--time-unit", "s").exit_code == 0


def test_f24_times_in_any_order_are_answered_in_it(trained, log, tmp_path):
    readings = pd.read_csv(log, dtype={"series": str})
    mine = readings[readings["series"] == readings["series"].iloc[0]]["time"]
    times = [mine.max() + 2, mine.min() - 1, mine.max() + 1, mine.iloc[5], mine.max() + 2]
    asked = pd.DataFrame({"series": readings["series"].iloc[0], "time": times})
    asked.to_csv(tmp_path / "times.csv", index=False)
    out = tmp_path / "out.csv"
    options = ("--times", tmp_path / "times.csv", "-o", out)
    result = run("interpolate", trained, log, *options)
    assert result.exit_code == 0, result.stderr
    found = finite(pd.read_csv(out))
    channels = found["channel"].nunique()
    np.testing.assert_allclose(found["time"], np.repeat(times, channels), rtol=1e-9)
    first, last = (found.iloc[part]["mean"] for part in (slice(channels), slice(-channels, None)))
    np.testing.assert_array_equal(first, last)
