"""Words that a shell proposes where the types of click have none: channels of a run, settings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from latentode.errors import CheckpointError
from latentode.files.regular import read_regular

#: Variable by which a shell asks the program for words.
VARIABLE = "_LATENTODE_COMPLETE"
_MAX_BYTES = 4 << 20  # a longer report would keep whoever types waiting
# a name is typed into a shell: nothing in it may be a command, a variable or a second word
_PLAIN = re.compile(r"[\w.%/:@+-]+")


def channels_of(ctx: click.Context) -> list[str]:
    """Channels of the run that was typed before, as far as they can be typed.

    Args:
        ctx: The command as it has been typed.
    """
    # where an option still lacks its value, click leaves the words as they were typed
    words = [ctx.params.get("run"), ctx.params.get("source"), *ctx.args]
    for word in filter(None, words):
        home = Path(word).parent if Path(word).name == "model" else Path(word)
        try:
            report = json.loads(read_regular(home / "data_report.json", _MAX_BYTES))
            names = [name for name in report["channels"] if isinstance(name, str)]
        except (CheckpointError, ValueError, LookupError, TypeError, RecursionError):
            continue
        return [name for name in names if _PLAIN.fullmatch(name)]
    return []


def last_of(names: list[str], typed: str) -> list[CompletionItem]:
    """Words that go on a list such as "a,b" with one of some names.

    Args:
        names: What there is.
        typed: The list, its last name half typed.
    """
    before, comma, begun = typed.rpartition(",")
    given = set(before.split(","))
    return [
        CompletionItem(f"{before}{comma}{name}")
        for name in names
        if name.startswith(begun) and name not in given
    ]
