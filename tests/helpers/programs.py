"""Programs that tests start: each in a process group of its own, of which nothing is left."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress

# seconds; ends what would hang for ever, and says nothing about how long anything takes
PATIENCE = 900


@contextmanager
def started(*command, **options):
    """A program that runs while the block does; it is killed then, and so is what it started."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(
        [*map(str, command)], start_new_session=True, text=True, **{**pipes, **options}
    )
    try:
        yield process
    finally:
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.communicate()


def ended(process):
    """What a program wrote, once it has ended."""
    return process.communicate(timeout=PATIENCE)


def finished(*command, **options):
    """Run a program to its end."""
    with started(*command, **options) as process:
        output, errors = ended(process)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def python(*arguments, **options):
    """Run Python to its end."""
    return finished(sys.executable, *arguments, **options)
