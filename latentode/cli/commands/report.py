"""``report RUN``: a run on one page, which opens offline."""

from __future__ import annotations

import click

from latentode.cli.command import command
from latentode.cli.outputs import STDOUT
from latentode.cli.runs.request import Request, request_options
from latentode.cli.runs.run_report import NAME, page_text, records_of, write_page
from latentode.cli.session import Outcome


@command("report")
@request_options()
def report_command(request: Request) -> Outcome:
    """Write RUN as one page: its forecast, how good it is, the data as read, what to type next.

    The page is one file that opens offline, into RUN/report.html or the output named. Scores are
    those that `evaluate` left in RUN; where it left none, or where LOGS are named, the model is
    scored first, as `evaluate` does. With --json the same records are answered, and written too.
    """
    request.check_output(".html")
    home = request.home
    if home is None:
        raise click.UsageError(
            f"{request.run}: expected a run folder, whose files a report tells of, got a model "
            "alone. Name the folder that `train` printed."
        )
    request.check_home()
    request.session.run_dir = home
    records = records_of(request, home)
    if request.output == STDOUT:
        return Outcome(text=page_text(records))
    path = write_page(records, request.output or home / NAME)
    return Outcome(outputs=(path,), data=records.to_dict())
