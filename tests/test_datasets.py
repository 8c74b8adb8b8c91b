"""The shipped logs: remade byte for byte, as documented, and true to the simulation behind them."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from places import ROOT
from scipy import stats

DATASETS = ROOT / "datasets"
sys.path.insert(0, str(DATASETS))  # the generators are scripts, not part of the package

import make_fixtures  # noqa: E402
import make_pump_station  # noqa: E402
import pump_alarms  # noqa: E402
import pump_physics  # noqa: E402

FIXTURES = DATASETS / "fixtures"
CHANNELS = list(pump_physics.CHANNELS)
PRESSURE, FLOW, TEMPERATURE, VIBRATION, STATE = range(5)
BOOSTERS, LEAD_PUMPS, LAG_PUMPS = (slice(first, None, 3) for first in range(3))


@pytest.fixture(scope="module")
def truth():
    return pump_physics.simulate(make_pump_station.SEED, make_pump_station.DAYS)


@pytest.fixture(scope="module")
def plant():
    return pump_physics.draw_plant(np.random.default_rng(make_pump_station.SEED))


@pytest.fixture(scope="module")
def log():
    frame = pd.read_csv(DATASETS / "pump_station.csv", parse_dates=["timestamp"])
    frame["utc"] = pd.to_datetime(frame["timestamp"], utc=True).dt.as_unit("ns")
    return frame


@pytest.fixture
def expected(truth, log):
    """Noise-free value of every cell of the log, shape (row, channel)."""
    seconds = (log["utc"].astype("int64").to_numpy() - truth.times[0]) / 1e9
    values = np.empty((len(log), len(CHANNELS)))
    for pump, name in enumerate(truth.pump_ids):
        own = (log["sensor_id"] == name).to_numpy()
        values[own] = make_pump_station.read_truth(truth, pump, seconds[own])
    return values


def checksums_of_the_readme() -> dict[str, str]:
    text = (DATASETS / "README.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([^`]+\.csv)` .*\| `([0-9a-f]{64})` \|$", text, re.MULTILINE))


def test_readme_lists_every_file_with_its_checksum():
    found = {
        path.relative_to(DATASETS).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in DATASETS.rglob("*.csv")
    }
    assert checksums_of_the_readme() == found
    assert len(found) == 15


def test_shipped_files_stay_small():
    assert 600_000 < (DATASETS / "pump_station.csv").stat().st_size < 1_000_000
    assert all(path.stat().st_size < 20_000 for path in FIXTURES.iterdir())


def test_pump_station_is_remade_byte_for_byte(truth):
    text = "".join(f"{line}\n" for line in make_pump_station.log_lines(truth))
    assert text.encode() == (DATASETS / "pump_station.csv").read_bytes()


def test_fixtures_are_remade_byte_for_byte(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["make_fixtures.py", "--out", str(tmp_path)])
    make_fixtures.main()
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in FIXTURES.iterdir()}


def test_script_writes_log_and_dense_truth(tmp_path, monkeypatch):
    monkeypatch.setattr(make_pump_station, "DAYS", 0.25)
    log, dense = tmp_path / "log.csv", tmp_path / "truth.csv"
    monkeypatch.setattr(sys, "argv", ["x", "--out", str(log), "--truth", str(dense)])
    make_pump_station.main()
    frame = pd.read_csv(dense, parse_dates=["timestamp"])
    assert frame.shape == (24 * 72, 7)
    assert list(frame.columns) == list(pd.read_csv(log).columns)
    short = pump_physics.simulate(make_pump_station.SEED, 0.25)
    np.testing.assert_allclose(
        frame[CHANNELS].to_numpy(), short.values[::5].reshape(-1, 5), rtol=5e-5, atol=1e-12
    )


def test_another_seed_gives_another_course():
    first, second = (pump_physics.simulate(seed, 0.1).values for seed in (1, 2))
    assert not np.allclose(first, second)


def test_log_has_the_documented_columns_and_pumps(log):
    assert list(log.columns) == [*make_pump_station.HEADER, "utc"]
    assert set(log["sensor_id"]) == {f"pump-{i}" for i in range(1, 25)}
    assert set(log["state"].dropna()) == {0.0, 1.0}
    assert log[CHANNELS].notna().any(axis=1).all()


def test_log_crosses_the_end_of_summer_time_with_both_offsets(log):
    hour = log[log["timestamp"].str.startswith("2025-10-26T02")]
    assert set(hour["timestamp"].str[-6:]) == {"+02:00", "+01:00"}
    assert log["utc"].is_monotonic_increasing
    assert not log["timestamp"].is_monotonic_increasing
    assert not log.duplicated(["utc", "sensor_id"]).any()


def test_sampling_is_irregular_and_channels_have_their_own_times(log):
    gaps = log.groupby("sensor_id")["utc"].diff().dt.total_seconds().dropna() / 60
    assert gaps.median() == pytest.approx(18, abs=4)
    assert gaps.std() > 10
    assert (log.groupby("sensor_id")["utc"].diff() > pd.Timedelta("1h")).sum() > 24
    share = log[CHANNELS].notna().mean()
    assert share["flow"] > 0.85
    assert 0.3 < share["temperature"] < 0.6
    assert 0.15 < share["vibration"] < 0.4
    bursts = log[log["flow"].isna()]
    assert bursts["vibration"].notna().all()
    assert (bursts.groupby("sensor_id")["utc"].diff().dt.total_seconds() < 60).mean() > 0.5


def test_dead_sensors_and_the_late_pump_are_as_documented(log):
    start = log["utc"].iloc[0]
    first = log.groupby("sensor_id")["utc"].min() - start
    assert first["pump-22"] > pd.Timedelta("3D") > first.drop("pump-22").max()
    assert log.loc[log["sensor_id"] == "pump-11", "vibration"].isna().all()
    temperature = log[(log["sensor_id"] == "pump-17") & log["temperature"].notna()]
    assert temperature["utc"].max() - start == pytest.approx(
        pd.Timedelta("4.3D"), abs=pd.Timedelta("1.5h")
    )


@pytest.mark.parametrize("channel", range(4))
def test_measurement_noise_has_the_documented_size(log, expected, channel):
    name = CHANNELS[channel]
    noise = (log[name] - expected[:, channel]).dropna()
    # rounding adds a uniform error of one unit in the last place
    rounding = 10.0 ** -make_pump_station.DECIMALS[name] / np.sqrt(12)
    sd = np.hypot(make_pump_station.NOISE_SD[name], rounding)
    assert abs(noise.std() / sd - 1) < 4 / np.sqrt(2 * len(noise))
    assert abs(noise.mean()) < 4 * sd / np.sqrt(len(noise))


def test_state_is_read_without_error(log, expected):
    read = log["state"].notna().to_numpy()
    np.testing.assert_array_equal(log["state"][read], expected[read, STATE])


def test_reservoirs_keep_their_water(truth, plant):
    inflow = truth.values[1:, LEAD_PUMPS, FLOW] + truth.values[1:, LAG_PUMPS, FLOW]
    stored = 60 * plant["area"] * np.diff(truth.level, axis=0)
    # m3/h; the level is stored in float64, so only round-off is left
    np.testing.assert_allclose(stored, inflow - truth.drivers.fill_demand[1:], atol=1e-9)


def test_running_pumps_settle_where_pump_curve_and_system_curve_meet(truth, plant):
    on = truth.values[:, LEAD_PUMPS, STATE] == 1
    alone = on & (truth.values[:, LAG_PUMPS, FLOW] < 1e-3)
    settled = np.zeros_like(on)
    settled[30:] = np.lib.stride_tricks.sliding_window_view(alone, 31, axis=0).all(axis=-1)
    flow = truth.values[:, LEAD_PUMPS, FLOW] / plant["nominal_flow"][:, 1]
    friction, own = plant["main_friction"], plant["own_head"][:, 1]
    pump_head = plant["static_head"] + 3.0 + friction + own * (1 - flow**2)
    system_head = plant["static_head"] + truth.level + friction * flow**2
    assert settled.mean() > 0.4
    # metres; flow lags behind the level, which moves by less than 1 cm a minute
    np.testing.assert_allclose(pump_head[settled], system_head[settled], atol=0.03)


def test_stopped_motors_cool_to_the_air_with_their_time_constant(truth, plant):
    excess = truth.values[..., TEMPERATURE] - np.repeat(truth.drivers.ambient, 3, axis=1)
    stopped = truth.values[1:, :, STATE] == 0
    cooled = excess[:-1] * (1 - 1 / plant["thermal_tau"].ravel())
    assert stopped.mean() > 0.3
    np.testing.assert_allclose(excess[1:][stopped], cooled[stopped], atol=1e-9)


def test_reservoir_levels_stay_within_their_walls(truth):
    assert truth.level.min() > 1.0
    assert truth.level.max() < 5.0


@pytest.mark.parametrize("channel", [PRESSURE, FLOW, TEMPERATURE, VIBRATION])
def test_daily_profile_beats_the_last_value_six_hours_ahead(truth, channel):
    values = truth.values[::10, :, channel]
    day, horizon, cut = 144, 36, 8 * 144
    profile = values[:cut].reshape(-1, day, 24).mean(axis=0)
    last, target = values[cut:-horizon], values[cut + horizon :]
    seasonal = profile[(np.arange(len(target)) + horizon) % day]
    assert np.abs(target - seasonal).mean() < 0.65 * np.abs(target - last).mean()


def read_fixture(name: str) -> pd.Series:
    """Values by (UTC time, pump, channel), read with nothing but pandas."""
    path = FIXTURES / name
    if name == "long.csv":
        frame = pd.read_csv(path).rename(columns={"series": "pump"})
        frame["time"] = pd.to_datetime(frame["time"], utc=True)
    elif name == "influx_annotated.csv":
        frame = pd.read_csv(path, comment="#")
        frame = frame[frame["_value"] != "_value"]
        frame = frame.rename(columns={"_field": "channel", "_value": "value", "sensor_id": "pump"})
        frame["time"] = pd.to_datetime(frame["_time"], utc=True)
    elif name == "home_assistant.csv":
        frame = pd.read_csv(path).rename(columns={"state": "value"})
        frame = frame[~frame["value"].isin(["unavailable", "unknown"])]
        names = frame["entity_id"].str.extract(r"sensor\.(?P<pump>pump_\d)_(?P<channel>\w+)")
        frame = frame.join(names)
        frame["pump"] = frame["pump"].str.replace("_", "-")
        frame["time"] = pd.to_datetime(frame["last_changed"], utc=True)
    else:
        frame = read_wide_fixture(path)
    frame["time"] = frame["time"].dt.as_unit("ns").dt.round("1ms")
    return frame.set_index(["time", "pump", "channel"])["value"].astype(float).sort_index()


def read_wide_fixture(path: Path) -> pd.DataFrame:
    german = path.name == "decimal_comma.csv"
    frame = pd.read_csv(path, sep=";" if german else ",", decimal="," if german else ".")
    stamps = frame["timestamp"]
    if path.name == "excel_days.csv":
        times = pd.to_datetime(stamps, unit="D", origin="1899-12-30", utc=True)
    elif path.name.startswith("epoch"):
        times = pd.to_datetime(stamps, unit=path.stem.split("_")[1], utc=True)
    else:
        times = pd.to_datetime(stamps, format="%d.%m.%Y %H:%M:%S" if german else None, utc=True)
    frame = frame.assign(time=times).rename(columns={"sensor_id": "pump"})
    channels = [*make_fixtures.USED]
    return frame.melt(["time", "pump"], channels, var_name="channel").dropna()


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.glob("*.csv")))
def test_every_fixture_holds_the_same_readings(name):
    truth = {
        (pd.Timestamp(row.epoch, unit="s", tz="UTC"), row.pump, channel): float(cell)
        for row in make_fixtures.log_rows()
        for channel, cell in row.cells.items()
    }
    assert len(truth) > 150
    assert read_fixture(name).to_dict() == truth


@pytest.mark.parametrize("pump", [0, 15])
def test_alarms_follow_the_rate_that_is_said_to_drive_them(truth, pump):
    rng = np.random.default_rng(4)
    alarms = pump_alarms.draw_alarms(truth, pump, rng)
    expected = pump_alarms.expected_alarms(truth, pump, np.append(alarms, truth.times[-1]))
    assert len(alarms) == pytest.approx(expected[-1], abs=4 * expected[-1] ** 0.5)
    shares = expected[:-1] / expected[-1]
    assert stats.kstest(shares, "uniform").pvalue > 0.01
    # a constant rate is told apart
    even = (alarms - truth.times[0]) / (truth.times[-1] - truth.times[0])
    assert stats.kstest(even, "uniform").pvalue < 0.01


def test_the_rate_of_alarms_is_the_formula_that_is_documented(truth):
    values = truth.values[::997, 15]
    by_hand = 0.08 * np.exp((values[:, TEMPERATURE] - 25) / 7 + 0.6 * values[:, VIBRATION])
    np.testing.assert_allclose(pump_alarms.alarm_rate(values), by_hand)
