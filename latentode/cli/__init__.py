"""The command line: one file per command, loaded when it is called.

`latentode.cli.app` has the table of commands, `latentode.cli.command` defines one,
`latentode.cli.options` has the options that several commands share, `latentode.cli.failures` the
exit codes, and `latentode.cli.runs.run_folder` what a run leaves on disk.
"""

from __future__ import annotations

import sys
from typing import NoReturn

from latentode.cli.installation import NOT_INSTALLED, missing_package, old_python

__all__ = ["main"]


def main() -> NoReturn:
    """Run the program with the arguments of the process."""
    said = old_python()
    if said is None:
        try:
            from latentode.cli.app import main as run
        except ModuleNotFoundError as error:
            said = missing_package(error)
            if said is None:
                raise
        else:
            run()
    sys.stderr.write(f"error: {said}\n")
    sys.exit(NOT_INSTALLED)
