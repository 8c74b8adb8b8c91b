"""``export RUN FILE``: a model as one file."""

from __future__ import annotations

from pathlib import Path

import click

from latentode.cli.command import command
from latentode.cli.outputs import check_output, overwrite_option
from latentode.cli.runs.models import load_model, run_argument
from latentode.cli.session import Outcome, Session


@command("export")
@run_argument
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@overwrite_option
def export_command(session: Session, run: Path, file: Path, overwrite: bool) -> Outcome:
    """Write the model of RUN with all that it needs to FILE: .onnx or .pt2.

    `forecast FILE LOG`, `interpolate FILE LOG` and `evaluate FILE LOG` take an .onnx file in the
    place of RUN, on machines without torch too: pip install 'latentode[onnx]'. It takes minutes to
    write. A .pt2 file is for torch.export.load.
    """
    check_output(file, suffixes=(".onnx", ".pt2"), overwrite=overwrite)
    model, _ = load_model(run, session, "cpu")
    session.note("following the model for any number of series, rows and times takes minutes")
    model.export(file)
    return Outcome(outputs=(file,))
