"""The shipped reservoirs: remade byte for byte, as documented, and true to their water balance."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from log_files import settings
from places import ROOT
from scipy import stats

from latentode.data.reading.log import read_log

DATASETS = ROOT / "datasets"
sys.path.insert(0, str(DATASETS))  # the generators are scripts, not part of the package

import make_reservoirs  # noqa: E402
import reservoir_physics  # noqa: E402
from reservoir_physics import AREA, CATCHMENT, RESERVOIRS, STEP_HOURS, VALVE  # noqa: E402

HISTORY, NEXT = DATASETS / "reservoirs_history.csv", DATASETS / "reservoirs_next.csv"
ALARMS, PLAN = DATASETS / "reservoir_alarms.csv", DATASETS / "reservoir_plan.csv"
READ = {"time__tz": "Europe/Berlin", "cells__na": ("-999",)}
HOUR = 3_600_000_000_000


@pytest.fixture(scope="module")
def truth():
    return reservoir_physics.simulate(make_reservoirs.SEED, make_reservoirs.DAYS)


@pytest.fixture(scope="module")
def log():
    """Both months, read with nothing but pandas: the order of the rows tells the hour apart."""
    parts = [pd.read_csv(path, sep=";", decimal=",", skiprows=[1]) for path in (HISTORY, NEXT)]
    frame = pd.concat(parts, ignore_index=True)
    wall = pd.to_datetime(frame["time"], format="%d.%m.%Y %H:%M:%S")
    before = (frame.index < wall.diff().lt(pd.Timedelta(0)).idxmax()).astype(bool)
    frame["utc"] = wall.dt.tz_localize("Europe/Berlin", ambiguous=before).dt.tz_convert("UTC")
    return frame


def of_series(log, name):
    own = log[log["reservoir"] == name]
    return own, own["utc"].dt.as_unit("ns").astype("int64").to_numpy()


def test_all_files_are_remade_byte_for_byte(truth, tmp_path, monkeypatch):
    monkeypatch.setattr(make_reservoirs, "simulate", lambda _seed, _days: truth)
    monkeypatch.setattr(sys, "argv", ["make_reservoirs.py", "--out", str(tmp_path)])
    make_reservoirs.main()
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    shipped = [HISTORY, NEXT, ALARMS, PLAN]
    assert made == {path.name: path.read_bytes() for path in shipped}
    assert sum(map(len, made.values())) < 1_500_000


def test_truth_is_written_as_simulated(truth):
    head, *lines = make_reservoirs.truth_lines(truth, every=288)
    assert head == "time,reservoir,level,inflow,valve,rain,outflow"
    assert len(lines) == len(RESERVOIRS) * make_reservoirs.DAYS
    stamp, name, *values = lines[4].split(",")
    assert (stamp, name) == ("2025-09-01T22:00:00+00:00", RESERVOIRS[1])
    assert float(values[0]) == pytest.approx(truth.level[288, 1], rel=1e-4)


def test_another_seed_gives_another_course():
    first, second = (reservoir_physics.simulate(seed, 2).level for seed in (1, 2))
    assert not np.allclose(first, second)


def test_no_water_is_lost(truth):
    stored = AREA * np.diff(truth.level, axis=0) / STEP_HOURS
    gained = truth.inflow + CATCHMENT * truth.rain / 1000 - truth.outflow
    np.testing.assert_allclose(stored, gained[:-1], atol=1e-9)
    assert 0.5 < truth.level.min() < truth.level.max() < 5.0


def test_the_outlet_opens_above_one_level_and_shuts_below_another(truth):
    moves = np.diff(truth.valve, axis=0)
    assert truth.level[1:][moves > 0].min() > reservoir_physics.OPENS
    assert truth.level[1:][moves < 0].max() <= reservoir_physics.SHUTS
    demand = truth.outflow - truth.valve * VALVE * np.sqrt(truth.level)
    assert demand.min() > 0


@pytest.mark.parametrize("index", range(len(RESERVOIRS)))
def test_the_water_balance_closes_over_the_days_of_the_log(truth, log, index):
    own, times = of_series(log[log["level"] > 0], RESERVOIRS[index])
    rain = np.cumsum(truth.rain[:, index]) * STEP_HOURS * CATCHMENT[index] / 1000
    fallen = np.interp(times, truth.times, rain)
    hours = (times - times[0]) / HOUR
    pumped = np.append(0, np.cumsum(own["inflow"].to_numpy()[:-1] * np.diff(hours)))
    # a new meter starts from 0: what it rose by in the quarter of an hour before is not known
    supplied = own["outflow"].diff().clip(lower=0).fillna(0).cumsum().to_numpy()
    excess = AREA[index] * own["level"].to_numpy() - (pumped + fallen - supplied)
    days = np.searchsorted(hours, 24.0 * np.arange(1, 91))
    gaps = np.maximum.reduceat(np.append(np.diff(hours), 0.0), days[:-1])
    lost = np.diff(excess[days])[gaps < 0.6]  # in days without a failure
    day = 24 * reservoir_physics.MEAN_DEMAND[index]
    assert len(lost) > 60
    # a switch falls anywhere between two reports: up to a quarter of an hour of one pump, 8 a day
    assert np.abs(lost).mean() < 0.02 * day
    assert abs(lost.mean()) < 0.01 * day


@pytest.mark.parametrize("name", RESERVOIRS)
def test_the_plan_is_what_the_pumps_deliver(log, name):
    plan = pd.read_csv(PLAN, sep=";", decimal=",")
    own = plan[plan["reservoir"] == name]
    starts = pd.to_datetime(own["time"], format="%d.%m.%Y %H:%M:%S").dt.tz_localize("Europe/Berlin")
    assert starts.iloc[0] == pd.Timestamp("2025-11-01", tz="Europe/Berlin")
    assert starts.is_monotonic_increasing
    assert (own["inflow"].diff() != 0).all()
    rows = log[(log["reservoir"] == name) & (log["utc"] >= starts.iloc[0])]
    planned = own["inflow"].to_numpy()[np.searchsorted(starts, rows["utc"], side="right") - 1]
    error = rows["inflow"].to_numpy() / planned - 1
    # noise of one percent, rounding to 0.1 of at least 48 m3/h
    assert np.abs(error).max() < 0.05
    assert error.std() == pytest.approx(make_reservoirs.INFLOW_SHARE, rel=0.05)


def test_the_hour_that_occurs_twice_has_both_passes(log):
    hour = log[log["time"].str.startswith("26.10.2025 02:")]
    assert set(hour["utc"].dt.hour) == {0, 1}
    assert log["utc"].is_monotonic_increasing
    assert not log.duplicated(["utc", "reservoir"]).any()
    assert log["utc"].iloc[-1] < pd.Timestamp("2025-12-01", tz="Europe/Berlin")


def test_reports_come_about_every_quarter_of_an_hour_with_gaps(log):
    gaps = log.groupby("reservoir")["utc"].diff().dt.total_seconds().dropna() / 60
    assert gaps.median() == pytest.approx(15, abs=0.5)
    assert 1 < gaps[gaps < 30].std() < 5
    assert (gaps > 60).groupby(log["reservoir"]).sum().between(3, 8).all()


def test_sensors_fail_and_a_meter_is_replaced_as_documented(log):
    failed = log[log[["level", "rain"]].eq(-999).any(axis=1)]
    assert set(failed["reservoir"]) == {"Mill", "South"}
    mill, south = (failed[failed["reservoir"] == name] for name in ("Mill", "South"))
    assert (mill["level"] == -999).all()
    assert pd.Timedelta("2.5D") < mill["utc"].max() - mill["utc"].min() < pd.Timedelta("2.8D")
    later = log[(log["reservoir"] == "South") & (log["utc"] >= south["utc"].min())]
    assert (later["rain"] == -999).all()
    falls = log.groupby("reservoir")["outflow"].diff() < 0
    assert log.loc[falls, "reservoir"].tolist() == ["South"]
    assert log.loc[falls, "outflow"].item() == 0


def test_rain_is_mostly_exactly_zero(log):
    rain = log.loc[log["rain"] != -999, "rain"]
    assert 0.85 < (rain == 0).mean() < 0.97
    assert rain.min() == 0


def test_alarms_follow_the_rates_that_are_documented(truth):
    marks = make_reservoirs.alarm_rates(truth)
    alarms = make_reservoirs.draw_alarms(truth)
    low = 0.6 / (1 + np.exp((truth.level[::997] - 2.6) / 0.1))
    np.testing.assert_allclose(marks["low level"][::997], low)
    pumps = truth.inflow / reservoir_physics.PUMP_FLOW
    np.testing.assert_allclose(marks["pump trip"], 0.006 * pumps)
    for mark, rates in marks.items():
        expected = np.cumsum(rates.sum(axis=1)) * STEP_HOURS
        own = np.array([seconds for seconds, _, each in alarms if each == mark]) * 10**9
        assert len(own) == pytest.approx(expected[-1], abs=4 * expected[-1] ** 0.5)
        shares = np.interp(own, truth.times + STEP_HOURS * HOUR, expected) / expected[-1]
        assert stats.kstest(shares, "uniform").pvalue > 0.01


def test_alarms_name_reservoirs_and_marks_of_the_history():
    alarms = pd.read_csv(ALARMS, sep=";")
    assert list(alarms.columns) == ["time", "reservoir", "alarm"]
    assert set(alarms["reservoir"]) <= set(RESERVOIRS)
    assert set(alarms["alarm"]) == {"low level", "pump trip"}
    assert alarms["time"].str[3:].str.startswith(("09.2025", "10.2025")).all()


def test_what_has_to_be_told_is_asked_with_the_options_that_answer_it(log):
    _, report = read_log(HISTORY, settings())
    message = " ".join(question.message for question in report.questions)
    assert "--na=-999" in message
    assert "--tz Europe/Berlin" in message
    for path in (HISTORY, NEXT):
        dataset, report = read_log(path, settings(**READ))
        assert not report.questions
        assert dataset.channels == ("level", "inflow", "valve", "rain", "outflow")
        assert dict(dataset.units) == {
            "level": "m",
            "inflow": "m3/h",
            "rain": "mm",
            "outflow": "m3",
        }
        first, last = dataset.readings.times.min(), dataset.readings.times.max()
        for index, name in enumerate(dataset.series_ids):
            _, times = of_series(log, name)
            rows = dataset.readings.rows_of(index)
            expected = times[(times >= first) & (times <= last)]
            np.testing.assert_array_equal(dataset.readings.times[rows], expected)


def test_what_pandas_makes_of_the_file_is_read_alike():
    frame = pd.read_csv(NEXT, sep=";", decimal=",", low_memory=False)
    assert frame["level"].iloc[0] == "m"  # the row of units makes text of the columns
    plain, _ = read_log(NEXT, settings(**READ))
    dataset, report = read_log(frame, settings(**READ))
    assert not report.questions
    assert dataset.series_ids == plain.series_ids == ("Mill", "North", "South")
    np.testing.assert_array_equal(dataset.readings.times, plain.readings.times)
    np.testing.assert_array_equal(dataset.readings.values, plain.readings.values)
