"""``completion bash|zsh|fish``: the script that completes commands, options and names."""

from __future__ import annotations

import re

import click
from click.shell_completion import get_completion_class

from latentode.cli.command import command
from latentode.cli.completion import VARIABLE
from latentode.cli.session import Outcome, Session

SHELLS = ("bash", "zsh", "fish")
_PROGRAM = "latentode"


@command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def completion_command(session: Session, shell: str) -> Outcome:
    """Print what makes SHELL complete commands, options, runs, files and channels.

    \b
    bash   echo 'eval "$(latentode completion bash)"' >> ~/.bashrc
    zsh    echo 'eval "$(latentode completion zsh)"' >> ~/.zshrc
    fish   latentode completion fish > ~/.config/fish/completions/latentode.fish
    """  # noqa: D301 - \b is of click: the lines are not wrapped
    del session
    kind = get_completion_class(shell)
    assert kind is not None, "click has them all"
    if shell == "bash":
        # without asking which bash there is: the script is the same
        template = kind.source_template
        script = template % kind(_root(), {}, _PROGRAM, VARIABLE).source_vars()
    else:
        script = kind(_root(), {}, _PROGRAM, VARIABLE).source()
    return Outcome(data={"shell": shell, "script": script}, text=re.sub(r"\s+\Z", "\n", script))


def _root() -> click.Command:
    return click.get_current_context().find_root().command
