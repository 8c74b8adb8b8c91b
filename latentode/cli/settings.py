"""The resolved configuration: defaults < file < environment < options < --set."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from latentode.config import LatentODEConfig
from latentode.config.memory import VARIABLE as MAX_MEMORY
from latentode.config.model import REGISTERED
from latentode.config.toml import read_toml, set_dotted
from latentode.errors import ConfigError

ENVIRONMENT_PREFIX = "LATENTODE_"
_SHOWN = 200  # characters of a value in a message
_NULLS = ("null", "none", "")


def resolve(
    *,
    base: Mapping[str, Any] | None = None,
    file: Path | None = None,
    options: Mapping[str, Any] | None = None,
    assignments: Iterable[str] = (),
    environment: Mapping[str, str] | None = None,
) -> LatentODEConfig:
    """Join the layers of settings, the later the stronger.

    Args:
        base: Settings to begin with, nested; None begins with the defaults.
        file: TOML file.
        options: Settings by dotted name, values of the right type.
        assignments: Texts ``"model.latent_dim=16"``.
        environment: Variables; None reads those of the process.
            ``LATENTODE_MODEL__LATENT_DIM=8`` sets ``model.latent_dim``.

    Returns:
        The settings, validated after each layer, so that an error names the layer it comes from.

    Raises:
        ConfigError: If a layer has an unknown key or a value out of range.
    """
    tree = LatentODEConfig.from_dict(base or {}).to_dict()
    for source, layer in _layers(file, options, assignments, environment):
        tree = _layered(tree, layer, source)
    return LatentODEConfig.from_dict(tree)


def sources(
    *,
    file: Path | None = None,
    options: Mapping[str, Any] | None = None,
    assignments: Iterable[str] = (),
    environment: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The layer that has the last word on each setting that was given, by dotted name.

    Args:
        file: As in `resolve`, like the others.
        options: Settings by dotted name; their layer is called "options".
        assignments: Texts ``"model.latent_dim=16"``.
        environment: Variables; None reads those of the process.
    """
    layers = _layers(file, options, assignments, environment)
    return {name: source for source, layer in layers for name in flat(layer())}


def _layers(
    file: Path | None,
    options: Mapping[str, Any] | None,
    assignments: Iterable[str],
    environment: Mapping[str, str] | None,
) -> Iterator[tuple[str, Callable[[], Mapping[str, Any]]]]:
    """Name and settings of each layer, the later the stronger."""
    if file is not None:
        yield str(file), lambda: flat(read_toml(file))
    variables = os.environ if environment is None else environment
    named = (name for name in variables if name.startswith(ENVIRONMENT_PREFIX))
    for variable in sorted({*named} - {MAX_MEMORY}):
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")
        yield f"environment variable {variable}", partial(_assigned, name, variables[variable])
    yield "options", lambda: options or {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set: expected NAME=VALUE, got {assignment!r}.")
        yield f"--set {assignment}", partial(_assigned, name.strip(), text)


def parse_text(name: str, text: str) -> Any:
    """Read the value of a setting from text: JSON where it is JSON, else the text itself.

    ``a,b`` is a list for a setting that is a list; ``null``, ``none`` and nothing are None. Numbers
    and booleans stay text here, as the config reads them by the type of the setting: the column
    name ``7`` stays a name.

    Raises:
        ConfigError: If the text begins as JSON and is not.
    """
    text = text.strip()
    if text.lower() in _NULLS:
        return () if is_list(name) else None
    if text[0] in '[{"':
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            got = text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ..."
            raise ConfigError(f"{name}: expected JSON after {text[0]!r}, got {got!r}.") from None
    return tuple(part.strip() for part in text.split(",")) if is_list(name) else text


def is_list(name: str) -> bool:
    """True if the setting of this dotted name is a list of texts."""
    return tuple in {get_origin(kind) for kind in _kinds(name)}


def is_text(name: str) -> bool:
    """True if the setting of this dotted name may be any text."""
    return str in _kinds(name)


def is_whole(name: str) -> bool:
    """True if the setting of this dotted name is a whole number."""
    return int in _kinds(name)


def choices(name: str) -> tuple[str, ...]:
    """The values that a setting may take, where they are listed; else nothing."""
    for kind in _kinds(name):
        if get_origin(kind) is Literal:
            registered = sorted(REGISTERED.get(name.removeprefix("model."), ()))
            return (*(str(value) for value in get_args(kind)), *registered)
    return ()


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted names."""
    names: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            names.update(flat(value, f"{prefix}{key}."))
        else:
            names[prefix + key] = value
    return names


@cache
def _kinds(name: str) -> tuple[Any, ...]:
    """The types that the setting accepts, None left out; nothing for an unknown setting."""
    table: Any = LatentODEConfig
    for part in name.split("."):
        fields = getattr(table, "model_fields", {})
        if part not in fields:
            return ()
        table = fields[part].annotation
    if isinstance(table, type) and issubclass(table, BaseModel):
        return ()
    is_union = get_origin(table) in (Union, UnionType)
    return tuple(k for k in (get_args(table) if is_union else (table,)) if k is not NoneType)


def _assigned(name: str, text: str) -> dict[str, Any]:
    return {name: parse_text(name, text)}


def _layered(
    tree: dict[str, Any], layer: Callable[[], Mapping[str, Any]], source: str
) -> dict[str, Any]:
    """Lay the settings of a layer over the tree; any error names the layer."""
    try:
        for name, value in layer().items():
            set_dotted(tree, name, value)
        return LatentODEConfig.from_dict(tree).to_dict()
    except ConfigError as error:
        stated = source in str(error)
        located = ConfigError(str(error) if stated else f"{error} [in {source}]")
        located.where = source  # type: ignore[attr-defined]
        raise located from None
