"""Forecasts under plans: a log whose level follows an inflow that is known ahead."""

import re

import numpy as np
import pandas as pd
import pytest
from cli_cases import answer_of, run
from places import ROOT

from latentode import LatentODE, LatentODEConfig, plot
from latentode.errors import ConfigError, DataError, LatentODEWarning

PAGE = (ROOT / "docs" / "planned_inputs.md").read_text("utf-8")
BRIEF = LatentODEConfig().updated(
    **{
        "model.latent_dim": 4,
        "model.hidden_dim": 16,
        "model.knots": 0,
        "model.encoder": "rnn",
        "train.max_epochs": 1,
        "train.steps_per_epoch": 60,
        "train.batch_size": 8,
        "train.optimizer.lr": 0.01,
        "train.optimizer.warmup_steps": 5,
        "train.max_time": None,
        "solver.step_size": 0.25,
    }
)


@pytest.fixture(scope="module")
def page():
    """What the program of the page leaves behind, with less training."""
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert 'max_time="1min"' in program
    names = {"BRIEF": BRIEF}
    exec(program.replace('max_time="1min"', "config=BRIEF"), names)
    return names


def means(forecast, scenario):
    return forecast["value"].sel(scenario=scenario).mean("draw").values.ravel()


def test_a_step_of_the_plan_moves_the_forecast_in_its_direction(page):
    dry, storm = (means(page["forecast"], name) for name in ("dry", "storm"))
    assert (storm[-3:] > dry[-3:] + 0.5).all()
    assert storm[-1] > dry[0] > dry[-1]
    assert page["crossed"]["scenario"].tolist() == ["dry", "storm"]


def test_scenarios_differ_by_their_plans_alone(page):
    difference = page["difference"].values[:, 0, :, 0]
    assert (difference[:, 0] == 0).all()  # the plans differ from the second time on
    assert (difference[:, 1:] != 0).all()
    value = page["forecast"]["value"].sel(scenario="storm").values[:, 0, -1, 0]
    assert difference[:, -1].std() < value.std()  # as independent draws would not


def test_each_scenario_is_the_forecast_under_its_plan(page):
    for name, plan in page["plans"].items():
        alone = page["model"].forecast(page["log"], every="1h", plan=plan)
        np.testing.assert_array_equal(alone["value"], page["forecast"]["value"].sel(scenario=name))


def test_a_plan_of_the_last_value_changes_no_bit_but_tells_what_was_assumed(page):
    model, log = page["model"], page["log"]
    held = page["plans"]["dry"].assign(inflow=log["inflow"].iloc[-1])
    planned = model.forecast(log, every="1h", plan=held)
    told = rf"'inflow' of series 'series' is told until .* held at {log['inflow'].iloc[-1]:g} until"
    with pytest.warns(LatentODEWarning, match=told):
        bare = model.forecast(log, every="1h")
    np.testing.assert_array_equal(planned["value"], bare["value"])


def test_a_plan_that_ends_early_is_said_by_its_name(page):
    early = {name: plan.iloc[:1] for name, plan in page["plans"].items()}
    with pytest.warns(LatentODEWarning) as caught:
        page["model"].forecast(page["log"], every="1h", plan=early)
    told = [str(each.message) for each in caught]
    assert [text.split(":")[0] for text in told] == [
        "planned inputs 'dry'", "planned inputs 'storm'",
    ]  # fmt: skip


def test_a_plan_goes_with_the_newest_readings_of_training_and_with_times(page):
    model, log, plan = page["model"], page["log"], page["plans"]["storm"]
    own = model.forecast(every="1h", plan=plan)
    np.testing.assert_array_equal(own["value"], page["forecast"]["value"].sel(scenario="storm"))
    asked = pd.DataFrame({"time": own["time"].values[0, [4, 1]]})
    some = model.forecast(log, times=asked, plan=plan)
    np.testing.assert_allclose(some["value"], own["value"].values[:, :, [4, 1]], rtol=1e-5)


def test_a_plan_far_from_the_log_is_said_and_none_among_several_refused(page):
    model, log = page["model"], page["log"]
    past = pd.DataFrame({"time": log["time"].iloc[-5:], "inflow": 7.0})
    with pytest.warns(LatentODEWarning) as said:
        model.forecast(log, plan=past, num_draws=2)
    far, odd, held = (str(each.message) for each in said)
    assert "'inflow' as 7, where the log has 0 to 3" in odd
    assert re.search(r"'inflow' of series 'series' is \d and planned as 7", far)
    assert f"is told until {log['time'].iloc[-1]} and held at 7 until" in held
    with pytest.raises(ConfigError, match="plan: expected a plan, or several by name, got none"):
        model.forecast(log, plan={})


def test_a_picture_shows_one_scenario(page):
    with pytest.raises(ConfigError, match=r"got 'dry', 'storm'.*dataset.sel\(scenario='dry'\)"):
        plot.forecast(page["forecast"])
    assert plot.forecast(page["forecast"].sel(scenario="dry")).shape == (1, 1)


def test_one_known_input_may_be_named_by_itself():
    log = pd.DataFrame({"time": [1.0, 2.0], "level": [0.0, 1.0], "inflow": [0.0, 1.0]})
    with pytest.raises(DataError, match="no column 'outflow'"):
        LatentODE(config=BRIEF).fit(log, future_columns="outflow")


def test_the_program_forecasts_scenarios_and_answers_questions_for_each(page, tmp_path):
    page["model"].save(tmp_path / "model")
    page["log"].to_csv(tmp_path / "log.csv", index=False)
    for name, plan in page["plans"].items():
        plan.to_csv(tmp_path / f"{name}.csv", index=False)
    asked = ("forecast", tmp_path / "model", tmp_path / "log.csv", "--every", "1h")
    plans = [f"--plan={name}={tmp_path / name}.csv" for name in ("dry", "storm")]
    questions = ("--aggregate", "max by horizon", "--exceeds", "level>4")
    answer = answer_of(*asked, *plans, *questions, "-o", tmp_path / "out.csv")
    assert answer["data"]["scenario"] == 2
    assert [each["scenario"] for each in answer["data"]["exceeds"]] == ["dry", "storm"]
    assert answer["warnings"] == []
    table = pd.read_csv(tmp_path / "out.csv")
    own = page["model"].forecast(tmp_path / "log.csv", every="1h", plan=page["plans"])
    for name, rows in table.groupby("scenario"):
        np.testing.assert_allclose(rows["mean"], means(own, name), rtol=1e-9)
    assert set(pd.read_csv(tmp_path / "out-max-by-horizon.csv")["scenario"]) == {"dry", "storm"}
    bare = run(*asked, "-o", tmp_path / "bare.csv")
    assert "warning: planned inputs: 'inflow' of series 'log' is told until" in bare.stderr


@pytest.mark.parametrize(
    ("plans", "told"),
    [
        (["nowhere.csv"], "there is no file 'nowhere.csv'"),
        (["low=nowhere.csv"], "there is no file 'nowhere.csv'"),
        (["{0}", "{0}"], "expected one plan, or several of different names"),
        (["a={0}", "a={0}"], "got a, a. Name each, as in --plan low=LOW.csv"),
    ],
)
def test_plans_of_the_program_are_files_by_name(tmp_path, plans, told):
    file = tmp_path / "plan.csv"
    file.write_text("time,inflow\n")
    words = [word for plan in plans for word in ("--plan", plan.format(file))]
    refused = run("forecast", tmp_path, *words)
    assert refused.exit_code == 2
    assert told in refused.stderr
