"""``serve RUN``: the model of a run behind HTTP."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import click

from latentode.cli.command import command
from latentode.cli.inputs import InputFile
from latentode.cli.options import Parsed
from latentode.cli.runs.models import device_option, find_model, run_or_file_argument
from latentode.cli.session import Outcome, Session
from latentode.cli.signals import Stopped
from latentode.config.durations import parse_duration
from latentode.config.memory import parse_size
from latentode.errors import ConfigError, DataError
from latentode.files.packages import optional_package

_VARIABLE = "LATENTODE_TOKEN"
# printable signs that a header may hold; as many as 95 bits of letters and digits have
_TOKEN = re.compile(r"[!-~]{16,512}")
_SIZE = Parsed("size", parse_size)
_SECONDS = Parsed("duration", lambda text: parse_duration(text, "s") / 1e9)


@command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Interface to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port; 0 takes a free one.",
)
@click.option(
    "--token-file",
    type=InputFile(),
    help=f"File with the token that requests have to bring; or set {_VARIABLE}.",
)
@click.option(
    "--no-token",
    is_flag=True,
    help="Answer everybody, though others can reach the server.",
)
@click.option(
    "--allowed-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A name under which the server is asked, besides numbers and localhost; may be given "
    "again.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Processes that answer, each with the model.",
)
@click.option(
    "--max-body", type=_SIZE, show_default="2MB", help="Largest body of a request, e.g. 10MB."
)
@click.option(
    "--max-readings",
    type=click.IntRange(1),
    show_default="100000",
    help="Most readings of a log that is sent.",
)
@click.option(
    "--max-times",
    type=click.IntRange(1),
    show_default="20000",
    help="Most predicted times, of all series together.",
)
@click.option(
    "--max-samples", type=click.IntRange(1), show_default="1000", help="Most sample paths."
)
@click.option(
    "--max-horizons",
    type=click.FloatRange(0, min_open=True),
    show_default="10",
    help="How far ahead at most, in horizons of the training.",
)
@click.option("--max-memory", type=_SIZE, show_default="500MB", help="Most memory of a prediction.")
@click.option(
    "--time-limit",
    type=_SECONDS,
    show_default="30s",
    help="Longest time of computing an answer, and of waiting for that.",
)
@click.option(
    "--max-waiting",
    type=click.IntRange(1),
    show_default="16",
    help="Most requests that are answered or wait for that.",
)
@click.option(
    "--max-connections", type=click.IntRange(1), show_default="200", help="Most open connections."
)
@device_option
@run_or_file_argument
def serve_command(session: Session, run: Path, **options: Any) -> Outcome:
    """Serve the model of RUN, or of a file that `export` wrote, which needs no torch.

    A page for people at /; JSON and CSV at /forecast, /interpolate, /score, /events and /inspect,
    described by /openapi.json. Nobody but this machine is answered, unless --host says so and there
    is a token. SIGTERM and Ctrl-C end it when what was asked is answered. See docs/serving.md.
    """
    token = _token(options["token_file"], options["no_token"])
    served = _served(session, run, options["device"])
    optional_package("fastapi", "serve", run, doing="serving")

    from latentode.serve.limits import Limits
    from latentode.serve.pool import Pool
    from latentode.serve.server import Address
    from latentode.serve.server import run as serve

    names = {
        "max_body": "body", "max_readings": "readings", "max_times": "times",
        "max_samples": "draws", "max_horizons": "horizons", "max_memory": "memory",
        "time_limit": "seconds", "max_waiting": "waiting", "max_connections": "connections",
    }  # fmt: skip
    given = {names[key]: options[key] for key in names if options[key] is not None}
    address = Address(
        options["host"], options["port"], token, options["no_token"], options["hosts"]
    )

    def ready(page: str) -> None:
        session.note(f"serving {run} at {page}", kind="next", facts={"address": page})

    stopped = serve(
        Pool(served, Limits(**given), options["workers"], lambda text: session.warn(text)),
        address,
        title=run.resolve().name,
        version=sys.modules["latentode"].__version__,
        on_ready=ready,
    )
    if stopped is not None:
        raise Stopped(stopped)
    return Outcome()


def _served(session: Session, run: Path, device: str) -> Any:
    """Where the model lies; folders are looked at before anything is loaded."""
    from latentode.serve.worker import ServedModel

    if not run.is_file():
        return ServedModel(str(find_model(run, session)[0].resolve()), device)
    if device != "cpu":
        raise click.UsageError(
            f"--device: expected cpu for an exported model, got {device!r}. Leave it out."
        )
    return ServedModel(str(run.resolve()))


def _token(file: Path | None, none: bool) -> str | None:
    """The token, of a file or the environment: a command line is seen by all users of a machine."""
    told = os.environ.get(_VARIABLE)
    if none and (file is not None or told):
        raise click.UsageError(
            f"--no-token and a token (--token-file, {_VARIABLE}) exclude each other."
        )
    if file is not None:
        try:
            told, where = file.read_text(encoding="ascii").strip(), str(file)
        except (OSError, UnicodeDecodeError):
            raise DataError(f"{file}: expected a token in one line, got none.") from None
    elif told is None:
        return None
    else:
        where = _VARIABLE
    if not _TOKEN.fullmatch(told):
        raise ConfigError(
            f"{where}: expected a token of 16 to 512 printable signs, got {len(told)} or others. "
            "Make one with `python -c 'import secrets; print(secrets.token_urlsafe())'`."
        )
    return told
