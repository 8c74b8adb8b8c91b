"""``config init|show|check|schema``: the configuration as a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from latentode.cli.command import command
from latentode.cli.options import config_options, resolve_options
from latentode.cli.outputs import check_output, overwrite_option
from latentode.cli.session import Outcome, Session
from latentode.config import LatentODEConfig
from latentode.files import atomic_write


@click.group("config")
def config_command() -> None:
    """Write, show, check or describe a configuration.

    Strength, rising: defaults, --config FILE, variables such as LATENTODE_MODEL__LATENT_DIM=8,
    options, --set.
    """


@command("init")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@overwrite_option
def init_command(session: Session, path: Path | None, overwrite: bool) -> Outcome:
    """Write all settings with their defaults and meanings to PATH, or to stdout."""
    del session
    text = template()
    check_output(path, suffixes=(".toml",), overwrite=overwrite)
    if path is None:
        return Outcome(data=LatentODEConfig().to_dict(), text=text)
    atomic_write(path, text.encode())
    return Outcome(outputs=(path,))


@command("show")
@config_options
def show_command(session: Session, **options: Any) -> Outcome:
    """Print the settings that `train` would use with these options and this environment."""
    del session
    config = resolve_options(options)
    return Outcome(data=config.to_dict(), text=config.to_toml())


@command("check")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check_command(session: Session, path: Path) -> Outcome:
    """Check the settings in PATH: exit code 4 where one is unknown or out of range."""
    del session
    config = resolve_options({"config_file": path})
    return Outcome(data=config.to_dict(), text=f"{path}: ok")


@command("schema")
def schema_command(session: Session) -> Outcome:
    """Print the JSON schema of the configuration, for editors."""
    del session
    schema = LatentODEConfig.model_json_schema()
    return Outcome(data=schema, text=json.dumps(schema, indent=2))


for _each in (init_command, show_command, check_command, schema_command):
    config_command.add_command(_each)


def template() -> str:
    """All settings as TOML with their meanings; those that are chosen from the data as comments."""
    return "\n".join(_table_lines(LatentODEConfig(), ())).strip() + "\n"


def _table_lines(table: BaseModel, path: tuple[str, ...]) -> Iterator[str]:
    fields = type(table).model_fields
    values = {name: getattr(table, name) for name in fields}
    leaves = {k: v for k, v in values.items() if not isinstance(v, BaseModel)}
    if leaves:
        meaning = (type(table).__doc__ or "").strip().splitlines()
        yield from ("", f"[{'.'.join(path)}]" + (f"  # {meaning[0]}" if meaning else ""))
    for name, value in leaves.items():
        note = f"  # {fields[name].description}" if fields[name].description else ""
        plain = list(value) if isinstance(value, tuple) else value
        yield f"# {name} ={note}" if value is None else f"{name} = {json.dumps(plain)}{note}"
    for name, value in values.items():
        if isinstance(value, BaseModel):
            yield from _table_lines(value, (*path, name))
