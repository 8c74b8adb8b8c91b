"""Settings as dictionaries and as TOML: both read back as the same settings."""

import math
import os
from typing import Literal, get_args, get_origin

import annotated_types
import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import BaseModel

from latentode.config import (
    LatentODEConfig,
    ModelConfig,
    RegularizersConfig,
    SolverConfig,
    TrainConfig,
    WindowConfig,
)
from latentode.config.channels import KINDS, ChannelsConfig
from latentode.config.data import CellsConfig, SourceConfig
from latentode.config.toml import read_toml
from latentode.errors import ConfigError

# every character that a file can hold: controls, DEL, quotes, characters beyond U+FFFF
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
STATES = st.builds("{}x={}".format, TEXTS, st.integers(-3, 3))
NAMES, LIMITS = TEXTS.filter(str.strip), st.sampled_from(["none", "0", "-2.5e3"])
DURATIONS = st.sampled_from(["90s", "10min", "1.5h", "2d", "12"])


def bounds(field):
    limits = {}
    for rule in field.metadata:
        if isinstance(rule, annotated_types.Ge | annotated_types.Gt):
            limits["min_value"] = getattr(rule, "ge", getattr(rule, "gt", None))
            limits["exclude_min"] = isinstance(rule, annotated_types.Gt)
        if isinstance(rule, annotated_types.Le | annotated_types.Lt):
            limits["max_value"] = getattr(rule, "le", getattr(rule, "lt", None))
            limits["exclude_max"] = isinstance(rule, annotated_types.Lt)
    return limits


def values_of(kind, field):
    """Any value that a field of this type accepts."""
    limits = bounds(field)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return configs(kind)
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if get_origin(kind) is tuple:
        return st.lists(TEXTS, max_size=3).map(tuple)
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(limits["min_value"], limits.get("max_value", 2**63 - 1))
    if kind is float:
        return st.floats(**limits, allow_nan=False, allow_infinity=False)
    return DURATIONS if is_duration(field) else TEXTS


def is_duration(field):
    return any("_check_duration" in str(rule) for rule in field.metadata)


@st.composite
def configs(draw, table=LatentODEConfig):
    values = {}
    for name, field in table.model_fields.items():
        kinds = get_args(field.annotation) if is_optional(field) else (field.annotation,)
        if name in ("states", "label_head"):  # the latter has no value but none by itself
            continue
        options = [st.none() if k is type(None) else values_of(k, field) for k in kinds]
        values[name] = draw(st.one_of(options))
    if table is CellsConfig:
        values["states"] = draw(st.lists(STATES, max_size=3).map(tuple))
    if table is ChannelsConfig:
        of = {"lower": LIMITS, "upper": LIMITS, "kinds": st.sampled_from(KINDS)}
        # counters have no bounds, so none of them is called as a channel that may have some
        counters = tuple(f"{name}, counted" for name in values.pop("counters"))
        values = {n: tuple(f"{draw(NAMES)}={draw(of[n])}" for _ in v) for n, v in values.items()}
        values["counters"] = counters
    if table is CellsConfig:
        values["quality"] = values["quality"] or "good"
    if table is SourceConfig and values["table"] is not None:
        values["query"] = None
    if table is WindowConfig:
        assume(values["train_fraction"] + values["validation_fraction"] < 1)
    if table is ModelConfig and values["refine"]:
        values |= {"memory": False, "knots": 0, "posterior": "normal", "dynamics_noise": "none"}
    if table is LatentODEConfig and values["model"].dynamics_noise == "learned":
        smooth = {"regularizers": RegularizersConfig()}
        values |= {"solver": SolverConfig(), "train": values["train"].model_copy(update=smooth)}
    return table.model_validate(values)


def is_optional(field):
    return type(None) in get_args(field.annotation)


@hypothesis_settings(max_examples=60, deadline=None)
@given(config=configs())
def test_every_config_reads_back_exactly_from_toml_and_dictionary(tmp_path_factory, config):
    path = tmp_path_factory.mktemp("config") / "x.toml"
    path.write_bytes(config.to_toml().encode())
    assert LatentODEConfig.from_toml(path) == config
    assert LatentODEConfig.from_dict(config.to_dict()) == config


def test_drawn_configs_reach_none_in_every_optional_field_and_durations():
    fields = [*WindowConfig.model_fields.items(), *TrainConfig.model_fields.items()]
    assert {name for name, field in fields if is_duration(field)} == {
        "context", "horizon", "max_time",
    }  # fmt: skip
    assert all(is_optional(field) for _, field in fields if is_duration(field))


def test_no_time_budget_reads_back_as_none(tmp_path):
    config = LatentODEConfig().updated(**{"train.max_time": None})
    (tmp_path / "x.toml").write_text(config.to_toml())
    assert LatentODEConfig.from_toml(tmp_path / "x.toml").train.max_time is None


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_number_that_is_not_finite_is_refused(value):
    with pytest.raises(ConfigError, match="clip_outliers"):
        LatentODEConfig().updated(**{"data.clip_outliers": value})


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("lower", "rain", r"channels.lower: expected NAME=NUMBER such as rain=0, got 'rain'\."),
        ("upper", "rain=x", r"channels.upper: expected rain=NUMBER or rain=none, got rain=x\."),
        ("lower", "rain=inf", r"expected rain=NUMBER or rain=none, got rain=inf\."),
        ("kinds", "valve=state", r"expected one of continuous, binary, count, got valve=state\."),
    ],
)
def test_what_is_no_bound_or_kind_of_a_channel_is_refused(setting, value, said):
    with pytest.raises(ConfigError, match=said):
        LatentODEConfig().updated(**{f"channels.{setting}": [value]})


def test_the_last_word_on_a_channel_counts():
    settings = LatentODEConfig().updated(**{"channels.lower": ["a=1", "x=y=none", "a=2"]})
    assert settings.channels.bounds("lower") == {"a": 2.0, "x=y": -math.inf}


def test_counters_have_rates_from_0_on_and_no_bounds_of_their_own():
    channels = LatentODEConfig().updated(**{"channels.counters": ["meter"]}).channels
    assert (channels.bounds("lower"), channels.bounds("upper")) == ({"meter": 0.0}, {})
    assert channels.declared_kinds() == {"meter": "continuous"}
    for setting, value in [("lower", "meter=0"), ("upper", "meter=9"), ("kinds", "meter=count")]:
        with pytest.raises(ConfigError, match="no bounds or kinds of counters, got some of meter"):
            LatentODEConfig().updated(
                **{"channels.counters": ["meter"], f"channels.{setting}": [value]}
            )


def _numbers(config, path=()):
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if isinstance(value, BaseModel):
            yield from _numbers(value, (*path, name))
        elif "int" in str(field.annotation):
            yield ".".join((*path, name))


@pytest.mark.parametrize("name", list(_numbers(LatentODEConfig())))
@pytest.mark.parametrize("value", [10**25, -(10**25)])
def test_every_whole_number_has_a_range(name, value):
    with pytest.raises(ConfigError, match=name):
        LatentODEConfig().updated(**{name: value})


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "{b = " * 50_000])
def test_settings_nested_without_end_are_no_settings(tmp_path, text):
    path = tmp_path / "deep.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="not TOML"):
        LatentODEConfig.from_toml(path)


@pytest.mark.parametrize(
    "key",
    [
        "a." * 40,
        "a . " * 40,
        "a.'b'." * 20,
        'a."\\"".' * 20_000,  # tomllib takes a minute over these 160 kB
        'x = """a""""\n' + "a." * 40,
        "# it's a comment\n" + "a." * 40,
    ],
)
def test_keys_of_many_parts_are_refused_unread(tmp_path, key, monkeypatch):
    monkeypatch.setattr("tomllib.loads", lambda _: pytest.fail("was parsed"))
    path = tmp_path / "deep.toml"
    path.write_text(f"{key}z = 1\n")
    with pytest.raises(ConfigError, match="expected a key of at most 32 parts"):
        LatentODEConfig.from_toml(path)


@pytest.mark.parametrize(
    "text",
    ["# see {}", 'data.time.column = "{}"', "data.time.column = '{}'", 'data.id = """\n{}"""'],
)
def test_many_dots_that_are_no_key_are_read(tmp_path, text):
    path = tmp_path / "dots.toml"
    path.write_text(text.format("a." * 60) + "\n")
    assert list(read_toml(path)) == [each for each in ["data"] if each in text]


def test_a_pipe_is_no_file_of_settings(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(ConfigError, match="got a device, pipe or folder"):
        LatentODEConfig.from_toml(tmp_path / "pipe.toml")


@given(
    method=st.sampled_from(["ab4", "rk4", "dopri5"]),
    gradient=st.sampled_from(["backprop", "checkpoint", "adjoint"]),
    substeps=st.integers(1, 5),
    budget=st.integers(100, 30_000),
)
def test_the_reach_of_a_solver_is_the_longest_within_its_budget(method, gradient, substeps, budget):
    solver = SolverConfig(
        method=method, gradient=gradient, substeps=substeps, max_nfe=budget, step_size=0.25
    )
    intervals = round(solver.reach / (0.25 * substeps))
    assert solver.evaluations(intervals) <= budget < solver.evaluations(intervals + 1)


def test_a_solver_that_chooses_its_step_reaches_any_time():
    assert SolverConfig().reach == math.inf
