"""Forecasts under several plans: every function of results answers for each."""

import numpy as np
import pandas as pd
import pytest

from latentode import results
from latentode.data.dataset import Clock
from latentode.errors import ConfigError

HOUR = 3_600_000_000_000


def forecast(seed, *, begin=0, clock=Clock("calendar", "Europe/Berlin")):  # noqa: B008
    rng = np.random.default_rng(seed)
    times = (np.arange(30) + begin) * HOUR + np.array([[0], [HOUR]])
    return results.to_dataset(
        rng.normal(size=(40, 2, 30, 2)),
        times,
        series_ids=["A", "=B"],
        channels=["level", "flow"],
        clock=clock,
        units=[("level", "m")],
    )


PARTS = {"low": forecast(0), "high": forecast(1)}
JOINED = results.join_scenarios(PARTS)


def test_scenarios_have_a_dimension_of_their_own_and_share_series_and_times():
    assert dict(JOINED.sizes) == {"scenario": 2, "draw": 40, "series": 2, "step": 30, "channel": 2}
    assert JOINED["time"].dims == ("series", "step")
    assert JOINED["scenario"].values.tolist() == ["low", "high"]
    for name, part in PARTS.items():
        np.testing.assert_array_equal(JOINED["value"].sel(scenario=name), part["value"])


@pytest.mark.parametrize(
    "ask",
    [
        results.summarize,
        lambda d: results.aggregate(d, "mean", by="day"),
        lambda d: results.aggregate(
            results.aggregate(d, "max", by="horizon"), "max", over="channels"
        ),
        lambda d: results.exceedance(d, ["level>1", "flow<0"]),
    ],
)
def test_what_is_asked_of_all_is_what_is_asked_of_each(ask):
    found = ask(JOINED)
    for name, part in PARTS.items():
        expected = ask(part)
        one = found.sel(scenario=name, drop=True)
        for variable in (*expected.data_vars, "time"):
            assert one[variable].dims == expected[variable].dims
            np.testing.assert_array_equal(one[variable].values, expected[variable].values)


@pytest.mark.parametrize(
    "lay_out",
    [
        results.to_frame,
        lambda d: results.first_crossings(results.exceedance(d, "level>1")),
        lambda d: results.exceedance_frame(results.exceedance(d, "level>1")),
    ],
)
def test_tables_have_a_column_that_tells_scenarios_apart(lay_out):
    table = lay_out(JOINED)
    assert table.columns[0] == "scenario"
    for name, part in PARTS.items():
        own = table[table["scenario"] == name].drop(columns="scenario").reset_index(drop=True)
        pd.testing.assert_frame_equal(own, lay_out(part))


def test_scenarios_go_to_files_and_back(tmp_path):
    path = results.write(JOINED, tmp_path / "all.nc")
    np.testing.assert_array_equal(results.read(path)["value"], JOINED["value"])
    rows = pd.read_csv(results.write(JOINED, tmp_path / "all.csv"))
    assert rows.groupby("scenario", sort=False).size().to_dict() == {"low": 120, "high": 120}
    assert (tmp_path / "all.csv").read_text().count("'=B") == 120


def test_scenarios_of_other_times_are_refused():
    with pytest.raises(ConfigError, match="scenarios of the same times, got others of 'low'"):
        results.join_scenarios({"low": forecast(0), "late": forecast(0, begin=1)})
