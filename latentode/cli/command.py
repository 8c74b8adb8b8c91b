"""How a command is defined: a function of the session that returns an `Outcome`."""

from __future__ import annotations

from collections.abc import Callable
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
        with_json = click.option(
            "--json",
            "as_json",
            is_flag=True,
            expose_value=False,
            callback=_set_json,
            help="Answer with one JSON object on stdout.",
        )(click.pass_context(_entry(function)))
        return click.command(name, **attributes)(with_json)

    return wrap


def _entry(function: CommandFunction) -> Callable[..., Outcome]:
    def entry(ctx: click.Context, **options: Any) -> Outcome:
        session = ctx.find_object(Session) or Session()
        session.command = ctx.command_path.removeprefix(ctx.find_root().command_path).strip()
        return function(session, **options)

    entry.__doc__ = function.__doc__
    # click keeps the options of decorators applied before this one here
    entry.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
    return entry


def _set_json(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    del parameter
    session = ctx.find_object(Session)
    if session is not None:
        session.json_output = value
