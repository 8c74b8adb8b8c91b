"""All that has to be asked about a log is asked in one message, with options that go together."""

import re
import shlex

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_files import read, readings_of, said
from random_logs import SEEDS, few, stamps, walk

from latentode.errors import DataError


def log_of(words, code, seed, form="%Y-%m-%d %H:%M"):
    """A log with words and a code among its readings, and the readings that are none of these."""
    cells = [str(value) for value in walk(120, seed)]
    rows = np.random.default_rng(seed).choice(120, len(words) + 5, replace=False)
    for row, text in zip(rows, [*words, *[code] * 5], strict=True):
        cells[row] = text
    times = stamps(120, "10min").strftime(form)
    lines = [f"{time},{cell}" for time, cell in zip(times, cells, strict=True)]
    return "time,temp\n" + "\n".join(lines) + "\n", 115 - len(words)


def options_of(message):
    return [shlex.split(each)[0] for each in re.findall(r"--na[ =]((?:'[^']*'|[^\s'])+)", message)]


@few
@given(
    st.lists(
        st.sampled_from(["Err", "I/O Timeout", "bad", "3.4028235e+38"]), max_size=3, unique=1
    ).filter(bool),
    st.sampled_from(["-9999", "-999.25", "32767"]),
    SEEDS,
)
def test_codes_are_asked_about_together_with_words(tmp_path_factory, words, code, seed):
    content, count = log_of(words, code, seed)
    folder = tmp_path_factory.mktemp("log")
    with pytest.raises(DataError, match="Also: numbers that look like codes") as caught:
        read(folder, content)
    *_, missing, kept = options_of(str(caught.value))
    na = tuple(part.strip() for part in missing.split(","))
    dataset, report = read(folder, content, cells__na=na)
    assert not report.questions
    assert dataset.readings.num_readings == count
    kept_set, report = read(folder, content, cells__na=tuple(kept.split(",")))
    assert not report.questions
    assert kept_set.readings.num_readings == count + 5


def test_words_alone_leave_codes_open(tmp_path):
    content, _ = log_of(["Err"], "-9999", 3)
    _, report = read(tmp_path, content, cells__na=("Err",))
    assert "--na Err,temp=-9999" in report.questions[0].message


def test_codes_are_asked_about_together_with_the_order_of_dates(tmp_path):
    content, _ = log_of([], "-9999", 4, form="%m/%d/%Y %H:%M")
    with pytest.raises(DataError, match=r"--dayfirst or --no-dayfirst.*Pass --na=-9999"):
        read(tmp_path, content)


def autumn_log(seed, zone, newest_first=False):
    """A log of uneven stamps in local time without an offset, over the end of summer time."""
    rng = np.random.default_rng(seed)
    seconds = rng.integers(500, 1200, 300).cumsum()
    utc = pd.Timestamp("2025-10-25", tz="UTC") + pd.to_timedelta(seconds, unit="s")
    texts = utc.tz_convert(zone).strftime("%Y-%m-%dT%H:%M:%S")
    lines = [f"{text},{value}" for text, value in zip(texts, walk(300, seed), strict=True)]
    return "time,t\n" + "\n".join(lines[:: -1 if newest_first else 1]) + "\n", utc


@few
@given(SEEDS, st.booleans())
def test_local_times_that_fall_back_as_summer_time_ends_are_asked_for_their_zone(
    tmp_path_factory, seed, newest_first
):
    folder = tmp_path_factory.mktemp("log")
    content, utc = autumn_log(seed, "Europe/Berlin", newest_first)
    _, report = read(folder, content)
    (question,) = report.questions
    assert question.blocks == "training"
    assert "times go back in 02:00-02:59 of 26 October 2025" in question.message
    zone = re.search(r"such as --tz (\S+)\.", question.message).group(1)
    dataset, report = read(folder, content, time__tz=zone)
    assert not report.questions
    np.testing.assert_array_equal(dataset.readings.times, utc.as_unit("ns").asi8)


@few
@given(SEEDS)
def test_a_logger_without_summer_time_is_asked_nothing(tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("log")
    content, _ = autumn_log(seed, "Etc/GMT-1")
    assert not read(folder, content)[1].questions


def test_rows_in_no_order_tell_nothing_of_clocks(tmp_path):
    content, _ = autumn_log(5, "Etc/GMT-1")
    head, *lines = content.splitlines()
    mixed = np.random.default_rng(0).permutation(lines)
    _, report = read(tmp_path, "\n".join([head, *mixed]) + "\n")
    assert not report.questions


@few
@given(SEEDS, st.sampled_from(["", "NaN", "--", "null"]), st.sampled_from(["wide", "long"]))
def test_channels_without_a_reading_are_left_out_and_said(tmp_path_factory, seed, empty, layout):
    times, values = stamps(40).strftime("%Y-%m-%dT%H:%M"), walk(40, seed)
    if layout == "wide":
        lines = [f"{time},{value},{empty}" for time, value in zip(times, values, strict=True)]
        content = "time,a,b\n" + "\n".join(lines) + "\n"
    else:
        lines = [f"{t},a,{v}\n{t},b,{empty}" for t, v in zip(times, values, strict=True)]
        content = "time,variable,value\n" + "\n".join(lines) + "\n"
    dataset, report = read(tmp_path_factory.mktemp("log"), content)
    assert dataset.channels == ("a",)
    assert report.left_out["b"] == "it is empty"
    assert any("'b' left out" in each for each in said(report))
    assert len(readings_of(dataset)) == 40
