"""Layers of settings, options that stand for them, and the ``config`` commands."""

import json
import tomllib

import click
import pytest
from click.testing import CliRunner

from latentode.cli import options, settings
from latentode.cli.app import root
from latentode.cli.commands.config import template
from latentode.config import LatentODEConfig
from latentode.errors import ConfigError


def shown(*args, env=None):
    result = CliRunner().invoke(root, ["config", "show", *args], env=env)
    assert result.exit_code == 0, result.output
    return tomllib.loads(result.stdout)


def test_each_layer_is_stronger_than_the_one_before(tmp_path):
    file = tmp_path / "x.toml"
    file.write_text("[model]\nlatent_dim = 2\nhidden_dim = 2\n[train]\nseed = 2\nbatch_size = 2\n")
    config = settings.resolve(
        file=file,
        environment={
            "LATENTODE_MODEL__HIDDEN_DIM": "3",
            "LATENTODE_TRAIN__SEED": "3",
            "LATENTODE_TRAIN__BATCH_SIZE": "3",
            "PATH": "/bin",
        },
        options={"train.seed": 4, "train.batch_size": 4},
        assignments=["train.batch_size=5"],
    )
    assert config.model.latent_dim == 2
    assert config.model.hidden_dim == 3
    assert config.train.seed == 4
    assert config.train.batch_size == 5
    assert config.model.dropout == LatentODEConfig().model.dropout


@pytest.mark.parametrize(
    ("layer", "where"),
    [
        ({"environment": {"LATENTODE_MODEL__LATENT_DIMS": "8"}}, "LATENTODE_MODEL__LATENT_DIMS"),
        ({"assignments": ["model.latent_dims=8"]}, "--set model.latent_dims=8"),
        ({"options": {"model.latent_dims": 8}}, "options"),
    ],
)
def test_unknown_setting_names_its_layer_and_the_nearest_setting(layer, where):
    with pytest.raises(ConfigError, match=r'Did you mean "model\.latent_dim"\?') as caught:
        settings.resolve(**{"environment": {}, **layer})
    assert where in caught.value.where


def test_the_source_of_a_setting_is_the_layer_that_has_the_last_word(tmp_path):
    file = tmp_path / "x.toml"
    file.write_text("[model]\nlatent_dim = 2\nhidden_dim = 2\n[train]\nseed = 2\nbatch_size = 2\n")
    sources = settings.sources(
        file=file,
        environment={"LATENTODE_MODEL": '{"hidden_dim": 3}', "LATENTODE_TRAIN__SEED": "3"},
        options={"train.seed": 4},
        assignments=["train.batch_size=5"],
    )
    assert sources == {
        "model.latent_dim": str(file),
        "model.hidden_dim": "environment variable LATENTODE_MODEL",
        "train.seed": "options",
        "train.batch_size": "--set train.batch_size=5",
    }


def test_environment_variable_without_table_is_an_error_not_ignored():
    with pytest.raises(ConfigError, match=r'Did you mean "model\.latent_dim"'):
        settings.resolve(environment={"LATENTODE_LATENT_DIM": "8"})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("data.columns.id", "7", "7"),
        ("data.columns.channels", "a, b", ("a", "b")),
        ("data.columns.channels", '["a,b", "c"]', ("a,b", "c")),
        ("data.columns.channels", "none", ()),
        ("data.columns.time", "null", None),
        ("data.time.dayfirst", "true", True),
        ("model.latent_dim", "12", 12),
        ("train.optimizer.lr", "1e-3", 1e-3),
        ("windows.context", "48h", "48h"),
        ("model.encoder", '"ode_rnn"', "ode_rnn"),
    ],
)
def test_text_is_read_by_the_type_of_the_setting(name, text, value):
    config = settings.resolve(environment={}, assignments=[f"{name}={text}"])
    found = config
    for part in name.split("."):
        found = getattr(found, part)
    assert found == value


@pytest.mark.parametrize("text", ["model.latent_dim", "data.na=[1"])
def test_assignment_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match="expected"):
        settings.resolve(environment={}, assignments=[text])


EVERY_OPTION = {**options.DATA_OPTIONS, **options.TRAIN_OPTIONS}


@pytest.mark.parametrize("flag", EVERY_OPTION)
def test_option_stands_for_a_setting_that_exists(flag):
    assert EVERY_OPTION[flag][0] in settings.flat(LatentODEConfig().to_dict())


def test_data_options_cover_every_setting_of_the_data():
    covered = {setting for setting, _ in options.DATA_OPTIONS.values()}
    known = settings.flat({"data": LatentODEConfig().to_dict()["data"]})
    assert covered == set(known)


def given(*args):
    """Settings that these arguments give."""
    found = {}

    @click.command()
    @options.data_options
    @options.train_options
    def collect(**values):
        found.update(options.given_settings(values))

    result = CliRunner().invoke(collect, [*args])
    assert result.exit_code == 0, result.output
    return found


def test_options_not_given_leave_their_settings_alone():
    assert given() == {}


@pytest.mark.parametrize(
    ("arguments", "setting", "value"),
    [
        (["--channels", 'a,"b,c", d'], "data.columns.channels", ("a", "b,c", "d")),
        (["--max-bad", "1.5%"], "data.cells.max_bad", 0.015),
        (["--max-bad", "0.2"], "data.cells.max_bad", 0.2),
        (["--no-dayfirst"], "data.time.dayfirst", False),
        (["--dayfirst"], "data.time.dayfirst", True),
        (["--sep", "tab"], "data.cells.sep", "\t"),
        (["--sep", ";"], "data.cells.sep", ";"),
        (["--decimal", ","], "data.cells.decimal", ","),
        (["--na", "unavailable,-"], "data.cells.na", ("unavailable", "-")),
        (["--lower", "rain=0,flow=none"], "channels.lower", ("rain=0", "flow=none")),
        (["--lower", "rain=0", "--lower", "flow=1"], "channels.lower", ("rain=0", "flow=1")),
        (["--kinds", "valve=binary"], "channels.kinds", ("valve=binary",)),
        (["--na", ""], "data.cells.na", ()),
        (["--epochs", "3"], "train.max_epochs", 3),
        (["--lr", "1e-3"], "train.optimizer.lr", 1e-3),
        (["--clip-outliers", "6"], "data.clip_outliers", 6.0),
    ],
)
def test_option_is_read_as_its_setting(arguments, setting, value):
    found = given(*arguments)
    assert found == {setting: value}
    settings.resolve(environment={}, options=found)


@pytest.mark.parametrize("share", ["150%", "-1%", "one"])
def test_share_out_of_range_is_a_usage_error(share):
    result = CliRunner().invoke(root, ["train", "x", "--max-bad", share, "--dry-run"])
    assert result.exit_code == 2
    assert "share" in result.stderr or "x" in result.stderr


def test_names_that_cannot_be_read_are_a_usage_error():
    result = CliRunner().invoke(root, ["train", "x", "--channels", "a\rb", "--dry-run"])
    assert result.exit_code == 2
    assert "--channels" in result.stderr


def test_template_holds_every_setting_and_reads_back_as_the_defaults():
    assert LatentODEConfig.from_dict(tomllib.loads(template())) == LatentODEConfig()
    for name in settings.flat(LatentODEConfig().to_dict()):
        assert f"{name.rpartition('.')[2]} =" in template()


def test_config_init_writes_a_file_once(tmp_path):
    path = tmp_path / "x.toml"
    first = CliRunner().invoke(root, ["config", "init", str(path)])
    assert first.exit_code == 0
    assert first.stdout.strip() == str(path)
    path.write_text("mine")
    assert CliRunner().invoke(root, ["config", "init", str(path)]).exit_code == 8
    assert path.read_text() == "mine"
    assert CliRunner().invoke(root, ["config", "init", str(path), "--overwrite"]).exit_code == 0
    assert CliRunner().invoke(root, ["config", "check", str(path)]).exit_code == 0


def test_config_show_sees_the_environment_and_set():
    values = shown("--set", "model.hidden_dim=7", env={"LATENTODE_MODEL__LATENT_DIM": "9"})
    assert values["model"]["latent_dim"] == 9
    assert values["model"]["hidden_dim"] == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[model]\nlatent_dimm = 8\n", 'Did you mean "model.latent_dim"?'),
        ("[model]\nlatent_dim = 0\n", "model.latent_dim"),
        ("[model]\nlatent_dim = 1\nlatent_dim = 2\n", "not TOML"),
        ("model = 3\n", "model"),
    ],
)
def test_config_check_refuses_with_code_4(tmp_path, text, message):
    path = tmp_path / "x.toml"
    path.write_text(text)
    result = CliRunner().invoke(root, ["config", "check", str(path), "--json"])
    answer = json.loads(result.stdout)
    assert result.exit_code == 4
    assert answer["error"]["kind"] == "config"
    assert message in answer["error"]["message"]
    assert str(path) in answer["error"]["where"]


def test_config_file_beyond_1_mib_is_refused_with_code_4(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("# " + "x" * (1 << 20))
    assert CliRunner().invoke(root, ["config", "check", str(path)]).exit_code == 4


def test_config_schema_is_json_and_names_the_tables():
    result = CliRunner().invoke(root, ["config", "schema"])
    assert "model" in json.loads(result.stdout)["properties"]


def test_dry_run_prints_the_resolved_settings_and_makes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.csv").write_text("time,x\n")
    arguments = ["train", "log.csv", "--latent-dim", "5", "--horizon", "6h", "--dry-run"]
    result = CliRunner().invoke(root, arguments)
    config = LatentODEConfig.from_dict(tomllib.loads(result.stdout))
    assert config.model.latent_dim == 5
    assert config.windows.horizon == "6h"
    assert [entry.name for entry in tmp_path.iterdir()] == ["log.csv"]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_json_nested_without_end_is_no_value(text):
    with pytest.raises(ConfigError, match=r"model.latent_dim: expected JSON after .* \.\.\.'\.$"):
        settings.parse_text("model.latent_dim", text)
