"""Models that learn the end of their log, or later readings."""

import copy
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import torch
from pump_log import TINY, equal, tiny
from scipy.signal import lfilter

from latentode import LatentODE, LatentODEConfig
from latentode.data.schema import DataSchema
from latentode.errors import ConfigError, DataError, LatentODEWarning, LogWarning
from latentode.estimators import latent_ode

HOURS = 240


def log_of(start="2024-01-01", hours=HOURS, pumps=("a", "b"), level=0.0, seed=0):
    """Two channels by the hour, that follow the day."""
    parts = []
    for number, pump in enumerate(pumps):
        times = pd.date_range(start, periods=hours, freq="h")
        noise = np.random.default_rng((seed, number)).normal(0.0, 0.1, (2, hours))
        day = np.sin(2 * np.pi * times.hour / 24)
        parts.append(
            pd.DataFrame(
                {"time": times, "pump": pump, "x": level + day + noise[0], "y": day * 2 + noise[1]}
            )
        )
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def log():
    return log_of()


@pytest.fixture(scope="module")
def fitted(log):
    return tiny(log, id_column="pump")


@pytest.fixture
def model(fitted):
    return copy.copy(fitted)


@pytest.fixture(scope="module")
def refitted(fitted, log):
    return copy.copy(fitted).refit(log)


@pytest.fixture
def refit(refitted):
    return copy.copy(refitted)


def later(log, **options):
    return log_of(str(log["time"].max() + pd.Timedelta("1h")), seed=1, **options)


# refit


def test_a_refit_learns_all_of_the_log_and_keeps_what_was_held_out(model, refit, log):
    first, scores, refit = model.fitted_, model.evaluate(log), refit.fitted_
    assert refit.schema.split.cuts["*"] == (log["time"].max().value,) * 2
    # scales are of all readings, which those of the first 70 % were not
    whole = DataSchema.fit(
        first.schema.in_order(first.context), TINY, first.schema.split.all_learned(first.context)
    )
    assert refit.schema.lengths == first.schema.lengths == whole.lengths
    assert not np.array_equal(refit.schema.scaler.center, first.schema.scaler.center)
    # what only held-out readings tell is that of the first model
    for part in ("calibration", "copula"):
        assert getattr(refit, part) is getattr(first, part)
    (told,) = refit.later
    assert told.kind == "refit"
    assert told.readings == 2 * len(log)
    assert told.steps == first.history[-1]["step"]
    assert told.scores["forecast"]["mae"] == scores["forecast"]["overall"]["model"]["mae"]
    assert refit.history == first.history


def test_a_refit_takes_as_many_epochs_as_validation_chose(log):
    config = TINY.updated(
        **{"windows.horizon": "3h", "train.max_epochs": 4, "train.optimizer.lr": 0.5}
    )
    model = tiny(log, config, id_column="pump")
    crps = [record["validation_crps"] for record in model.fitted_.history]
    chosen = int(np.argmin(crps)) + 1
    assert chosen < 4  # at such a rate
    told = model.refit(log).fitted_.later[0]
    assert told.steps == model.fitted_.history[chosen - 1]["step"]


def test_fit_refits_where_settings_say_so(refit, log):
    found = tiny(log, TINY.updated(**{"train.refit": True}), id_column="pump").fitted_
    for name, value in refit.fitted_.model.state_dict().items():
        assert torch.equal(value, found.model.state_dict()[name])
    assert found.later == refit.fitted_.later


def test_each_of_two_trainings_has_a_bar_of_its_own(log, monkeypatch):
    bars = []

    @contextmanager
    def bar(on_event):
        assert on_event is None  # the caller's
        events, here = [], len(bars)
        bars.append(events)

        def told(event):
            assert len(bars) == here + 1  # not after the end of the block
            events.append(event["event"])

        yield told

    monkeypatch.setattr(latent_ode, "bar_unless", bar)
    tiny(log, TINY.updated(**{"train.refit": True}), id_column="pump")
    assert ["epoch" in events for events in bars] == [True, True]


def test_a_refit_model_is_stored_with_its_past(refit, tmp_path):
    model = refit
    model.save(tmp_path / "m")
    again = LatentODE.load(tmp_path / "m")
    assert again.fitted_.later == model.fitted_.later
    equal(again.forecast(num_draws=3), model.forecast(num_draws=3))
    assert "Refit on all of its log, up to 2024-01-10T23:00" in again.describe()["card"]
    assert "before the refit" in again.describe()["card"].lower()


def test_what_was_refit_is_scored_on_later_readings_alone(refit, log):
    model = refit
    with pytest.raises(DataError, match=r"learned.*2024-01-10T23:00.*later log"):
        model.evaluate(log)
    scores = model.evaluate(pd.concat([log, later(log)]))
    assert scores["forecast"]["num_targets"] > 0


def test_a_second_refit_is_refused(refit, log):
    with pytest.raises(ConfigError, match="refit before"):
        refit.refit(log)


def test_a_refit_needs_the_series_of_the_training(model, log):
    with pytest.raises(DataError, match="'b' is not there"):
        model.refit(log[log["pump"] == "a"])


def test_a_channel_that_begins_late_is_learned_by_a_refit(log):
    late = log.assign(z=np.where(log["time"] >= "2024-01-09", log["x"] * 2, np.nan))
    model = tiny(late, id_column="pump")
    assert list(model.fitted_.schema.known) == [True, True, False]
    with pytest.warns(LatentODEWarning, match="every answer is NaN: z"):  # of the first, scored
        model.refit(late)
    assert model.fitted_.schema.known.all()


# update


def test_an_update_learns_new_readings_and_series_with_the_scales_that_were(model, log):
    before = model.fitted_
    new = later(log, pumps=("b", "c"), level=3.0)
    after = model.update(new, old_log=log).fitted_
    assert after.schema.scaler is before.schema.scaler
    assert after.context.series_ids == ("a", "b", "c")
    assert after.schema.split.cuts["*"][0] == new["time"].max().value
    assert any(
        not torch.equal(value, after.model.state_dict()[name])
        for name, value in before.model.state_dict().items()
    )
    told = after.later[-1]
    assert (told.kind, told.until) == ("update", "2024-01-20T23:00")
    assert told.readings == 2 * (len(log) + len(new))
    # a forecast without a log begins where the new readings of each series end
    begins = model.forecast(horizon="2h", every="1h", num_draws=2)["time"].isel(step=0).to_series()
    assert begins["a"] < begins["b"] == begins["c"]


def test_an_update_leaves_the_model_that_was_alone(model, log):
    before = model.fitted_
    weights = {name: value.clone() for name, value in before.model.state_dict().items()}
    model.update(later(log))
    assert model.fitted_ is not before
    assert all(torch.equal(v, weights[n]) for n, v in before.model.state_dict().items())


def test_a_log_that_holds_old_readings_too_updates_as_the_two_parts(model, log):
    new = later(log)
    other = LatentODE()
    other.fitted_ = model.fitted_
    model.update(new, old_log=log)
    other.update(pd.concat([log, new]))
    assert other.fitted_.later == model.fitted_.later
    for name, value in model.fitted_.model.state_dict().items():
        assert torch.equal(value, other.fitted_.model.state_dict()[name])


def test_updates_follow_each_other_and_differ(model, log):
    second = later(later(log))
    model.update(later(log)).update(second)
    assert [each.kind for each in model.fitted_.later] == ["update", "update"]
    assert model.fitted_.later[1].until == "2024-01-30T23:00"


def test_nothing_new_is_refused(refit, log):
    model = refit
    with pytest.raises(DataError, match=r"has not learned, got none after 2024-01-10T23:00"):
        model.update(log)


def test_a_new_channel_is_refused_with_a_way(model, log):
    new = later(log).assign(z=1.5)
    with pytest.raises(DataError, match=r"got also z.*train again.*leave it out"):
        model.update(new)
    model.update(new.drop(columns="z"))


def test_a_channel_that_was_left_out_before_is_not_new(log):
    wide = log.assign(z=1.5)
    with pytest.warns(LogWarning, match="column z ignored"):
        model = tiny(wide, id_column="pump", channels=["x", "y"])
    model.update(later(log).assign(z=1.5), old_log=wide)
    assert model.fitted_.later[-1].kind == "update"


def test_a_model_with_labels_is_not_updated(log):
    labels = dict(zip("abcdef", "uvuvuv", strict=True))
    model = tiny(log_of(pumps="abcdef"), id_column="pump", labels=labels)
    with pytest.raises(ConfigError, match=r"labels.*Train again on the whole log"):
        model.update(later(log))


def test_bands_of_an_update_are_learned_from_new_readings(model, log):
    before = model.fitted_.calibration
    model.update(later(log, level=5.0))
    assert model.fitted_.calibration is not before


def moved_log(days, seed=0):
    """Four series by the hour; after 30 days their level moves and their daily swing doubles."""
    parts = []
    for number in range(4):
        generator = np.random.default_rng((seed, number))
        hours = np.arange(24 * days) + generator.uniform(-0.2, 0.2, 24 * days)
        moved = hours / 24 >= 30
        drift = lfilter([0.3], [1.0, -0.95], generator.normal(size=len(hours)))
        swing = np.where(moved, 2.0, 1.0) * np.sin(2 * np.pi * hours / 24)
        values = np.where(moved, 4.0, 0.0) + 0.3 * number + swing + drift
        times = pd.Timestamp("2024-01-01") + pd.to_timedelta(hours, unit="h")
        parts.append(pd.DataFrame({"time": times, "id": f"s{number}", "y": values}))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.slow
def test_an_update_forecasts_what_follows_better_at_a_fifth_of_the_cost():
    log = moved_log(60)
    edges = [pd.Timestamp("2024-01-01") + pd.Timedelta(day, "D") for day in (30, 48)]
    parts = np.searchsorted(edges, log["time"])
    old, new, following = (log[parts == part] for part in range(3))
    steps = {"train.max_epochs": 4, "train.steps_per_epoch": 30, "train.max_time": None}
    config = LatentODEConfig().updated(**steps)

    def trained(log):
        return LatentODE(config=config, random_state=0).fit(log, id_column="id")

    def crps(model):
        scores = model.evaluate(following, split="all", max_windows=60, num_draws=60)
        return scores["forecast"]["channels"]["y"]["model"]["crps"]

    model = trained(old)
    before = crps(model)
    after = crps(model.update(new, old_log=old))
    anew = trained(pd.concat([old, new]))
    assert after < 0.9 * before
    assert after <= crps(anew)
    assert model.fitted_.later[0].steps <= anew.fitted_.history[-1]["step"] / 5


# what stays


def test_a_split_without_a_test_part(log):
    config = TINY.updated(**{"windows.train_fraction": 0.9, "windows.validation_fraction": 0.1})
    model = tiny(log, config, id_column="pump")
    cuts = model.fitted_.schema.split.cuts["*"]
    assert cuts[0] < cuts[1] == log["time"].max().value
    with pytest.raises(DataError, match="later log"):
        model.evaluate(log)


def test_a_run_folder_is_loaded_like_its_model(log, tmp_path):
    model = LatentODE(config=TINY).fit(log, id_column="pump", run_dir=tmp_path / "run")
    equal(LatentODE.load(tmp_path / "run").forecast(num_draws=2), model.forecast(num_draws=2))


def test_repr_tells_what_the_model_is_of(model, refit):
    assert repr(LatentODE(latent_dim=4)) == "LatentODE(latent_dim=4, not fitted)"
    assert repr(model).startswith("LatentODE(2 channels: x, y; 2 series; looks back ")
    assert repr(refit).endswith("refit up to 2024-01-10T23:00)")
