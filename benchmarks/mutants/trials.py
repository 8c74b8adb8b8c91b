"""Tests run in processes that are forked from one with the libraries loaded."""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# what takes seconds to load; the package itself is loaded anew by each process
LIBRARIES = (
    "numpy", "scipy.stats", "pandas", "pyarrow.parquet", "pyarrow.csv", "torch", "torchdiffeq",
    "pydantic", "xarray", "pytest", "coverage",
)  # fmt: skip
MEMORY = 12 << 30  # bytes a mutant may ask for: beside torch's own, more than any test needs
BROKEN = 70  # exit code of a trial that did not come to its tests; no code of pytest
KEPT = ".whole"  # end of the name of a module while a mutant has its place


def load_libraries() -> None:
    """Load what all trials need, so that they have it when they begin."""
    for name in LIBRARIES:
        importlib.import_module(name)


def run_tests(
    tree: Path, options: list[str], plugin: Any, seconds: float | None = None
) -> int | None:
    """Exit code of pytest in a process of its own, or None if it took longer than `seconds`.

    The limit is one of processor time, so that a busy machine kills no mutant; a test that waits
    for ever ends at ten times as much by the clock.
    """
    child = os.fork()
    if child == 0:
        _become_trial(tree, options, plugin, seconds)
    ended = None if seconds is None else time.monotonic() + 10 * seconds
    while True:
        done, status = os.waitpid(child, 0 if ended is None else os.WNOHANG)
        if done:
            break
        if ended is not None and time.monotonic() > ended:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):  # programs that its tests began
        os.killpg(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(status)
    if code == BROKEN:
        raise RuntimeError(f"the trial itself broke: {(tree.parent / 'output').read_text()}")
    return None if code == -signal.SIGXCPU else code


def _become_trial(tree: Path, options: list[str], plugin: Any, seconds: float | None) -> None:
    code = BROKEN
    try:
        os.setsid()
        os.chdir(tree)
        with (tree.parent / "output").open("w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        os.environ |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(tree))
        if seconds is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 6))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        code = _pytest(options, plugin)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _pytest(options: list[str], plugin: Any) -> int:
    import pytest

    plain = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header"]
    return int(pytest.main([*plain, *options], plugins=[plugin() if callable(plugin) else plugin]))


@contextlib.contextmanager
def replaced(module: Path, text: str) -> Iterator[None]:
    """Put a mutant in the place of a module of the copy, for as long as it is tried."""
    whole = module.with_name(module.name + KEPT)
    module.rename(whole)
    try:
        module.write_text(text)
        yield
    finally:
        whole.replace(module)


def restore(tree: Path) -> None:
    """Put back the module of a run that was killed."""
    for whole in tree.rglob(f"*{KEPT}"):
        whole.replace(whole.with_name(whole.name.removesuffix(KEPT)))
