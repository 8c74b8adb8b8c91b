"""Runs commands in children that end as they are told, for `tests/faults/test_histories.py`.

Reads lines ``{"words": [...], "end": null or [KIND, SIGNAL, NUMBER]}`` and answers each with a
line ``{"code": ..., "stdout": ..., "stderr": ..., "ended": ...}``, the code -n where signal n
killed the child. A child gets the signal while it takes training step NUMBER (KIND "step"), or
before its file operation of that number (KIND "file"); "ended" says whether it came to that.
Children are forked from a process that has loaded everything and started no thread (but for one of
an allocator, which knows of forks), so each costs only its own work.
"""

import importlib
import itertools
import json
import os
import pkgutil
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

import torch

import latentode
from latentode.cli.app import root
from latentode.training.step import GradientStep

FILE_OPERATIONS = {"os.mkdir", "os.remove", "os.rename", "os.rmdir"}


def load_everything():
    """Load what commands load when they are called: a child would do so each time."""
    for package in ("pyarrow.csv", "scipy.special", "scipy.stats", "xarray"):
        importlib.import_module(package)
    for module in pkgutil.walk_packages(latentode.__path__, "latentode."):
        if not module.name.startswith(("latentode.__main__", "latentode.scale")):
            importlib.import_module(module.name)
    with torch.device("meta"):  # where the sizes of a model are compared first
        torch.nn.init.orthogonal_(torch.arange(4.0).reshape(2, 2) * torch.logspace(0, 1, 2))


def signal_at(kind, number, at, noted):
    """Send this process a signal at one moment, once it is noted."""
    if kind == "step":
        step_of, counted = GradientStep.__call__, itertools.count(1)

        def signalled(self, rows, step, lr):
            if next(counted) == at:
                noted.touch()
                os.kill(os.getpid(), number)
            return step_of(self, rows, step, lr)

        GradientStep.__call__ = signalled
        return
    operations = itertools.count(1)

    def hook(event, arguments):
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & 3
        if (writes or event in FILE_OPERATIONS) and next(operations) == at:
            os.close(os.open(noted, os.O_CREAT | os.O_WRONLY))
            os.kill(os.getpid(), number)

    sys.addaudithook(hook)


def answer(words, end, folder):
    """Status of a command in a forked child, and what it wrote."""
    paths = [folder / name for name in ("stdout", "stderr", "noted")]
    for path in paths:
        path.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for number, path in zip((1, 2), paths, strict=False):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
            if end is not None:
                signal_at(*end, paths[2])
            root.main(words, prog_name="latentode")
        except SystemExit as stop:
            status = stop.code or 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    out, err = (path.read_text("utf-8") if path.exists() else "" for path in paths[:2])
    return {"code": code, "stdout": out, "stderr": err, "ended": paths[2].exists()}


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    load_everything()
    with tempfile.TemporaryDirectory() as name:
        for line in sys.stdin:
            asked = json.loads(line)
            print(json.dumps(answer(asked["words"], asked["end"], Path(name))), flush=True)


if __name__ == "__main__":
    main()
