"""The command line: one file a command, loaded when it is called.

Use `latentode.cli.app` for the table of commands, `latentode.cli.command` to define one,
`latentode.cli.options` for the options that several commands share, `latentode.cli.failures` for the
exit codes and `latentode.cli.run_folder` for what a run leaves on disk.
"""

from latentode.cli.app import main

__all__ = ["main"]
