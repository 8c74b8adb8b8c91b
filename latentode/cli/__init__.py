"""The command line: one file a command, loaded when it is called.

`latentode.cli.app` has the table of commands, `latentode.cli.command` defines one,
`latentode.cli.options` has the options that several commands share, `latentode.cli.failures` the
exit codes, and `latentode.cli.runs.run_folder` what a run leaves on disk.
"""

from latentode.cli.app import main

__all__ = ["main"]
