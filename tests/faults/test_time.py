"""F09 to F18: what a time column can hold."""

import numpy as np
import pandas as pd
import pytest
from cli_cases import run
from fault_logs import forecast_of, hourly, log_of, stamps, trained_on, wave

SECOND = 10**9
DAY = 86_400 * SECOND
BEGIN = 1_577_836_800 * SECOND  # 2020


def read(tmp_path, times, *options, values=None):
    values = wave(len(times)) if values is None else values
    return run("inspect", log_of(tmp_path / "log.csv", times, values), *options)


def test_f09_rows_in_any_order_are_the_same_log(tmp_path):
    times, values = np.array(hourly()), wave(120)
    order = np.arange(120)[::-1]
    forecasts = []
    for name, rows in (("sorted", np.arange(120)), ("reversed", order)):
        (tmp_path / name).mkdir()
        log = log_of(tmp_path / name / "log.csv", times[rows], values[rows])
        assert trained_on(log, tmp_path / name / "run").exit_code == 0
        out = tmp_path / name / "out.csv"
        forecasts.append(forecast_of(tmp_path / name / "run", out=out)[0])
    assert forecasts[0].equals(forecasts[1])


def test_f10_a_time_that_stands_twice_is_counted_or_refused_by_line(tmp_path):
    times, values = hourly(40), wave(40)
    times[7] = times[6]
    differing = read(tmp_path, times, values=values)
    assert differing.exit_code == 3
    assert "line 9" in differing.stderr
    values[7] = values[6]
    equal = read(tmp_path, times, values=values)
    assert equal.exit_code == 0, equal.stderr
    assert "39 times" in equal.output


@pytest.mark.parametrize("cell", ["", "NaT"])
def test_f11_a_row_without_a_time_is_no_row(tmp_path, cell):
    times = hourly(40)
    times[7] = cell
    result = trained_on(log_of(tmp_path / "log.csv", times, wave(40)), tmp_path / "run")
    assert result.exit_code == 3
    assert "line 9" in result.stderr
    assert not (tmp_path / "run").exists()


def test_f12_offsets_on_both_sides_of_a_change_of_clocks_are_exact(tmp_path):
    times = [f"2024-10-27T02:{m:02}:00+02:00" for m in range(0, 60, 5)]
    times += [f"2024-10-27T02:{m:02}:00+01:00" for m in range(0, 60, 5)]
    log = log_of(tmp_path / "log.csv", times, wave(24))
    assert "2024-10-27T00:00" in run("inspect", log).output.replace(" ", "T")


def test_f13_fractions_of_any_length_are_read(tmp_path):
    times = ["2024-01-01T00:00:00", "2024-01-01T00:00:01.5", "2024-01-01T00:00:02.123456789"]
    result = read(tmp_path, times)
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
def test_f14_the_unit_of_epoch_times_is_told_by_their_size(tmp_path, unit):
    times = [(BEGIN // SECOND + 3_600 * k) * unit for k in range(40)]
    result = read(tmp_path, times)
    assert result.exit_code == 0, result.stderr
    assert "2020-01-01" in result.output


def test_f15_days_and_months_that_change_places_are_asked_about(tmp_path):
    times = ["03/04/2024", "13/04/2024", "04/13/2024", "05/04/2024"]
    result = read(tmp_path, times)
    assert result.exit_code == 3
    assert len(result.stderr.strip().splitlines()) == 1


def test_f16_a_shift_of_all_times_changes_no_number(tmp_path):
    forecasts = []
    for shift in (0, 1_700_000_000):
        (folder := tmp_path / str(shift)).mkdir()
        times = [f"{shift + k / 10:.1f}" for k in range(120)]
        log = log_of(folder / "log.csv", times, wave(120))
        assert trained_on(log, folder / "run", "--time-unit", "s").exit_code == 0
        forecasts.append(forecast_of(folder / "run", out=folder / "out.csv")[0])
    assert len(forecasts[0]) > 1
    for name in ("mean", "sd", "q0.05", "q0.95"):
        np.testing.assert_array_equal(forecasts[0][name], forecasts[1][name])


@pytest.mark.parametrize("time", ["2016-12-31T23:59:60", "1600-01-01", "9999-12-31T23:00:00"])
def test_f17_times_at_the_edges_are_read_or_refused_by_line(tmp_path, time):
    result = read(tmp_path, [*hourly(10), time])
    assert result.exit_code in (0, 3)
    assert result.exit_code == 0 or "line 12" in result.stderr


BURSTS = {
    "clusters ten years apart": np.r_[
        BEGIN + np.arange(60) * 60 * SECOND, BEGIN + 3650 * DAY + np.arange(60) * 60 * SECOND
    ],
    "a nanosecond beside a day": np.concatenate(
        [BEGIN + k * DAY + np.arange(4) for k in range(30)]
    ),
    "milliseconds, then days": np.concatenate(
        [BEGIN + 3 * k * DAY + np.arange(20) * 10**6 for k in range(15)]
    ),
}


@pytest.mark.parametrize("settings", [(), ("--set", "model.knots=0")], ids=["knots", "no knots"])
@pytest.mark.parametrize("name", BURSTS)
def test_f18_bursts_with_long_gaps_are_forecast(tmp_path, name, settings):
    times = BURSTS[name]
    log = log_of(tmp_path / "log.csv", stamps(times), wave(len(times)))
    steps = ("--set", "solver.step_size=none")
    trained = trained_on(log, tmp_path / "run", *steps, *settings)
    assert trained.exit_code == 0, trained.stderr
    found, _ = forecast_of(tmp_path / "run", out=tmp_path / "out.csv")
    assert np.isfinite(found[["mean", "sd"]]).all(axis=None)


def test_f18_a_far_query_costs_only_itself(trained, log, tmp_path):
    readings = pd.read_csv(log, dtype={"series": str})
    name = readings["series"].iloc[0]
    near = [readings["time"].max() + step for step in (0.5, 1.0, 1.5)]
    answers = []
    for times in (near, [*near, 1e9]):
        (tmp_path / "times.csv").write_text(
            "\n".join(["series,time", *(f"{name},{t}" for t in times)])
        )
        answers.append(
            forecast_of(trained, "--times", tmp_path / "times.csv", out=tmp_path / "out.csv")
        )
    (alone, _), (found, said) = answers
    assert "latent path is followed" in said
    assert len(found) > len(alone)
    assert np.isfinite(found[["mean", "sd"]]).all(axis=None)
    same = found[found["time"] < 1e8].reset_index(drop=True)
    np.testing.assert_allclose(same["mean"], alone["mean"], rtol=1e-4, atol=1e-4)
