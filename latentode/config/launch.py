"""What torchrun tells each process of its group, by variables of the environment."""

from __future__ import annotations

import os

from latentode.errors import ConfigError

_OF_GROUP = ("RANK", "MASTER_ADDR", "MASTER_PORT")
_DIGITS = 9  # of the greatest number: no group has more processes


def told(name: str, default: int) -> int:
    """A number that torchrun sets.

    Args:
        name: The variable.
        default: What it stands for where it is absent.

    Raises:
        ConfigError: If it is no whole number.
    """
    text = os.environ.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise ConfigError(
            f"{name}: expected the whole number that torchrun sets, got {text!r}. Start with "
            f"torchrun, or type `unset {name}` first."
        )
    return int(text)


def processes_told() -> int:
    """Number of processes of the group; 1 without torchrun.

    Raises:
        ConfigError: If the variables describe no group that can be joined.
    """
    number = told("WORLD_SIZE", 1)
    missing = [name for name in _OF_GROUP if name not in os.environ]
    if number > 1 and missing:
        raise ConfigError(
            f"WORLD_SIZE={number}: expected the variables of torchrun beside it, {missing[0]} is "
            "missing. Start with torchrun, or type `unset WORLD_SIZE` first."
        )
    if number < 1 or told("RANK", 0) >= number:
        raise ConfigError(
            f"RANK={told('RANK', 0)}: expected less than WORLD_SIZE={number}. Start with torchrun, "
            "or type `unset RANK WORLD_SIZE` first."
        )
    return number
