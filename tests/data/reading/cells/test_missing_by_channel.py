"""What stands for a missing value in one channel alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_files import readings_of, said
from log_files import settings as config
from typed_options import advised

from latentode.data.reading.log import read_log
from latentode.errors import DataError

TIMES = pd.date_range("2024-03-04", periods=40, freq="h")
CODES = st.sampled_from([-9999.0, -999.25, 32767.0, 1e20])


def wide(random, code, rows):
    frame = pd.DataFrame({"time": TIMES})
    for channel in ("temp", "rain"):
        frame[channel] = random.normal(20.0, 3.0, len(TIMES)).round(2)
        frame.loc[rows, channel] = code
    return frame


def long(frame):
    return frame.melt("time", var_name="channel")


def as_text(frame):
    return frame.astype(str)


def as_floats(frame):
    return frame.astype({"rain": np.float32, "temp": np.float32})


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    CODES,
    st.sets(st.integers(0, 39), min_size=3, max_size=6),
    st.sampled_from([lambda frame: frame, long, as_text, as_floats]),
)
def test_a_code_is_missing_in_the_channel_that_is_named_and_asked_about_in_others(
    seed, code, rows, form
):
    frame = wide(np.random.default_rng(seed), code, sorted(rows))
    log, report = read_log(form(frame), config(cells__na=(f"rain={code}",)))
    counts = pd.Series([channel for _, channel, _ in readings_of(log)]).value_counts()
    assert counts["rain"] == 40 - len(rows)
    assert counts["temp"] == 40
    (question,) = [each.message for each in report.questions if each.about == "missing"]
    assert "'temp'" in question
    assert "'rain'" not in question
    log, report = read_log(form(frame), advised(question, "--na"))
    assert len(readings_of(log)) == 80 - 2 * len(rows)
    assert not report.questions


def test_every_value_of_a_channel_may_count():
    frame = wide(np.random.default_rng(0), -9999.0, [3, 9, 20])
    log, report = read_log(frame, config(cells__na=("temp=", "rain=-9999")))
    assert len(readings_of(log)) == 77
    assert not report.questions
    assert any("'temp': -9999 is a reading" in words for words in said(report))


def test_a_code_that_is_an_ordinary_reading_elsewhere_is_named_with_its_channel():
    frame = wide(np.random.default_rng(0), -9999.0, [3, 9, 20])
    frame["load"] = np.linspace(-20_000, 20_000, 40)
    frame.loc[[5, 6], "load"] = -9999.0
    _, report = read_log(frame)
    (question,) = [each.message for each in report.questions if each.about == "missing"]
    log, report = read_log(frame, advised(question, "--na"))
    assert len(readings_of(log)) == 3 * 40 - 6
    assert not report.questions


def test_a_channel_that_the_log_lacks_is_refused():
    frame = wide(np.random.default_rng(0), -9999.0, [3, 9, 20])
    with pytest.raises(DataError, match=r"no channel 'rein' in the log.*Correct --na"):
        read_log(frame, config(cells__na=("rein=-9999",)))
