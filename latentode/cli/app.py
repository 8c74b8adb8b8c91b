"""The root command: global options, the table of commands, and the one place where a call ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import MutableSequence, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import click

from latentode.cli.failures import BROKEN_PIPE, classify
from latentode.cli.lazy import LazyGroup
from latentode.cli.session import Outcome, Session
from latentode.cli.signals import orderly_stop

COMMANDS = {
    name: (f"latentode.cli.commands.{name}:{name}_command", text)
    for name, text in {
        "inspect": "Show what is detected in a log: columns, clock, series, ranges, problems.",
        "partition": "Write a log of any length as parts of whole series.",
        "train": "Train a model on a log and leave a run folder.",
        "resume": "Continue an interrupted run.",
        "update": "Go on training a run on later readings.",
        "forecast": "Forecast beyond the end of a log.",
        "interpolate": "Fill in between the readings of a log.",
        "classify": "Write the probability of each class of each series.",
        "evaluate": "Score forecasts and interpolations beside naive baselines.",
        "export": "Write a model as one file, which needs no torch.",
        "density": "Anomaly scores: how well each series and reading fits the model.",
        "events": "Show alarm rates, what comes next, and whether the model fits.",
        "plot": "Draw a run or a result file.",
        "report": "Write a run as one page that opens offline.",
        "serve": "Answer forecasts over HTTP, with a page for people.",
        "info": "Describe a run, a model or this installation.",
        "data": "List or make synthetic logs.",
        "config": "Write, show, check or describe a configuration.",
    }.items()
}


class Root(LazyGroup):
    """The group of all commands; answers, errors and exit codes leave the program here."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run one command and exit with its code; see `latentode.cli.failures`.

        Args:
            args: Words behind the name of the program; None takes those of the process.
            prog_name: Name of the program in its messages; None is how it was called.
            complete_var: As in click.
            standalone_mode: Without effect: the program always ends here.
            **extra: As in click.
        """
        del standalone_mode
        words = list(sys.argv[1:] if args is None else args)
        # known before parsing, since a parse error has to be answered in the right form too
        command = next((word for word in words if word in COMMANDS), "")
        program = prog_name or _program()
        session = Session(
            command=command, program=program, args=tuple(words), json_output="--json" in words
        )
        with session.capturing(), orderly_stop():
            code = _run(lambda: self._invoke(words, program, complete_var, session, extra), session)
        sys.exit(code)

    def _invoke(
        self,
        args: MutableSequence[str],
        program: str,
        complete_var: str | None,
        session: Session,
        extra: dict[str, Any],
    ) -> None:
        result = super().main(
            args, program, complete_var, standalone_mode=False, obj=session, **extra
        )
        if isinstance(result, Outcome):
            session.answer(result, None)
        elif result:  # an exit code that click passes through
            raise click.exceptions.Exit(int(result))


def _run(invoke: Any, session: Session) -> int:
    """Call the command; return the exit code of the process."""
    try:
        invoke()
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except BaseException as error:  # the last frame of the program: every error becomes a code here
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            _mute_stdout()
            return BROKEN_PIPE
        return _end_badly(error, session)
    return 0


def _end_badly(error: BaseException, session: Session) -> int:
    failure = classify(error)
    if failure.kind == "help":  # a group without a command: its help is the answer
        session.note(failure.hint or "", kind="help")
        session.answer(None, failure)
        return failure.code
    if isinstance(error, click.UsageError) and error.ctx is not None and session.verbosity >= 0:
        session.note(error.ctx.get_usage(), kind="usage")
    session.fail(failure, error)
    with suppress(OSError):  # stdout itself may be what failed
        session.answer(session.found, failure)
        sys.stdout.flush()
    return failure.code


def _mute_stdout() -> None:
    """Send what is still buffered nowhere: the reader of the pipe has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _program() -> str:
    """How the program was called, so that the commands it proposes can be typed as they stand."""
    name = sys.argv[0]
    if name.endswith("__main__.py"):
        return "python -m latentode"
    return f"python {name}" if name.endswith(".py") else os.path.basename(name) or "latentode"


def _print_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    del parameter
    if value and not ctx.resilient_parsing:
        # not from the metadata: a checkout that was not installed has none
        click.echo(f"latentode {sys.modules['latentode'].__version__}")
        ctx.exit()


@click.group(
    "latentode",
    cls=Root,
    commands_table=COMMANDS,
    help="Latent ODE time-series models: irregular logs in, calibrated forecasts out.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("-v", "--verbose", is_flag=True, help="Also debug messages and tracebacks.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the path of the result, and errors.")
@click.option(
    "--log-format",
    type=click.Choice(["rich", "plain", "json"]),
    help="Messages on stderr; default rich on a terminal, plain elsewhere.",
)
@click.option("--no-color", is_flag=True, help="No colours; NO_COLOR does the same.")
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Print the version.",
)
@click.pass_obj
def root(
    session: Session, verbose: bool, quiet: bool, log_format: str | None, no_color: bool
) -> None:
    """Set what the session says, and how, before a command is called.

    Args:
        session: Session of the call.
        verbose: Whether debug messages and tracebacks are shown.
        quiet: Whether only the result and errors are.
        log_format: Form of the messages on stderr.
        no_color: Whether colours are left out.
    """
    if verbose and quiet:
        raise click.UsageError("-v and -q exclude each other.")
    session.verbosity = 1 if verbose else -1 if quiet else 0
    session.choose_format(log_format, color=not no_color)
    session.apply_level()


def main() -> NoReturn:
    """Run the program with the arguments of the process."""
    root.main()
