"""`LatentODE` with events beside the log, from a frame to answers, and the same at the shell."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from pump_log import TINY, equal, perturb, wide_frame

from latentode import LatentODE, plot
from latentode.cli.app import root
from latentode.cli.runs.run_folder import RunFolder
from latentode.errors import ConfigError, DataError
from latentode.flows import FlowFitConfig
from latentode.results.events import intensity_frame, next_event_frame

COLUMNS = {"id_column": "pump", "time_column": "timestamp"}


def alarms(per_pump=40, names=("p1", "p2")):
    """Alarms of two kinds, spread over the forty hours of the log."""
    rng = np.random.default_rng(3)
    count = per_pump * len(names)
    hours = rng.uniform(0.5, 39.0, count)
    return pd.DataFrame(
        {
            "pump": np.repeat(names, per_pump),
            "time": pd.Timestamp("2024-05-01", tz="UTC") + pd.to_timedelta(hours, unit="h"),
            "mark": rng.choice(["hot", "loud"], count),
        }
    ).sort_values("time")


@pytest.fixture(scope="module")
def fitted():
    model = LatentODE(random_state=0, config=TINY)
    model.fit(wide_frame(), events=alarms(), **COLUMNS)
    perturb(model)
    return model


def test_a_model_with_events_is_saved_and_read_again(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    again = LatentODE.load(tmp_path / "model")
    log = wide_frame()
    equal(again.events.intensity(log, every="2h"), fitted.events.intensity(log, every="2h"))
    assert again.events.score(log) == fitted.events.score(log)
    assert "hot, loud (events beside the log)" in again.describe()["card"]


def test_intensities_are_labelled_and_go_on_beyond_the_log(fitted):
    found = fitted.events.intensity(wide_frame(), every="1h", horizon="6h", num_draws=7)
    rates = found["intensity"]
    assert rates.dims == ("draw", "series", "step", "mark")
    assert rates.attrs["units"] == "1/h"
    real = ~np.isnat(found["time"].values)
    assert (rates.values[:, real] > 0).all()
    last = wide_frame().groupby("pump")["timestamp"].max().dt.tz_convert(None).to_numpy()
    for own, end in zip(found["time"].values, last, strict=True):
        assert np.timedelta64(5, "h") <= own[~np.isnat(own)].max() - end <= np.timedelta64(6, "h")
    frame = intensity_frame(found)
    assert list(frame) == ["series", "time", "mark", "intensity", "q05", "q95"]
    assert (frame["q05"] <= frame["q95"]).all()
    alone = fitted.events.intensity(wide_frame(names=("p1",)), every="1h", num_draws=7)
    np.testing.assert_allclose(
        alone["intensity"].values[:, 0], rates.sel(series="p1").values[:, : alone.sizes["step"]],
        rtol=1e-4,
    )  # fmt: skip


def test_rates_do_not_depend_on_the_events_they_are_asked_beside(fitted):
    log = wide_frame()
    blocks = fitted.events.blocks(log, split="all", num_draws=1)
    fewer = fitted.events.read(log, alarms(5))
    other = fitted.events.blocks(log, events=fewer, split="all", num_draws=1)
    np.testing.assert_allclose(
        blocks.scores.increments.sum(1), other.scores.increments.sum(1), rtol=1e-4
    )


def test_what_comes_next_agrees_with_the_intensities(fitted):
    log = wide_frame()
    following = fitted.events.next_event(log, horizon="4h", num_draws=40)
    ahead = fitted.events.intensity(log, every="2min", horizon="4h", num_draws=40)
    last = wide_frame().groupby("pump")["timestamp"].max()
    for row, name in enumerate(("p1", "p2")):
        future = ahead["time"].values[row] > np.datetime64(last[name].tz_localize(None))
        expected = ahead["intensity"].values[:, row][:, future].sum(1) / 30  # (draw, mark)
        np.testing.assert_allclose(following["expected_count"][row], expected.mean(0), rtol=0.03)
        survival = np.exp(-expected.sum(1)).mean()
        assert float(following["survival"][row]) == pytest.approx(survival, rel=0.03)
    assert (np.diff(following["quantile_time"], axis=1) > 0).all()
    np.testing.assert_allclose(following["mark_probability"].sum("mark"), 1.0, rtol=1e-6)
    assert {"expected_hot", "expected_loud"} <= set(next_event_frame(following).columns)


def test_the_score_is_a_density_by_blocks_over_constant_rates(fitted):
    log = wide_frame()
    blocks = fitted.events.blocks(log, split="all", num_draws=6)
    summary = blocks.summary()
    streams = fitted.events.read(log)
    assert summary["events"] == streams.num_scored == int(blocks.scores.scored.sum())
    assert set(summary["tests"]) == {"all", "hot", "loud"}
    hours = streams.exposure(3.6e12).sum(0)
    process = fitted.fitted_.model.event_process
    rates = process.mean_rates.double().numpy() * 3.6e12 / blocks.model_ns
    counts = streams.counts().sum(0)
    constant = float((counts * np.log(rates)).sum() - (rates * hours).sum()) / counts.sum()
    assert summary["nats_per_event"] - summary["gain_per_event"] == pytest.approx(
        constant, abs=1e-5
    )


def test_a_constant_rate_gains_nothing():
    model = LatentODE(random_state=0, config=TINY).fit(wide_frame(), events=alarms(), **COLUMNS)
    process = model.fitted_.model.event_process
    with torch.no_grad():
        for parameter in process.head.parameters():
            parameter.zero_()
        process.head.layers[-1].bias.zero_()
        process.log_scale.copy_(process.mean_rates.log())
    found = model.events.score(wide_frame(), split="all")
    assert found["gain_per_event"] == pytest.approx(0.0, abs=1e-5)


def test_evaluate_reports_events_beside_readings(fitted):
    found = fitted.evaluate(wide_frame(), num_draws=20, max_windows=10)
    assert set(found) == {"forecast", "interpolation", "events"}
    assert found["events"]["unit"] == "h"
    assert 0 < found["events"]["events"] < len(alarms())


def test_windows_are_refused_beside_streams_which_have_their_own(fitted):
    log, windows = wide_frame(), pd.DataFrame({"pump": ["p1"], "start": ["2024-05-01"]})
    streams, bare = fitted.events.read(log), LatentODE(config=TINY)
    for refused in (
        lambda: fitted.events.read(log, windows=windows),
        lambda: fitted.events.read(log, streams, windows),
        lambda: bare.fit(log, events=streams, windows=windows, **COLUMNS),
    ):
        with pytest.raises(ConfigError, match="Streams have windows of their own"):
            refused()


def test_events_and_their_kinds_must_be_those_of_the_training(fitted):
    log = wide_frame()
    with pytest.raises(DataError, match="expected one of"):
        fitted.events.read(log, alarms().assign(mark="cold"))
    with pytest.raises(ConfigError, match="split: expected 'test' or 'all'"):
        fitted.events.score(log, split="train")
    bare = LatentODE(random_state=0, config=TINY).fit(log, **COLUMNS)
    with pytest.raises(ConfigError, match="Train with --events or --model-times"):
        _ = bare.events
    with pytest.raises(ConfigError, match="got both"):
        bare.fit(log, events=alarms(), model_times=True, **COLUMNS)
    with pytest.raises(ConfigError, match="expected events that they describe"):
        bare.fit(log, mark_column="mark", **COLUMNS)
    late = alarms()["time"] > pd.Timestamp("2024-05-02 10:00", tz="UTC")
    outside = alarms()[late]
    with pytest.raises(DataError, match="at least one in the training part"):
        bare.fit(log, events=outside, **COLUMNS)


def test_the_report_times_of_the_log_are_modelled_like_events(tmp_path):
    log = wide_frame()
    model = LatentODE(random_state=0, config=TINY).fit(log, model_times=True, **COLUMNS)
    model.save(tmp_path / "model")
    again = LatentODE.load(tmp_path / "model")
    assert again.fitted_.log.events.reports
    shorter = wide_frame(60)
    streams = again.events.read(shorter)
    assert streams.num_scored == len(shorter) - 2
    assert again.events.score(shorter, split="all")["events"] == len(shorter) - 2
    with pytest.raises(ConfigError, match="the report times of the log alone"):
        again.events.read(shorter, alarms())


def test_training_with_events_goes_on_where_it_stopped(tmp_path):
    config = TINY.updated(**{"train.max_epochs": 3})

    class Stopped(Exception):
        pass

    def stop(event):
        if event.get("epoch") == 1:
            raise Stopped

    def fit(folder, **options):
        model = LatentODE(random_state=0, config=config)
        return model.fit(wide_frame(), events=alarms(), run_dir=folder, **COLUMNS, **options)

    whole = fit(tmp_path / "whole")
    with pytest.raises(Stopped):
        fit(tmp_path / "parts", on_event=stop)
    resumed = fit(tmp_path / "parts", resume=True)
    one, other = (m.fitted_.model.state_dict() for m in (whole, resumed))
    assert all(torch.equal(one[k], other[k]) for k in one)
    assert "event_gain" in whole.fitted_.history[-1]


BRIEF = FlowFitConfig(warm_up_steps=20, steps=2)


def test_a_prior_is_fitted_where_a_series_of_the_log_is_too_short_to_have_events():
    log = pd.concat([wide_frame(1, names=("p0",)).assign(flow=1.0, pressure=1.0), wide_frame()])
    config = TINY.updated(**{"data.min_obs": 3})
    given = alarms(names=("p0", "p1", "p2"))
    model = LatentODE(random_state=0, config=config).fit(log, events=given, **COLUMNS)
    assert len(model.fitted_.log.events.streams.series_ids) == 2
    report = model.fit_prior(log, fit_config=BRIEF).prior_report_
    assert np.isfinite([report.before, report.after]).all()
    # events know nothing of it
    bare = LatentODE(random_state=0, config=config)
    kept = replace(model.fitted_.log, events=None)
    bare.config_, bare.fitted_ = model.config_, replace(model.fitted_, log=kept)
    assert bare.fit_prior(log, fit_config=BRIEF).prior_report_.num_windows == report.num_windows


def test_a_picture_of_draws_has_a_band(fitted, tmp_path):
    rates = fitted.events.intensity(wide_frame(), every="1h", num_draws=9)
    axes = plot.intensity(rates, series="p2", observed=fitted.events.read(wide_frame()))
    assert [len(one.collections) for one in axes] == [1, 1]
    line = axes[0].lines[0].get_ydata()
    expected = rates["intensity"].sel(series="p2", mark="hot").mean("draw").values
    np.testing.assert_allclose(line[np.isfinite(line)], expected[np.isfinite(expected)])
    assert plot.save(axes, tmp_path / "rates.png").exists()


SMALL = ["--set", "train.max_epochs=1", "--set", "train.steps_per_epoch=2", "--latent-dim", "4",
         "--batch-size", "4", "--context", "12h", "--horizon", "6h", "--no-report"]  # fmt: skip


def call(*words):
    return CliRunner().invoke(root, [str(word) for word in words])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    wide_frame().to_csv(folder / "pumps.csv", index=False)
    alarms().to_csv(folder / "alarms.csv", index=False)
    ends = pd.to_datetime(["2024-05-01", "2024-05-03"], utc=True)
    pd.DataFrame({"id": ["p1", "p2"], "start": ends[0], "end": ends[1]}).to_csv(
        folder / "windows.csv", index=False
    )
    return folder


@pytest.fixture(scope="module")
def run(files):
    done = call(
        "train", files / "pumps.csv", "--events", files / "alarms.csv", "--windows",
        files / "windows.csv", "--id-column", "pump", *SMALL, "--out", files / "run",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "events: 80 of hot, loud (events beside the log)" in done.stderr
    assert f"latentode events {files / 'run'}" in done.stderr
    return files / "run"


def test_the_shell_asks_for_intensities_and_scores(run, files):
    done = call("events", run, "--json", "--samples", "8", "--every", "2h")
    assert done.exit_code == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["metrics"]["unit"] == "h"
    written = {path.name for path in (run / "events").iterdir()}
    assert written == {"intensity.csv", "next_event.csv", "intensity.png", "rescaled_gaps.png"}
    again = call(
        "events", run, files / "pumps.csv", "--events", files / "alarms.csv", "--windows",
        files / "windows.csv", "--samples", "8", "--horizon", "3h", "--out", files / "again",
    )  # fmt: skip
    assert again.exit_code == 0, again.stderr
    assert "80 events\nThe model is" in again.stdout
    assert "time from the last reading in h" in again.stdout
    evaluated = call("evaluate", run, "--samples", "20", "--rolling", "5")
    assert evaluated.exit_code == 0, evaluated.stderr
    assert "nats per event (rates per h)" in evaluated.stdout


def test_regularisers_and_a_fitted_prior_go_together_with_events(files, monkeypatch):
    monkeypatch.setattr("latentode.training.fit.fit_prior_to.__defaults__", (BRIEF,))
    settings = ("kinetic=0.1", "jacobian=0.1", "steer=0.2")
    words = [f"train.regularizers.{setting}" for setting in settings] + ["train.fit_prior=true"]
    done = call(
        "train", files / "pumps.csv", "--events", files / "alarms.csv", "--id-column", "pump",
        *SMALL, *(word for setting in words for word in ("--set", setting)), "--out",
        files / "regularised",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    rows = pd.read_csv(files / "regularised" / "metrics.csv")
    assert (rows[["kinetic", "jacobian"]] > 0).all(axis=None)
    assert np.isfinite(rows[["event_gain", "train_loss"]]).all(axis=None)
    assert "prior fitted to the latent states" in done.stderr
    asked = call("events", files / "regularised", "--samples", "4")
    assert asked.exit_code == 0, asked.stderr


def test_an_interrupted_run_remembers_its_events(run, files):
    folder = RunFolder.open(run)
    folder.update(status="interrupted")
    done = call("resume", run)
    assert done.exit_code == 0, done.stderr
    assert "events: 80 of hot, loud" in done.stderr
    folder.update(status="interrupted")
    kept = (files / "alarms.csv").read_text()
    Path(files / "alarms.csv").write_text(kept + kept.splitlines()[1] + "\n")
    done = call("resume", run)
    Path(files / "alarms.csv").write_text(kept)
    assert done.exit_code == 3
    assert "expected the events that this run was started on" in done.stderr


def test_the_shell_models_report_times(files):
    done = call(
        "train", files / "pumps.csv", "--model-times", "--id-column", "pump", *SMALL, "--out",
        files / "times",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    asked = call("events", files / "times", "--samples", "4")
    assert asked.exit_code == 0, asked.stderr
    assert "marks: report" in asked.stderr


def test_what_makes_no_sense_is_refused_at_the_shell(run, files):
    for words, code, message in (
        (("train", files / "pumps.csv", "--windows", files / "windows.csv"), 2, "belong to --ev"),
        (
            ("train", files / "pumps.csv", "--events", files / "alarms.csv", "--model-times"),
            2,
            "no --events",
        ),
        (("evaluate", run, "--windows", files / "windows.csv"), 2, "--windows belongs to --events"),
    ):
        done = call(*words)
        assert (done.exit_code, message in done.stderr) == (code, True), (words, done.stderr)


@pytest.mark.gpu
def test_events_are_trained_and_asked_about_on_the_device(device, tmp_path):
    log = wide_frame()
    model = LatentODE(random_state=0, config=TINY, device=str(device))
    model.fit(log, events=alarms(), **COLUMNS)
    model.save(tmp_path / "model")
    here = LatentODE.load(tmp_path / "model", device=str(device))
    there = LatentODE.load(tmp_path / "model")
    one, other = (m.events.score(log, split="all") for m in (here, there))
    assert one["gain_per_event"] == pytest.approx(other["gain_per_event"], abs=1e-3)
    rates = [m.events.intensity(log, every="2h", num_draws=5)["intensity"] for m in (here, there)]
    np.testing.assert_allclose(*(rate.values for rate in rates), rtol=1e-2)
    following = here.events.next_event(log, horizon="4h", num_draws=5)
    assert np.isfinite(following["mean_time"]).all()
