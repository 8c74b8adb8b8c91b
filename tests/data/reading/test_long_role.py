"""Which logs are long, and which are stacked to be so."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from log_files import read, readings_of, settings
from random_logs import SEEDS, few, stamps, walk

from latentode.data.reading.log import read_log


def long_log(names, number, seed, name="tag", value="value"):
    return pd.concat(
        [
            pd.DataFrame({"time": stamps(number), name: each, value: walk(number, seed + place)})
            for place, each in enumerate(names)
        ]
    )


@few
@given(
    st.sampled_from(["tag", "Tag", "statistic_id", "entity_id", "__name__", "Messgröße", "item"]),
    st.sampled_from(["value", "Wert", "reading", "valuenum", "state"]),
    SEEDS,
)
def test_names_beside_a_value_are_channels(name, value, seed):
    frame = long_log(["FIC101", "TIC22", "PI3"], 30, seed, name, value)
    dataset, report = read_log(frame, settings())
    assert dataset.channels == ("FIC101", "PI3", "TIC22")
    assert dataset.series_ids == ("series",)
    assert report.columns["channel"] == name


@few
@given(st.sampled_from(["channel", "itemid", "parameter"]), st.lists(
    st.integers(1, 300_000), min_size=2, max_size=4, unique=True), SEEDS)  # fmt: skip
def test_whole_numbers_may_be_names_of_channels(name, codes, seed):
    dataset, _ = read_log(long_log(codes, 30, seed, name), settings())
    assert dataset.channels == tuple(map(str, sorted(codes)))


@few
@given(SEEDS, st.sampled_from(["device", "patient_id", "site"]))
def test_a_long_log_may_have_an_id_as_well(seed, name):
    frame = pd.concat(
        [long_log(["t", "rh"], 30, seed + place, "variable").assign(**{name: each})
         for place, each in enumerate(("a", "b"))]
    )  # fmt: skip
    dataset, report = read_log(frame, settings())
    assert (dataset.series_ids, dataset.channels) == (("a", "b"), ("rh", "t"))
    assert report.columns["id"] == name


@few
@given(SEEDS)
def test_names_whose_values_lie_apart_are_channels_where_no_time_repeats(seed):
    rng = np.random.default_rng(seed)
    high = rng.random(120) > 0.5
    frame = pd.DataFrame(
        {
            "time": stamps(120, "17s"),
            "Ort": np.where(high, "boiler", "tank"),
            "value": walk(120, seed) + np.where(high, 80, 0),
        }
    )
    dataset, _ = read_log(frame, settings())
    assert dataset.channels == ("boiler", "tank")


def test_a_remark_beside_a_value_names_no_channel():
    remarks = [""] * 60
    remarks[7], remarks[30] = "cleaned", "new battery"
    frame = pd.DataFrame({"time": stamps(60), "value": walk(60, 0), "remark": remarks})
    assert read_log(frame, settings())[0].channels == ("value",)


@few
@given(
    st.sampled_from(["statistic_id", "entity_id", "tag", "variable"]),
    st.sampled_from([("mean", "min", "max"), ("state", "sum"), ("value_min", "value_max")]),
    SEEDS,
)
def test_several_values_of_a_name_are_channels_of_their_own(name, values, seed):
    names = ["sensor.power", "sensor.heat"]
    frame = pd.concat(
        [
            pd.DataFrame(
                {"start": stamps(25, "1h"), name: each}
                | {value: walk(25, seed + place) for place, value in enumerate(values)}
            )
            for each in names
        ],
        ignore_index=True,
    )
    dataset, report = read_log(frame, settings())
    assert set(dataset.channels) == {f"{each} {value}" for each in names for value in values}
    read = readings_of(dataset)
    at = int(frame["start"].astype("datetime64[ns]").astype("int64")[3])
    for value in values:
        assert read["series", f"sensor.power {value}", at] == frame[value][3]
    again, _ = read_log(frame, report.pinned(settings()))
    assert readings_of(again) == read


def test_one_statistic_of_each_name_is_the_value_of_its_channel():
    frame = long_log(["sensor.power", "sensor.heat"], 30, 0, "entity_id", "mean")
    assert read_log(frame, settings())[0].channels == ("sensor.heat", "sensor.power")


@few
@given(SEEDS, st.sampled_from(["value first", "epoch", "numbered"]))
def test_pairs_are_found_whichever_comes_first_and_whatever_numbers_the_rows(seed, form):
    times = [
        1_715_644_800 + np.random.default_rng(seed + k).integers(9, 90, 60).cumsum() for k in (0, 1)
    ]
    values = [walk(60, seed), walk(60, seed + 1)]
    cells = times if form == "epoch" else [pd.to_datetime(each, unit="s") for each in times]
    pairs = [{f"{name}_t": cells[k], name: values[k]} for k, name in enumerate("pq")]
    if form == "value first":
        pairs = [dict(reversed(pair.items())) for pair in pairs]
    frame = pd.DataFrame(pairs[0] | pairs[1])
    if form == "numbered":
        frame.insert(0, "No.", np.arange(60) + 1)
    dataset, report = read_log(frame, settings())
    truth = {
        (name, int(t) * 10**9): value
        for k, name in enumerate("pq")
        for t, value in zip(times[k], values[k], strict=True)
    }
    assert {(name, t): value for (_, name, t), value in readings_of(dataset).items()} == truth
    again, _ = read_log(frame, report.pinned(settings()))
    assert readings_of(again) == readings_of(dataset)


def test_pairs_below_the_names_of_groups_are_called_after_them(tmp_path):
    first, second = stamps(40, "50s"), stamps(40, "70s")
    text = "Pump A;;Pump B;\nTime;Value;Time;Value\n" + "".join(
        f"{first[k]};{k}.5;{second[k]};{2 * k}.25\n" for k in range(40)
    )
    dataset, _ = read(tmp_path, text)
    assert set(dataset.channels) == {"Pump A Value", "Pump B Value"}


@few
@given(SEEDS, st.booleans())
def test_pairs_of_times_and_values_keep_their_own_times(seed, elapsed):
    first, second = np.arange(40) * 0.5, np.arange(40) * 0.7 + 0.1
    names = ["t1 (s)", "t2 (s)"]
    if not elapsed:
        names = ["Time 1", "Time 2"]
        first, second = (stamps(1)[0] + pd.to_timedelta(each, unit="s") for each in (first, second))
    frame = pd.DataFrame(
        {names[0]: first, "p": walk(40, seed), names[1]: second, "q": walk(40, seed + 1)}
    )
    dataset, report = read_log(frame, settings())
    assert dataset.channels == ("p", "q")
    assert dataset.readings.num_readings == 80
    steps = [
        np.diff(dataset.readings.times[rows]).max()
        for rows in (
            dataset.readings.reading_rows()[dataset.readings.channel_index == channel]
            for channel in (0, 1)
        )
    ]
    assert steps == [500_000_000, 700_000_000]
    again, _ = read_log(frame, report.pinned(settings()))
    assert readings_of(again) == readings_of(dataset)
