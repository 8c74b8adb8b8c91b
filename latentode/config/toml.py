"""TOML in and out, for settings."""

from __future__ import annotations

import json
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latentode.errors import ConfigError

#: Stands for None where that is not the default: TOML has no null.
NONE = "none"
_MAX_BYTES = 1 << 20  # no settings are as long: a wrong file is refused before it is parsed
# settings are nested four deep; the time and memory of a parser grow with the square of the depth
_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
# comments and texts are passed over whole, also those without an end, as they hold no key
_DEEP_KEY = re.compile(
    rf"""(?P<deep>(?:{_PART}){{32}})|\#[^\n]*+"""
    r"""|"{3}(?:[^"\\]|\\.|"(?!""))*+(?:"{3,5})?|'{3}(?:[^']|'(?!''))*+(?:'{3,5})?"""
    r"""|"(?:[^"\\\n]|\\.)*+"?|'[^'\n]*+'?|[\w-]++|.""",
    re.DOTALL,
)


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file of at most 1 MiB.

    Raises:
        ConfigError: If the file is missing, too large, or no TOML (with line and column).
    """
    path = Path(path)
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe may never end
            raise ConfigError(f"{path}: expected a TOML file, got a device, pipe or folder.")
        if found.st_size > _MAX_BYTES:
            raise ConfigError(
                f"{path}: expected a TOML file of at most 1 MiB, got {found.st_size} bytes."
            )
        text = path.read_text(encoding="utf-8")
        if deep := next((token for token in _DEEP_KEY.finditer(text) if token["deep"]), None):
            line = text.count("\n", 0, deep.start()) + 1
            raise ConfigError(f"{path}: line {line}: expected a key of at most 32 parts.")
        return tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: not TOML ({error}).") from None


def render_toml(tree: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Write nested settings as TOML.

    Args:
        tree: Settings of JSON types.
        defaults: What a setting is where the text leaves it out; the same keys.

    Returns:
        The text; None is left out where it is the default, else written as `NONE`.
    """
    return "\n".join(_lines(tree, defaults, ())).strip() + "\n"


def _lines(
    table: Mapping[str, Any], defaults: Mapping[str, Any], path: tuple[str, ...]
) -> list[str]:
    leaves = {k: v for k, v in table.items() if not isinstance(v, Mapping)}
    leaves = {k: v for k, v in leaves.items() if v is not None or defaults[k] is not None}
    lines = ["", f"[{'.'.join(path)}]"] if path and leaves else []
    lines += [f"{key} = {_value(value)}" for key, value in leaves.items()]
    for key, value in table.items():
        if isinstance(value, Mapping):
            lines += _lines(value, defaults[key], (*path, key))
    return lines


def _value(value: Any) -> str:
    # JSON is TOML here, but for DEL and for escaped pairs of characters beyond U+FFFF
    text = json.dumps(NONE if value is None else value, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")


def set_dotted(tree: dict[str, Any], name: str, value: Any) -> None:
    """Set ``tree["a"]["b"]`` for the name "a.b", making tables on the way.

    Args:
        tree: Tables of settings, changed in place.
        name: Tables and setting, joined by dots.
        value: What the setting becomes.

    Raises:
        ConfigError: If a setting stands where the name has a table.
    """
    *tables, leaf = name.split(".")
    for table in tables:
        tree = tree.setdefault(table, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"{name}: {table!r} is a setting, not a table.")
    tree[leaf] = value
