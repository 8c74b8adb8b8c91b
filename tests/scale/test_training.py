"""Training on parts: that of a log in memory where they fit, and from part to part where not."""

import json

import pytest
from model_cases import irregular_log
from training_cases import same, training_settings

from latentode import LatentODE
from latentode.config import LatentODEConfig
from latentode.errors import ConfigError, DataError
from latentode.scale import Parts, fit, write_parts

SMALL = {"train__max_epochs": 4, "train__steps_per_epoch": 2}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    log = irregular_log((40,) * 12)
    return write_parts(log, tmp_path_factory.mktemp("log") / "parts", 6)


def streams(parts, **values):
    """Settings under which a third of the parts fit into memory."""
    buffer = parts.manifest.readings // 3
    return training_settings(**{**SMALL, "train__buffer_readings": buffer, **values})


def quiet(_event):
    pass


@pytest.fixture(scope="module")
def model(parts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    return fit(parts, streams(parts), run_dir=folder, on_event=quiet), folder


def weights(model):
    return model.fitted_.model.state_dict()


def test_parts_that_fit_are_trained_on_as_a_log_in_memory(parts):
    config = training_settings(**SMALL)
    ours = fit(parts.folder, config, on_event=quiet)
    whole = LatentODE(config=config).fit(parts.whole(), on_event=quiet)
    assert same(weights(ours), weights(whole))
    assert ours.fitted_.context.series_ids == whole.fitted_.context.series_ids


def test_settings_that_are_chosen_are_those_of_the_whole_log(parts, model):
    config = training_settings(**SMALL)
    whole = LatentODE(config=config).fit(parts.whole(), on_event=quiet)
    ours = model[0].config_
    assert ours.model == whole.config_.model
    assert ours.train.steps_per_epoch == whole.config_.train.steps_per_epoch
    assert model[0].fitted_.schema.to_dict() == whole.fitted_.schema.to_dict()


def test_training_that_was_stopped_goes_on_to_the_same_bits(parts, model, tmp_path):
    class Stopped(Exception):
        pass

    def stop(event):
        if event["event"] == "epoch" and event["epoch"] == 2:
            raise Stopped

    with pytest.raises(Stopped):
        fit(parts, streams(parts), run_dir=tmp_path / "run", on_event=stop)
    resumed = fit(parts, streams(parts), run_dir=tmp_path / "run", resume=True, on_event=quiet)
    assert same(weights(resumed), weights(model[0]))
    assert resumed.fitted_.history == model[0].fitted_.history


def test_plan_says_what_is_held_in_memory(parts):
    said = []
    fit(parts, streams(parts, train__max_epochs=1), on_event=said.append)
    first, plan = said[:2]
    assert "every part is read" in first["text"]
    assert plan["lines"][-1].startswith(
        f"in memory: of {parts.manifest.readings:,} readings, "
        f"{parts.manifest.readings // 3:,} at a time to train on (train.buffer_readings)"
    )


def test_model_of_parts_forecasts_logs_and_remembers_no_series(parts, model):
    loaded = LatentODE.load(model[1])
    log = parts.read(0)
    assert loaded.forecast(log, num_draws=3).sizes["series"] == len(log)
    assert loaded.score(log, num_draws=4).sizes["series"] == len(log)
    assert "parts, none remembered" in repr(loaded)
    with pytest.raises(DataError, match=r"remembers no series\. Name LOGS: those parts"):
        loaded.forecast(num_draws=3)
    for ask in (loaded.update, loaded.refit):
        with pytest.raises(ConfigError, match=r"trained on parts and remembers none\. Train again"):
            ask(log)
    assert loaded.append(log).forecast(num_draws=3).sizes["series"] == len(log)


def test_a_damaged_part_is_found_before_the_first_step(tmp_path):
    parts = write_parts(irregular_log((40,) * 6), tmp_path / "parts", 3)
    path = parts.folder / parts.manifest.parts[-1].file
    path.write_bytes(path.read_bytes()[:-9])
    said = []
    with pytest.raises(DataError, match=rf"{path.name}: expected the part of"):
        fit(parts, streams(parts), on_event=said.append)
    assert [event["event"] for event in said] == ["note"]


def test_what_needs_the_log_in_memory_is_refused(parts, monkeypatch):
    with pytest.raises(ConfigError, match=r"train\.refit: expected a log that fits into memory"):
        fit(parts, streams(parts, train__refit=True))
    with pytest.raises(ConfigError, match=r"data\.time\.tz: expected no setting of how the log"):
        fit(parts, streams(parts, data__time__tz="UTC"))
    told = {"WORLD_SIZE": "9", "RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DataError, match="a part for each of 9 processes, got 5 parts"):
        fit(parts, streams(parts))


def test_later_logs_are_read_as_the_parts_were(parts, tmp_path):
    text = (parts.folder / "manifest.json").read_text()
    for each in parts.manifest.parts:
        (tmp_path / each.file).write_bytes((parts.folder / each.file).read_bytes())
    reading = LatentODEConfig().updated(**{"data.columns.id": "pump"}).data.model_dump_json()
    (tmp_path / "manifest.json").write_text(text.replace('"reading": {}', f'"reading": {reading}'))
    read = Parts.open(tmp_path)
    config = training_settings(data__min_obs=3, data__columns__id="pump", **SMALL)
    model = fit(read, config, on_event=quiet)
    assert model.config_.data.columns.id == "pump"
    assert model.config_.data.min_obs == 3


def test_parts_of_a_version_that_knows_more_settings_are_refused(tmp_path):
    log = irregular_log([30, 30, 30])
    folder = write_parts(log, tmp_path / "parts", 2).folder
    manifest = folder / "manifest.json"
    content = json.loads(manifest.read_text())
    content["reading"] = {"unheard_of": 1}
    manifest.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"unheard_of: unknown setting.*partition"):
        fit(folder)
