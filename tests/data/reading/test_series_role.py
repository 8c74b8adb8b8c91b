"""Which column tells the series apart, by what it does to the times."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_files import said, settings
from random_logs import NAMES, SEEDS, WORDS, few, one_after_another, stamps, walk

from latentode.data.reading.log import read_log
from latentode.errors import DataError


def ids_of(frame, **values):
    dataset, report = read_log(frame, settings(**values))
    return report.columns["id"], dataset.series_ids, dataset.channels


@few
@given(NAMES, WORDS, SEEDS, st.booleans())
def test_words_that_split_repeated_times_are_the_series_whatever_they_are_called(
    name, ids, seed, mixed
):
    frame = one_after_another(ids, 40, seed, name)
    if mixed:
        frame = frame.sort_values("time", kind="stable")
    identity, series, channels = ids_of(frame)
    assert (identity, set(series), channels) == (name, set(ids), ("t",))


@few
@given(NAMES, st.integers(2, 6), st.integers(0, 1), SEEDS)
def test_small_whole_numbers_that_split_repeated_times_are_the_series(name, number, first, seed):
    frame = one_after_another(range(first, first + number), 40, seed, name)
    frame = frame.sort_values("time", kind="stable")
    identity, series, _ = ids_of(frame)
    assert (identity, len(series)) == (name, number)


@few
@given(st.sampled_from(["engine", "pump", "unit", "host", "site", "tag", "location"]), SEEDS)
def test_readings_with_fractions_are_a_channel_though_they_are_called_like_an_id(name, seed):
    frame = pd.DataFrame({"time": stamps(60), name: walk(60, seed), "t": walk(60, seed + 1)})
    identity, _, channels = ids_of(frame)
    assert (identity, set(channels)) == (None, {name, "t"})


@few
@given(
    st.sampled_from(["pump", "engine", "unit", "machine"]),
    st.sampled_from([("on", "off"), ("open", "closed"), (0, 1), ("ja", "nein")]),
    SEEDS,
)
def test_two_states_of_one_clock_are_a_channel_though_they_are_called_like_an_id(
    name, states, seed
):
    chosen = np.random.default_rng(seed).integers(0, 2, 80)
    frame = pd.DataFrame({"time": stamps(80), name: np.array(states)[chosen], "t": walk(80, seed)})
    identity, _, channels = ids_of(frame)
    assert (identity, set(channels)) == (None, {name, "t"})


def test_rotations_in_whole_numbers_are_a_channel():
    speed = np.random.default_rng(0).integers(800, 3000, 200)
    frame = pd.DataFrame({"time": stamps(200, "1s"), "engine": speed, "t": walk(200, 0)})
    identity, _, channels = ids_of(frame)
    assert (identity, channels) == (None, ("engine", "t"))


@few
@given(NAMES, WORDS, SEEDS)
def test_words_with_clocks_of_their_own_are_the_series_where_no_time_repeats(name, ids, seed):
    frame = one_after_another(ids, 40, seed, name)
    place = frame[name].map({each: number for number, each in enumerate(ids)})
    frame["time"] += pd.to_timedelta(73 * place, unit="s")
    frame = frame.sort_values("time", kind="stable")
    assert not frame["time"].duplicated().any()
    identity, series, _ = ids_of(frame)
    assert (identity, set(series)) == (name, set(ids))


@few
@given(NAMES, WORDS, SEEDS)
def test_words_at_whose_changes_the_time_falls_back_are_the_series(name, ids, seed):
    frame = one_after_another(ids, 40, seed, name)
    apart = np.random.default_rng(seed).integers(1, 500, len(frame)).cumsum()
    inside = frame.groupby(name, sort=False).cumcount()
    frame["time"] = stamps(1)[0] + pd.to_timedelta(600 * inside + apart % 599, unit="s")
    frame = frame[~frame["time"].duplicated()]
    assert ids_of(frame)[0] == name


@few
@given(st.sampled_from(["mode", "Betriebsart", "weather", "shift"]), SEEDS)
def test_words_that_change_on_one_even_clock_are_no_series(name, seed):
    modes = np.random.default_rng(seed).choice(["auto", "manual", "eco"], 90)
    frame = pd.DataFrame({"time": stamps(90), name: modes, "t": walk(90, seed)})
    assert ids_of(frame) == (None, ("series",), ("t",))


def jittered(ids, number, seed, name):
    """Series with times and levels of their own, row by row in order of time."""
    rng = np.random.default_rng(seed)
    parts = []
    for place, each in enumerate(ids):
        seconds = rng.uniform(600, 1200, number).cumsum()
        times = stamps(1)[0] + pd.to_timedelta(seconds.round(), unit="s")
        parts.append(pd.DataFrame({"time": times, name: each, "t": walk(number, seed + place)}))
        parts[-1]["t"] += 3 * place
    frame = pd.concat(parts).sort_values("time", ignore_index=True)
    return frame[~frame["time"].duplicated()]


@few
@given(NAMES, WORDS, SEEDS)
def test_words_within_which_readings_run_on_are_the_series(name, ids, seed):
    frame = jittered(ids, 200, seed, name)
    identity, series, channels = ids_of(frame)
    assert (identity, set(series), channels) == (name, set(ids), ("t",))


@few
@given(st.sampled_from(["class", "operator", "Reservoir"]), SEEDS, st.booleans())
def test_words_that_follow_from_readings_or_stand_beside_them_are_no_series(name, seed, follow):
    rng = np.random.default_rng(seed)
    seconds = rng.uniform(600, 1200, 400).cumsum().round()
    frame = pd.DataFrame({"time": stamps(1)[0] + pd.to_timedelta(seconds, unit="s")})
    frame["t"] = rng.normal(20, 3, 400).round(3) if follow else walk(400, seed)
    rank = frame["t"].rank(pct=True).mul(2.99) if follow else rng.uniform(0, 2.99, 400)
    frame[name] = np.array(["good", "fair", "poor"])[np.asarray(rank, dtype=int)]
    assert ids_of(frame) == (None, ("series",), ("t",))


def test_units_name_no_series():
    frame = pd.DataFrame({"time": stamps(50), "t": walk(50, 0), "unit": "°C"})
    dataset, report = read_log(frame, settings())
    assert report.columns["id"] is None
    assert not any("series id" in each for each in said(report))
    assert dataset.channels == ("t",)


def test_times_of_day_beside_the_time_name_no_series():
    times = stamps(200, "37min")
    frame = pd.DataFrame(
        {"Zeitstempel": times, "Uhrzeit": times.strftime("%H:%M"), "t": walk(200, 0)}
    )
    dataset, report = read_log(frame, settings())
    assert (report.columns["id"], dataset.channels) == (None, ("t",))
    assert not any("--id-column" in each for each in said(report))


def test_a_second_name_of_the_series_is_left_out_with_the_way_to_give_it_to_the_model():
    frame = one_after_another(["a", "b"], 40, 0, "sensor_id")
    frame["room"] = frame["sensor_id"].map({"a": "kitchen", "b": "bath"})
    dataset, report = read_log(frame, settings())
    assert (report.columns["id"], dataset.channels) == ("sensor_id", ("t",))
    assert any('--static-columns "room"' in each for each in said(report))
    dataset, _ = read_log(frame, settings(columns__static=("room",)))
    assert set(dataset.static_columns) == {"room=bath", "room=kitchen"}


def test_two_columns_that_tell_the_series_apart_together_are_asked_for_and_joined():
    frame = pd.concat(
        [
            pd.DataFrame({"time": stamps(50), "site": site, "nr": nr, "t": walk(50, nr)})
            for site in ("A", "B")
            for nr in (1, 2)
        ]
    ).sort_values("time", kind="stable")
    with pytest.raises(DataError, match='--id-column "site,nr"') as refused:
        read_log(frame, settings())
    assert "--duplicates" not in str(refused.value)
    identity, series, channels = ids_of(frame, columns__id="site,nr")
    assert (identity, channels) == ("site,nr", ("t",))
    assert series == ("A/1", "A/2", "B/1", "B/2")


@few
@given(st.sampled_from([24, 48, 96]), st.integers(0, 1), SEEDS, st.booleans())
def test_numbers_of_the_parts_of_a_day_beside_a_date_are_asked_about(parts, first, seed, words):
    number = np.tile(np.arange(first, first + parts), 10)
    dates = np.repeat(stamps(10, "1D").strftime("%Y-%m-%d"), parts)
    marks = [f"HE{each:02d}" for each in number] if words else number
    frame = pd.DataFrame({"Date": dates, "Interval": marks, "MW": walk(len(dates), seed)})
    try:
        dataset, _ = read_log(frame, settings())
    except DataError as refused:
        assert "time of day" in str(refused)  # noqa: PT017
    else:  # hours are joined with the date
        assert dataset.readings.num_rows == 10 * parts
        assert dataset.series_ids == ("series",)


@few
@given(st.sampled_from([1800, 900, 300]), st.booleans(), NAMES, SEEDS)
def test_numbers_of_the_periods_of_each_day_are_its_times_once_the_zone_is_known(
    step, change, name, seed
):
    zone = "Europe/London" if change else "UTC"
    times = pd.date_range("2024-03-25", periods=20 * 86_400 // step, freq=f"{step}s", tz="UTC")
    dates = pd.Series(times.tz_convert(zone).strftime("%Y-%m-%d"))
    period = dates.groupby(dates).cumcount() + 1
    frame = pd.DataFrame({"date": dates, name: period, "t": walk(len(dates), seed)})
    if change:
        with pytest.raises(DataError, match="as a day on which clocks change"):
            read_log(frame)
    dataset, _ = read_log(frame, settings(time__tz=zone))
    assert dataset.series_ids == ("series",)
    assert dataset.readings.times.tolist() == times.as_unit("ns").asi8.tolist()


@few
@given(SEEDS)
def test_numbers_each_of_which_stands_once_are_no_series(seed):
    number = np.random.default_rng(seed).permutation(60)
    frame = pd.DataFrame({"date": ["2024-05-14"] * 60, "k": number, "t": walk(60, seed)})
    with pytest.raises(DataError, match="have the series, channel and time of another"):
        read_log(frame)


@few
@given(
    st.sampled_from(["machine", "unit", "pump", "Anlage"]),
    st.sampled_from([("idle", "run", "setup"), ("Betrieb", "Stillstand", "Wartung"),
                     ("heating", "off"), ("auto", "manual", "fault", "off")]),
    SEEDS,
)  # fmt: skip
def test_states_of_a_machine_are_no_series(name, states, seed):
    runs = np.random.default_rng(seed).integers(0, len(states), 20).repeat(15)
    frame = pd.DataFrame({"time": stamps(300), name: np.array(states)[runs], "t": walk(300, seed)})
    identity, series, _ = ids_of(frame)
    assert (identity, len(series)) == (None, 1)


@few
@given(NAMES, st.sampled_from([(0.5, 1.0, 2.5), (-5.0, 0.0, 5.0)]), SEEDS)
def test_depths_that_tell_readings_apart_are_asked_about_by_name(name, depths, seed):
    frame = one_after_another(depths, 40, seed, name).sort_values("time", kind="stable")
    with pytest.raises(DataError, match=f'--id-column "{name}"'):
        read_log(frame)
    identity, series, channels = ids_of(frame, columns__id=name)
    assert (identity, len(series), channels) == (name, 3, ("t",))


@few
@given(SEEDS)
def test_places_that_tell_readings_apart_together_are_asked_about(seed):
    frame = pd.concat(
        [
            one_after_another((7.25, 7.5, 8.1), 40, seed + place, "lon").assign(lat=lat)
            for place, lat in enumerate((54.5, 55.25))
        ]
    )
    with pytest.raises(DataError, match=r'--id-column "(lon,lat|lat,lon)"'):
        read_log(frame)
    assert len(ids_of(frame, columns__id="lat,lon")[1]) == 6
