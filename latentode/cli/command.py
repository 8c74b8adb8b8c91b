"""How a command is defined: a function of the session that returns an `Outcome`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from latentode.cli.session import Outcome, Session

CommandFunction = Callable[..., Outcome]


def command(name: str, **attributes: Any) -> Callable[[CommandFunction], click.Command]:
    """Make a click command of a function ``f(session, **options) -> Outcome``.

    The command also takes ``--json``. Errors are not handled here: they rise to
    `latentode.cli.app`, the only place that turns them into messages and exit codes.
    """

    def wrap(function: CommandFunction) -> click.Command:
        @click.option(
            "--json", "as_json", is_flag=True, help="Answer with one JSON object on stdout."
        )
        @click.pass_context
        @wraps(function)
        def entry(ctx: click.Context, as_json: bool, **options: Any) -> Outcome:
            session = ctx.find_object(Session) or Session()
            session.command = ctx.command_path.removeprefix(ctx.find_root().command_path).strip()
            session.json_output = as_json
            return function(session, **options)

        return click.command(name, **attributes)(entry)

    return wrap
