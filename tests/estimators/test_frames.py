"""Every place that takes a frame of pandas takes one of Polars, and a reader that reads once."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from pump_log import TINY, equal, wide_frame

from latentode import EventForecaster, LatentODE
from latentode.config import LatentODEConfig
from latentode.data.reading.labels import read_labels
from latentode.data.reading.log import read_log
from latentode.errors import DataError
from latentode.scale import Parts, partition

pl = pytest.importorskip("polars", reason="needs polars")
COLUMNS = {"id_column": "pump", "time_column": "timestamp"}
CONFIG = TINY.updated(
    **{"data.columns.future": ["valve"], "data.columns.id": "pump", "windows.split": "time"}
)


def once(frame):
    """A reader of record batches, which gives its rows once."""
    return pa.Table.from_pandas(frame, preserve_index=False).to_reader(max_chunksize=33)


WAYS = {"polars": pl.from_pandas, "reader": once}


@pytest.fixture(params=WAYS)
def other(request):
    """From a frame of pandas to one of another library."""
    return WAYS[request.param]


@pytest.fixture(scope="module")
def log():
    return wide_frame(extras=True).drop(columns="age")


@pytest.fixture(scope="module")
def alarms():
    hours = np.linspace(0.5, 39, 60)
    times = pd.Timestamp("2024-05-01", tz="UTC") + pd.to_timedelta(hours, unit="h")
    return pd.DataFrame({"pump": ["p1", "p2"] * 30, "time": times, "mark": ["hot", "loud"] * 30})


@pytest.fixture(scope="module")
def windows():
    start, end = pd.Timestamp("2024-05-01", tz="UTC"), pd.Timestamp("2024-05-02 16:00", tz="UTC")
    return pd.DataFrame({"pump": ["p1", "p2"], "start": start, "end": end})


@pytest.fixture(scope="module")
def labels():
    return pd.DataFrame({"pump": ["p1", "p2"], "label": ["old", "new"]})


def fitted_on(log, alarms, windows, labels):
    model = LatentODE(random_state=0, config=CONFIG)
    return model.fit(log, events=alarms, windows=windows, labels=labels)


@pytest.fixture(scope="module")
def model(log, alarms, windows, labels):
    return fitted_on(log, alarms, windows, labels)


def test_fit_learns_the_same_of_log_events_windows_and_labels(
    other, log, alarms, windows, labels, model
):
    again = fitted_on(*map(other, (log, alarms, windows, labels)))
    first, second = (each.fitted_.model.state_dict() for each in (model, again))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert again.fitted_.history == model.fitted_.history


def test_predictions_are_the_same(other, log, model):
    times = log[["pump", "timestamp"]].iloc[::9]
    ahead = pd.DataFrame({"pump": ["p1"], "timestamp": [pd.Timestamp("2024-05-03", tz="UTC")]})
    until = pd.DataFrame({"pump": ["p1", "p2"], "timestamp": pd.Timestamp("2024-05-09", tz="UTC")})
    plan = until.assign(valve=0.0)
    few = {"num_draws": 3}
    equal(
        model.forecast(other(log), times=other(ahead), plan=other(plan), **few),
        model.forecast(log, times=ahead, plan=plan, **few),
    )
    equal(
        model.forecast(other(log), plan={"a": other(plan)}, **few),
        model.forecast(log, plan={"a": plan}, **few),
    )
    equal(
        model.interpolate(other(log), times=other(times), **few),
        model.interpolate(log, times=times, **few),
    )
    equal(model.predict(other(log), other(times), **few), model.predict(log, times, **few))
    equal(model.score(other(log), **few), model.score(log, **few))
    equal(model.latent_trajectory(other(log)), model.latent_trajectory(log))


def test_scores_are_the_same(other, log, alarms, labels, model):
    asked = {"num_draws": 3, "max_windows": 3, "split": "all"}
    first = model.evaluate(log, events=alarms, labels=labels, **asked)
    assert model.evaluate(other(log), events=other(alarms), labels=other(labels), **asked) == first
    assert model.events.score(other(log), events=other(alarms)) == model.events.score(
        log, events=alarms
    )
    asked = {"num_draws": 3, "max_windows": 3}
    mine = model.backtest_windows(log, max_windows=3).assign(value=0.0)
    found = model.score_forecasts(other(log), other(mine), **asked)
    assert found == model.score_forecasts(log, mine, **asked)


@pytest.mark.slow
def test_an_update_learns_the_same(other, log, tmp_path):
    early = log[log["timestamp"] < "2024-05-02"]
    model = LatentODE(random_state=0, config=CONFIG).fit(early)
    model.save(tmp_path / "model")
    again = LatentODE.load(tmp_path / "model")
    model.update(log)
    again.update(other(log))
    first, second = (each.fitted_.model.state_dict() for each in (model, again))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_forecaster_of_events_learns_the_same(other, alarms, windows):
    settings = {"latent_dim": 2, "hidden_dim": 4, "steps": 2, "random_state": 0}
    first = EventForecaster(**settings).fit(alarms, windows=windows)
    second = EventForecaster(**settings).fit(other(alarms), windows=other(windows))
    assert second.score(other(alarms)) == first.score(alarms)


def test_a_frame_is_partitioned_into_the_same_parts(other, log, tmp_path):
    config = LatentODEConfig().updated(**{"data.columns.id": "pump"}).data
    partition(log, tmp_path / "a", parts=2, config=config)
    partition(other(log), tmp_path / "b", parts=2, config=config)
    sums = [
        [part.sha256 for part in Parts.open(tmp_path / name).manifest.parts] for name in ("a", "b")
    ]
    assert sums[0] == sums[1]


def test_labels_of_no_known_form_are_refused(log):
    with pytest.raises(DataError, match="labels: expected a file, a frame, or a mapping by id"):
        LatentODE(random_state=0, config=CONFIG).fit(log, labels=["old", "new"])
    with pytest.raises(DataError, match="polars Series: expected a frame of columns"):
        LatentODE(random_state=0, config=CONFIG).fit(log, labels=pl.Series(["old", "new"]))


def test_readers_of_labels_take_any_frame(other, log, labels):
    config = LatentODEConfig().updated(**{"data.columns.id": "pump"}).data
    dataset, _ = read_log(log, config)
    assert read_labels(other(labels), dataset, config).counts() == {"new": 1, "old": 1}
