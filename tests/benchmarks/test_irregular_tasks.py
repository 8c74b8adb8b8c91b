"""Splits and leaks of the published tasks, and the package's model and trainer on them."""

import numpy as np
import pandas as pd
import pytest
import torch
from irregular_cases import few_stays

from benchmarks import hopper, physionet_forecast, physionet_interpolation, toy
from benchmarks.data import hopper as trajectories
from benchmarks.data import logs, physionet
from benchmarks.irregular import training
from benchmarks.irregular.windows import Scale
from latentode.errors import DataError


def drawn(task, seed, count=6):
    return task.draw(np.arange(min(count, task.train_size)), np.random.default_rng(seed))


def times_shown(windows, index):
    return set(windows.times[index, : windows.lengths[index]].tolist())


def test_toy_shows_a_share_of_the_points_and_scores_all():
    task = toy.interpolation(0, toy.SMOKE)
    assert (len(task.validation), task.train_size) == (4, 36)
    for share in toy.SHARES:
        windows = task.tests[f"{share} % shown"]
        assert (windows.lengths == share).all()
        assert windows.asked().sum() == 10 * 100
        assert windows.asked(held_out=True).sum() == 10 * (100 - share)
    assert set(drawn(task, 0, 36).lengths.tolist()) == set(toy.SHARES)


def test_toy_draws_anew_for_training_and_keeps_its_test():
    task, again = (toy.interpolation(0, toy.SMOKE) for _ in range(2))
    test, same = (one.tests["20 % shown"] for one in (task, again))
    assert np.array_equal(test.times, same.times)
    assert np.array_equal(drawn(task, 1).times, drawn(again, 1).times)
    assert not np.array_equal(drawn(task, 1).lengths, drawn(task, 2).lengths)
    other = toy.interpolation(1, toy.SMOKE).tests["20 % shown"]
    assert not np.array_equal(test.targets, other.targets)


@pytest.mark.usefixtures("shared_data")
def test_hopper_interpolation_is_a_slice_of_each_trajectory():
    task = hopper.interpolation(0, hopper.SMOKE)
    windows = task.tests["interpolation, 20 % shown"]
    assert windows.asked().sum() == 12 * 100 * 14
    assert (windows.lengths == 20).all()
    data = trajectories.load(60)
    flat = data.reshape(-1, 14)
    raw = windows.targets[0] * flat.max(0) + flat.min(0)
    starts = [np.abs(data[48, s : s + 100] - raw).max() for s in range(101)]
    assert min(starts) < 1e-4  # float32 of values up to a hundred


@pytest.mark.usefixtures("shared_data")
@pytest.mark.parametrize("known", hopper.KNOWN)
def test_hopper_extrapolation_shows_nothing_that_is_asked(known):
    task = hopper.extrapolation(0, hopper.SMOKE)
    windows = task.tests[f"{known} to {200 - known}, 10 % shown"]
    assert windows.times.max() < known
    assert windows.query_times.min() == known
    assert windows.query_times.shape[1] == 200 - known
    assert not windows.seen.any()
    assert (windows.lengths == known // 10).all()
    training = drawn(task, 0, 36)
    begins = set(training.query_times.min(1).tolist())
    assert begins == set(hopper.KNOWN)
    assert (training.times.max(1) < training.query_times.min(1)).all()


@pytest.mark.usefixtures("shared_data")
def test_the_given_trajectories_come_from_our_generator():
    pytest.importorskip("dm_control")
    assert np.array_equal(trajectories.generate(3), trajectories.load(3))


def test_a_set_that_must_be_generated_says_what_it_needs(monkeypatch, tmp_path):
    monkeypatch.setenv("LATENTODE_CACHE", str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "dm_control", None)
    with pytest.raises(
        DataError, match=r"expected dm_control .*python -m benchmarks\.data\.hopper"
    ):
        trajectories.load(2_000)
    with pytest.raises(DataError, match="at most 10000 trajectories, got 10001"):
        trajectories.load(10_001)


def test_public_data_that_are_absent_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("LATENTODE_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"ETTh1\.csv: expected a public data set"):
        logs.transformer(0)


def test_stays_are_arranged_in_order_with_their_outcomes():
    stays = few_stays()
    assert stays.hours.tolist() == [[0.0, 0.5, 48.0], [1.5, 25.0, 25.0]]
    assert stays.died.tolist() == [False, True]
    assert stays.values[0, :, 0].tolist()[::2] == [80.0, 90.0]
    assert np.isnan(stays.values[1, 1:, 0]).all()  # a code of -1, and padding
    assert stays.covariates[0].tolist() == [70.0, 1.0, 180.0, 0.0, 0.0, 0.0, 1.0]


def test_demographics_are_read_at_admission_once():
    stays = few_stays().with_demographics()
    assert stays.channels == ("HR", "pH", "Age", "Gender", "Height", "ICUType")
    read = np.isfinite(stays.values)
    assert read[..., 2:].sum((0, 1)).tolist() == [2, 2, 1, 2]
    for stay in range(2):
        rows = np.flatnonzero(read[stay].any(-1))
        assert (np.diff(stays.hours[stay, rows]) > 0).all()
        assert stays.hours[stay, rows[read[stay, rows, 2]]].tolist() == [0.0]


def test_stays_are_split_as_published():
    learn, test = physionet.shuffled(10, 0)
    # numpy's legacy permutation of 10 from seed 42, which scikit-learn's split takes the test from
    assert test.tolist() == [8, 1]
    assert learn.tolist() == [5, 0, 7, 2, 9, 4, 3, 6]
    assert len(physionet.shuffled(7991, 0)[1]) == 1599
    assert physionet.shuffled(10, 1)[1].tolist() != test.tolist()


@pytest.mark.usefixtures("shared_data")
def test_the_second_day_is_asked_and_the_first_shown():
    task = physionet_forecast.forecast(0, physionet_forecast.SMOKE)
    test = task.tests["24 h to 24 h"]
    assert test.times.max() < 24.0
    asked = test.query_times[test.asked().any(-1)]
    assert asked.min() >= 24.0
    assert asked.max() <= 48.0
    assert not test.seen.any()
    assert test.asked().any((1, 2)).all()


def test_scaling_to_a_range_does_not_see_the_test():
    values = np.array([[[1.0, 5.0]], [[3.0, 5.0]], [[9.0, 6.0]]])
    scaled = physionet_forecast.scaled(values, np.array([0, 1]))
    assert scaled.tolist() == [[[0.0, 0.0]], [[1.0, 0.0]], [[4.0, 1.0]]]


@pytest.mark.usefixtures("shared_data")
def test_held_out_time_points_show_nothing():
    task = physionet_interpolation.interpolation(0, physionet_interpolation.SMOKE)
    windows = task.tests["50 % shown"]
    held_out = windows.asked(held_out=True)
    for index in range(len(windows)):
        hidden = set(windows.query_times[index, held_out[index].any(-1)].tolist())
        assert not hidden & times_shown(windows, index)
        assert len(times_shown(windows, index)) == (len(hidden) + windows.lengths[index]) // 2


def test_half_of_the_readings_are_dropped_each_on_its_own():
    frame = pd.DataFrame({"date": range(2000), "a": 1.0, "b": 2.0})
    thin = logs.thinned(frame, ["a", "b"], 0.5, 0)
    shares = thin[["a", "b"]].notna().sum() / 2000
    assert (shares - 0.5).abs().max() < 0.06  # five standard deviations
    assert len(thin) < 2000
    assert thin[["a", "b"]].notna().any(axis=1).all()
    pd.testing.assert_frame_equal(thin, logs.thinned(frame, ["a", "b"], 0.5, 0))


@pytest.mark.usefixtures("shared_data")
def test_the_remaining_life_of_an_engine_is_not_shown():
    assert set(logs.turbofans(0).columns).isdisjoint({"rul", "set1", "set2", "set3", "s1"})


def toy_run(device="cpu", build=training.latent_ode, **config):
    task = toy.interpolation(0, toy.SMOKE)
    scale = Scale.fit(drawn(task, 0, 36), task.span / 4)
    changed = {"model.latent_dim": 2, "model.hidden_dim": 6, **config}
    settings = training.settings(
        toy.SMOKE | {"config": changed}, task.name, task.train_size, 0, str(device)
    )
    return task, training.fit(task, scale, settings, build)


@pytest.mark.parametrize("build", [training.latent_ode, training.gru_decay])
def test_a_trained_model_predicts_in_the_unit_of_the_task_and_repeats(build, device):
    task, fitted = toy_run(device, build)
    test = task.tests["30 % shown"]
    (found,) = training.predict(fitted.model, test, fitted.scale, 400, seed=0)
    draws = found.draw()
    assert found.mean.shape == test.targets.shape
    assert draws.shape == (400, *found.mean.shape)
    # the median of symmetric draws is near their mean, as far as 400 draws tell
    error = np.abs(np.median(draws, axis=0) - found.mean) / draws.std(axis=0)
    assert np.median(error[test.asked()]) < 0.15
    assert list(fitted.history[0])[-3:] == ["solver_error", "solver_gap", "nfe"]
    assert fitted.history[0]["MSE, held out"] > 0
    again = toy_run(device, build)[1]
    for name, tensor in fitted.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name


def test_a_refined_model_predicts_otherwise_and_has_a_scale_of_its_own():
    plain = {"model.knots": 0, "model.memory": False}
    task, fitted = toy_run(**plain, **{"model.refine": 5})
    _, without = toy_run(**plain)
    test = task.tests["30 % shown"]
    amortised, refined = (
        next(training.predict(fitted.model, test, fitted.scale, 4, seed=0, refine=refine)).mean
        for refine in (False, True)
    )
    assert not np.allclose(amortised, refined)
    assert without.model.spread is None
    assert not torch.equal(fitted.model.spread, torch.ones_like(fitted.model.spread))
    assert torch.equal(fitted.model.decoder.linear.weight, without.model.decoder.linear.weight)


def test_a_model_that_remembers_is_not_asked_for_what_it_sees():
    task = toy.interpolation(0, toy.SMOKE)
    scale = Scale.fit(drawn(task, 0, 36), task.span / 4)
    rows = np.arange(5)
    for ask_seen in (False, True):
        sampler = training.TaskSampler(task, scale, "origin", ask_seen)
        batch = sampler.batch(rows, (0, 1))
        seen = 0 if ask_seen else int(batch.mask.sum())
        assert batch.target_mask.sum() == 5 * 100 - seen


def test_an_epoch_takes_every_series_before_any_again():
    task = toy.interpolation(0, toy.SMOKE)
    sampler = training.TaskSampler(task, Scale.fit(drawn(task, 0), 1.0), "origin", False)
    batches = sampler.epoch(sampler.eligible_rows(), 9, 8, (0, 1))
    assert np.bincount(batches.ravel(), minlength=36).tolist() == [2] * 36
