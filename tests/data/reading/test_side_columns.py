"""Columns of quality and of units, and columns that only tell rows apart."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from log_files import said, settings
from random_logs import SEEDS, few, stamps, walk

from latentode.data.reading.log import read_log
from latentode.errors import DataError

WORDS = st.sampled_from(
    [
        ("Good", "Bad"),
        ("gut", "schlecht"),
        ("OK", "Fehler"),
        ("bon", "douteux"),
        ("V", "N"),
        (192, 0),
        (192, 24),
        (1, 4),
        (0, 1),
        (1, 9),
        ("192", "64"),
        ("GoodClamped", "BadSensorFailure"),
        (True, False),
        ("true", "false"),
    ]
)


def marked(number, words, seed, share=0.2):
    """A column of words for good and bad, and where it is good."""
    good = np.random.default_rng(seed).random(number) > share
    good[0] = True
    return [words[0] if each else words[1] for each in good], good


@few
@given(st.sampled_from(["Quality", "Qualität", "qc", "StatusCode", "validity"]), WORDS, SEEDS)
def test_rows_of_bad_quality_are_left_out_counted_and_kept_on_request(name, words, seed):
    cells, good = marked(80, words, seed)
    frame = pd.DataFrame({"time": stamps(80), "t": walk(80, seed), name: cells})
    dataset, report = read_log(frame, settings())
    assert dataset.channels == ("t",)
    assert dataset.readings.num_readings == good.sum()
    assert report.counts.get("readings_of_bad_quality", 0) == (~good).sum()
    assert any("--quality all" in each for each in said(report))
    dataset, _ = read_log(frame, settings(cells__quality="all"))
    assert (dataset.channels, dataset.readings.num_readings) == (("t",), 80)


@few
@given(st.sampled_from([("flag", ("V", "I")), ("Flag", ("", "x")), ("q", (192, 24))]), SEEDS)
@example(("Flag", ("", "x")), 137)  # x in 21 % of the rows
def test_short_names_of_quality_count_where_their_cells_tell_it(named, seed):
    name, words = named
    cells, good = marked(80, words, seed, share=0.1)
    frame = pd.DataFrame({"time": stamps(80), "t": walk(80, seed), name: cells})
    dataset, report = read_log(frame, settings())
    assert dataset.channels == ("t",)
    asked = ["quality"] if "" in words and (~good).mean() > 0.2 else []
    assert [question.about for question in report.questions] == asked
    assert dataset.readings.num_readings == (80 if asked else good.sum())


@few
@given(SEEDS)
def test_a_flow_called_q_is_a_channel(seed):
    flow = np.random.default_rng(seed).integers(195, 215, 80)
    frame = pd.DataFrame({"time": stamps(80), "q": flow, "flag": flow % 2, "t": walk(80, seed)})
    assert set(read_log(frame, settings())[0].channels) == {"q", "flag", "t"}


@few
@given(
    st.sampled_from(["{}_qc", "{}_quality", "{} flag", "{} QC Flag", "qc_{}", "{}_QF"]),
    WORDS,
    SEEDS,
)
def test_quality_of_a_channel_leaves_out_its_readings_alone(form, words, seed):
    first, good = marked(80, words, seed)
    frame = pd.DataFrame(
        {
            "time": stamps(80),
            "O3": walk(80, seed),
            form.format("O3"): first,
            "NO2": walk(80, seed + 1),
            form.format("NO2"): [words[0]] * 80,
        }
    )
    dataset, _ = read_log(frame, settings())
    assert dataset.channels == ("O3", "NO2")
    counts = np.bincount(dataset.readings.channel_index)
    assert counts.tolist() == [good.sum(), 80]


def test_flags_of_one_name_speak_of_the_channels_before_them():
    cells, good = marked(80, ("V", "I"), 3)
    frame = pd.DataFrame(
        {
            "time": stamps(80),
            "NO": walk(80, 0),
            "Flag": ["V"] * 80,
            "NO2": walk(80, 1),
            "Flag.1": cells,
        }
    )
    dataset, _ = read_log(frame, settings())
    assert np.bincount(dataset.readings.channel_index).tolist() == [80, good.sum()]


def test_codes_that_are_not_known_are_asked_about_and_may_be_named():
    cells, good = marked(80, (10, 30), 5)
    frame = pd.DataFrame({"time": stamps(80), "ph": walk(80, 0), "ph_qc": cells})
    dataset, report = read_log(frame, settings())
    assert dataset.readings.num_readings == 80
    assert any("--quality 10," in each.message for each in report.questions)
    dataset, report = read_log(frame, settings(cells__quality="10"))
    assert dataset.readings.num_readings == good.sum()
    assert not report.questions
    with pytest.raises(DataError, match="expected words or codes of column 'ph_qc'"):
        read_log(frame, settings(cells__quality="gut"))


@few
@given(
    st.sampled_from(["signal_quality", "air_quality", "alarm_flag", "status", "leak flag"]), SEEDS
)
def test_readings_that_are_called_like_a_quality_are_a_channel(name, seed):
    numbers = np.random.default_rng(seed).integers(0, 6, 80)
    frame = pd.DataFrame({"time": stamps(80), "t": walk(80, seed), name: numbers})
    assert set(read_log(frame, settings())[0].channels) == {"t", name}


def test_states_are_a_channel_though_they_are_called_a_status():
    cells, _ = marked(80, ("on", "off"), 1)
    frame = pd.DataFrame({"time": stamps(80), "t": walk(80, 0), "status": cells})
    assert read_log(frame, settings())[0].channels == ("t", "status")


@few
@given(st.sampled_from(["unit", "Einheit", "uom", "units"]), SEEDS)
def test_a_unit_that_changes_within_a_channel_is_refused(name, seed):
    frame = pd.DataFrame(
        {
            "time": stamps(60),
            "channel": ["a", "b"] * 30,
            "value": walk(60, seed),
            name: ["°C", "m"] * 20 + ["°F", "m"] * 10,
        }
    )
    with pytest.raises(DataError, match=r"the unit of channel 'a' changes \(°C in 20 rows"):
        read_log(frame, settings())
    dataset, _ = read_log(frame.iloc[:40], settings())
    assert dict(dataset.units) == {"a": "°C", "b": "m"}


def test_empty_columns_are_left_out_and_said():
    frame = pd.DataFrame({"time": stamps(30), "t": walk(30, 0), "spare": np.nan, "b": ["NA"] * 30})
    dataset, report = read_log(frame, settings())
    assert dataset.channels == ("t",)
    assert set(report.left_out) == {"spare", "b"}
