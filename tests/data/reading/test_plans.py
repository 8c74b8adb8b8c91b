"""Plans of known inputs: what is read, and what is refused with advice."""

import numpy as np
import pandas as pd
import pytest
from log_files import ns, settings, write

from latentode.data.dataset import Clock
from latentode.data.reading.plans import read_plan
from latentode.errors import DataError, LatentODEWarning

BERLIN = "Europe/Berlin"


def read(source, ids=("A", "B"), inputs=("inflow", "valve"), **values):
    config = settings(**{"columns__id": "tank", "time__tz": BERLIN} | values)
    clock = Clock("calendar", config.time.tz)
    return read_plan(source, series_ids=ids, inputs=inputs, clock=clock, config=config)


def file(folder, *lines):
    return write(folder, "\n".join(lines) + "\n")


def test_a_plan_is_read_on_the_clock_of_the_log_and_an_empty_cell_says_nothing(tmp_path):
    plan = read(file(tmp_path, "tank,time,valve", "B,2024-05-01 12:00,", "A,2024-05-01 10:00,0.5"))
    assert plan.columns == ("valve",)
    assert plan.series.tolist() == [1, 0]
    assert plan.times.tolist() == [ns("2024-05-01 10:00"), ns("2024-05-01 08:00")]
    np.testing.assert_array_equal(plan.values, [[np.nan], [0.5]])
    assert not plan.for_all


def test_a_frame_is_a_plan_too_and_its_row_numbers_are_no_column(tmp_path):
    frame = pd.DataFrame({"tank": ["A"], "time": ["2024-05-01 10:00"], "valve": [1]})
    plan = read(frame)
    assert (plan.series.tolist(), plan.values.tolist()) == ([0], [[1.0]])
    frame.to_csv(tmp_path / "numbered.csv")
    with pytest.warns(LatentODEWarning, match="Unnamed: 0"):
        assert read(tmp_path / "numbered.csv").values.tolist() == [[1.0]]


def test_a_plan_without_ids_holds_for_every_series(tmp_path):
    path = file(tmp_path, "time,inflow", "2024-05-01 10:00,3", "2024-05-01 12:00,4")
    plan = read(path)
    assert plan.for_all
    assert plan.series.tolist() == [0, 0, 1, 1]
    assert plan.values[:, 0].tolist() == [3, 4, 3, 4]
    single = read(path, ids=("A",), columns__id=None)
    assert not single.for_all
    assert single.series.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["tank,time,inflow", "C,2024-05-01 12:00,4"], r"line 2: no series 'C' in the log.*A, B"),
        (
            ["tank,time,inflw", "A,2024-05-01 12:00,4"],
            r"expected a column of a planned input \(inflow, valve\), got tank, time, inflw",
        ),
        (
            ["tank,time,inflow,valv", "A,2024-05-01 12:00,4,1"],
            r"got column 'valv'\. Did you mean 'valve'\?",
        ),
        (
            ["tank,time,inflow,level", "A,2024-05-01 12:00,4,1"],
            r"got column 'level'\. Leave it out\.",
        ),
        (
            ["tnk,time,inflow", "A,2024-05-01 12:00,4", "B,2024-05-01 12:00,4"],
            r"no column 'tank'\. Did you mean 'tnk'\?.*Rename it",
        ),
        (
            ["tank,time,inflow", "A,2024-05-01 12:00,4", "A,2024-05-01 12:00,5"],
            r"each time of a series once, got one twice in lines 2, 3 \(series 'A'\)\. Keep",
        ),
        (
            ["tank,time,inflow", "A,2024-05-01 12:00,4", "A,2024-05-01 13:00,high"],
            r"line 3: expected a number in column 'inflow', got 'high' \(1 such cells\)",
        ),
    ],
)
def test_what_is_no_plan_is_refused_with_what_to_do(tmp_path, lines, told):
    with pytest.raises(DataError, match=told):
        read(file(tmp_path, *lines))


def test_words_that_may_tell_series_apart_are_no_plan_for_all_of_them(tmp_path):
    path = file(
        tmp_path, "where,time,inflow", "south,2024-05-01 12:00,4", "north,2024-05-01 13:00,4"
    )
    told = r"got column 'where'\. Call it 'tank' if it holds ids of series, or leave it out\."
    with pytest.warns(LatentODEWarning, match="'where'"), pytest.raises(DataError, match=told):
        read(path)


def test_a_model_without_planned_inputs_takes_no_plan():
    with pytest.raises(DataError, match=r"got one without\. Train with --future-columns"):
        read(pd.DataFrame({"time": ["2024-05-01"], "inflow": [1.0]}), inputs=())
