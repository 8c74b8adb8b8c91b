import json

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from event_cases import streams

from latentode import plot
from latentode.cli.app import root
from latentode.config import LatentODEConfig
from latentode.data.batches.event_batch import EventBatch
from latentode.data.synthetic import events as simulate
from latentode.errors import CheckpointError, ConfigError, DataError, NotFittedError, ShapeError
from latentode.estimators.event_forecaster import EventForecaster
from latentode.results.events import intensity_frame, next_event_frame


def drawn(num_series=4, span=40.0):
    return simulate.hawkes_events(
        num_series, span, background=[0.3, 0.2], branching=[[[0.3, 0.2]], [[0.1, 0.4]]], decay=[2.0]
    )


@pytest.fixture(scope="module")
def fitted():
    return EventForecaster(latent_dim=4, hidden_dim=8, steps=6).fit(drawn())


def test_a_stream_of_events_without_values_is_fitted_and_read_again(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    again = EventForecaster.load(tmp_path / "model")
    assert again.score() == fitted.score()
    np.testing.assert_array_equal(
        again.intensity(points=10)["intensity"], fitted.intensity(points=10)["intensity"]
    )
    blob = (tmp_path / "model" / "events.safetensors").read_bytes()
    (tmp_path / "model" / "events.safetensors").write_bytes(blob[:-1] + b"\x01")
    with pytest.raises(CheckpointError, match="expected sha256"):
        EventForecaster.load(tmp_path / "model")


def test_training_lowers_the_loss_and_repeats():
    events = drawn(2, 20.0)
    one, other = (EventForecaster(latent_dim=4, hidden_dim=8, steps=16).fit(events) for _ in "ab")
    assert np.mean(one.losses_[-3:]) < one.losses_[0]
    assert one.losses_ == other.losses_


def test_results_are_labelled(fitted):
    rates = fitted.intensity(every="2s")
    assert rates["intensity"].dims == ("series", "step", "mark")
    assert rates["intensity"].attrs["units"] == "1/s"
    assert (rates["intensity"] > 0).all()
    following = fitted.next_event(horizon="8s", num_draws=20)
    quantiles = following["quantile_time"].values
    assert (np.diff(quantiles, axis=1) > 0).all()
    np.testing.assert_allclose(following["mark_probability"].sum("mark"), 1.0, rtol=1e-6)
    assert following["count"].shape == (20, 4, 2)
    frame = next_event_frame(following)
    assert list(frame["series"]) == ["stream-1", "stream-2", "stream-3", "stream-4"]
    assert set(intensity_frame(rates).columns) == {"series", "time", "mark", "intensity"}


def test_the_score_is_gained_over_the_constant_rates_of_the_training(fitted):
    scores = fitted.score()
    counts = fitted.fitted_.streams.counts().sum(0)
    rates = counts / 160
    constant = float((counts * np.log(rates)).sum() - counts.sum()) / counts.sum()
    assert scores["nats_per_event"] - scores["gain_per_event"] == pytest.approx(constant)
    assert set(fitted.goodness_of_fit()) == {"all", "kind-1", "kind-2"}


def test_what_does_not_fit_is_refused(fitted):
    with pytest.raises(NotFittedError, match="Call fit or load first"):
        EventForecaster().score()
    with pytest.raises(DataError, match="at least one event in the windows"):
        EventForecaster().fit(streams([[], []]))
    frame = pd.DataFrame({"id": ["s0"], "start": [0.0], "end": [10.0]})
    for read in (
        lambda: fitted.read(None, frame),
        lambda: fitted.read(drawn(), frame),
        lambda: EventForecaster(steps=1).fit(drawn(), windows=frame),
    ):
        with pytest.raises(ConfigError, match="Streams have windows of their own"):
            read()
    with pytest.raises(DataError, match="Give events like those of the training"):
        fitted.score(streams([[1.0]]))


def test_messages_name_arguments_and_settings_that_work(fitted):
    dates = ["03/04/2024 06:00", "03/04/2024 07:30", "05/04/2024 07:30"]
    frame = pd.DataFrame({"id": ["s0"] * 3, "time": dates, "mark": ["x", "y", "x"]})
    with pytest.raises(DataError, match=r"dayfirst=True.*EventForecaster\(data=") as caught:
        EventForecaster(steps=1).fit(frame)
    assert "--" not in str(caught.value)
    data = LatentODEConfig().updated(**{"data.time.dayfirst": True}).data
    fit = EventForecaster(steps=1, latent_dim=2, hidden_dim=4, data=data).fit(frame)
    assert fit.fitted_.streams.times[0] == pd.Timestamp("2024-04-03 06:00").value
    with pytest.raises(DataError, match=r"expected a column 'kind'|mark_column"):
        EventForecaster(steps=1).fit(frame, mark_column="kind")
    later = pd.DataFrame({"id": ["stream-1"] * 2, "when": ["first", "second"], "mark": "kind-1"})
    with pytest.raises(DataError, match=r"read_events\(events, LatentODEConfig") as caught:
        fitted.read(later)
    assert "--" not in str(caught.value)


def test_pictures_of_rates_and_gaps(fitted, tmp_path):
    rates = fitted.intensity(points=50)
    axes = plot.intensity(rates, series="stream-2", observed=fitted.fitted_.streams)
    assert len(axes) == 2
    assert axes[0].get_ylabel() == "events per s"
    (gaps,) = plot.rescaled_gaps(*fitted.rescaled_quantiles(), p_value=0.5)
    assert gaps.get_title(loc="left") == "Gaps between events: nothing against the model (p = 0.5)"
    assert plot.save(axes, tmp_path / "rates.png").exists()
    with pytest.raises(ConfigError, match="series: expected some of"):
        plot.intensity(rates, series="stream-9")
    with pytest.raises(ShapeError, match="as many quantiles as gaps"):
        plot.rescaled_gaps([1.0], [])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder, events = tmp_path_factory.mktemp("events"), drawn()
    ids, kinds = (
        [names[i] for i in index]
        for names, index in (
            (events.series_ids, events.series),
            (events.mark_names, events.marks),
        )
    )
    frame = pd.DataFrame({"id": ids, "time_h": events.times / 1e9, "mark": kinds})
    frame.to_csv(folder / "alarms.csv", index=False)
    windows = pd.DataFrame({"id": events.series_ids, "start": 0.0, "end": 40.0})
    windows.to_csv(folder / "windows.csv", index=False)
    return folder


SMALL = ["--set", "train.max_epochs=1", "--set", "train.steps_per_epoch=3", "--latent-dim", "4"]


def call(*words):
    return CliRunner().invoke(root, [str(word) for word in words])


@pytest.fixture(scope="module")
def run(files):
    words = ("--events", files / "alarms.csv", "--windows", files / "windows.csv", *SMALL)
    done = call("train", *words, "--out", files / "run")
    assert done.exit_code == 0, done.stderr
    return files / "run"


def test_train_and_events_on_a_file_of_events(run, files):
    assert json.loads((run / "run.json").read_text())["status"] == "done"
    done = call("events", run, "--json", "--samples", "10")
    assert done.exit_code == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["metrics"]["unit"] == "h"
    assert set(answer["metrics"]["tests"]) == {"all", "kind-1", "kind-2"}
    written = {path.name for path in (run / "events").iterdir()}
    assert written == {"intensity.csv", "next_event.csv", "intensity.png", "rescaled_gaps.png"}
    other = call(
        "events", run, files / "alarms.csv", "--windows", files / "windows.csv",
        "--out", files / "again", "--horizon", "2h", "--every", "1h", "--samples", "5",
    )  # fmt: skip
    assert other.exit_code == 0, other.stderr
    assert "than a constant rate of each kind" in other.stdout


def test_the_command_line_refuses_what_it_cannot_do(run, files):
    for words, code, message in (
        (("train",), 2, "Missing argument 'LOGS' (or --events FILE"),
        (
            ("train", "--events", files / "alarms.csv", "--model-times"),
            2,
            "takes the times of LOGS",
        ),
        (("train", files / "alarms.csv", "--mark-column", "mark"), 2, "belong to --events"),
        (
            ("train", "--events", files / "alarms.csv", "--set", "train.regularizers.kinetic=0.1"),
            4,
            "train.regularizers.kinetic (by --set train.regularizers.kinetic=0.1): expected a log",
        ),
        (("forecast", run), 5, "got a model of events"),
        (("events", files), 5, "expected a run folder"),
    ):
        done = call(*words)
        assert (done.exit_code, message in done.stderr) == (code, True), (words, done.stderr)


def test_a_run_without_windows_warns(files):
    done = call("train", "--events", files / "alarms.csv", *SMALL, "--out", files / "bare")
    assert done.exit_code == 0, done.stderr
    assert "rates too high where streams are short" in done.stderr


def test_every_weight_gets_a_gradient():
    events = drawn()
    model = EventForecaster(latent_dim=4, hidden_dim=8, steps=1).fit(events).fitted_.model

    model.score(EventBatch.of(events, 1e9)).log_prob().sum().backward()
    silent = [name for name, p in model.named_parameters() if not torch.any(p.grad != 0)]
    assert silent == []
