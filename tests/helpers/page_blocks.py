"""Pages whose code runs: their blocks, where they run, and what they answered.

How a page says what it needs, and what cannot run here, stands in CONTRIBUTING.md, "Writing a
page". Sybil finds the blocks, keeps the namespace of a page and knows what is skipped.
"""

import contextlib
import dataclasses
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from unittest import SkipTest

import click
import matplotlib
import pytest
from places import ROOT
from programs import finished, started
from sybil import Document
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser

from latentode.cli.app import root
from latentode.config import TrainConfig
from latentode.errors import LatentODEWarning
from latentode.estimators.event_forecaster import EventForecaster

PAGES = sorted(
    [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")], key=lambda path: path.as_posix()
)
#: Languages of the blocks that run; what is written in others is shown.
RUN = {"python", "sh"}
#: What each training of a page takes, however long the page lets it take.
STEPS = {"max_epochs": 1, "steps_per_epoch": 2}
_PUNCTUATION = set("();<>|&")
#: Words that may stand before a call of the program.
_BEFORE = {"(", "&&", "||", ";", "|", "&", "do", "then", "exec", "nice", "time"}
FENCE = re.compile(r"^ *```(?P<language>[^\n`]*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)

_LAUNCHER = f"""
import sys
from pathlib import Path

sys.path.insert(0, {str(ROOT)!r})
from latentode.cli import main

if __name__ == "__main__":
    try:
        main()
    finally:
        runs = sorted(Path("runs").glob("*/config.toml"), key=lambda path: path.stat().st_mtime)
        newest = Path("RUN")
        if runs and (newest.is_symlink() or not newest.exists()):
            newest.unlink(missing_ok=True)
            newest.symlink_to(runs[-1].parent)
"""


class Block(NamedTuple):
    """A block of code of a page; `skip` is the reason, as it is written on the line above."""

    line: int
    language: str
    text: str
    skip: str | None


@dataclass
class Followed:
    """What came of a page.

    Attributes:
        folder: Where its blocks ran.
        names: Namespace of its Python blocks.
        printed: What the block at each line printed; of `sh` blocks both streams.
        skipped: Why the block at each line could not run here.
    """

    folder: Path
    names: dict
    printed: dict = field(default_factory=dict)
    skipped: dict = field(default_factory=dict)
    _sources: dict = field(default_factory=dict)
    _running: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def running(self, command, until):
        """Start a program that runs to the end of the page, and wait for a line that it says."""
        program = self._running.enter_context(
            started(
                *("bash", "-c", f"exec {command}"),
                cwd=self.folder,
                env=_environment(self.folder),
                stderr=subprocess.STDOUT,
            )
        )
        said = []
        while not (said and until in said[-1]):
            said.append(program.stdout.readline())
            assert said[-1], f"{command} has ended: {''.join(said)}"

    def close(self):
        """End what still runs."""
        self._running.close()

    def after(self, typed):
        """What the blocks printed in which something stands."""
        lines = [line for line, source in self._sources.items() if typed in source]
        assert lines, f"no block has {typed!r}"
        return "".join(self.printed[line] for line in lines)

    def run_python(self, example):
        """In the namespace of the page; what is a program by itself, as one."""
        if "__main__" in example.parsed:
            program = self.folder / f"program_{example.line}.py"
            program.write_text(example.parsed, "utf-8")
            self._finish(example, sys.executable, program)
            return
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            PythonEvaluator()(example)
        self._keep(example, printed.getvalue())

    def run_in_shell(self, example):
        """In bash, to the first command that fails."""
        self._finish(example, "bash", "-euo", "pipefail", "-c", example.parsed)

    def _finish(self, example, *command):
        done = finished(*command, cwd=self.folder, env=_environment(self.folder))
        answer = done.stdout + done.stderr
        where = f"{example.path}, line {example.line}"
        assert done.returncode == 0, f"{where}: exit code {done.returncode}\n{answer}"
        self._keep(example, answer)

    def _keep(self, example, answer):
        self._sources[example.line], self.printed[example.line] = example.parsed, answer


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def follow(page, folder):
    """Run all blocks of a page in a folder, as a reader would who types them one after another."""
    _lay_out(folder)
    found = Followed(folder, {"__name__": "__main__", "installed": installed})
    found.names["running"] = found.running
    document = Document.parse(
        str(page),
        SkipParser(),
        CodeBlockParser("python", found.run_python),
        CodeBlockParser("sh", found.run_in_shell),
    )
    document.namespace = found.names
    matplotlib.use("Agg")
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.chdir(folder),
        contextlib.closing(found),
        warnings.catch_warnings(),
    ):
        # what is said of the shipped logs, which have faults
        warnings.simplefilter("ignore", LatentODEWarning)
        _shorten_trainings(patch)
        for example in document.examples():
            try:
                example.evaluate()
            except SkipTest as reason:
                found.skipped[example.line] = str(reason)
    return found


def blocks_of(page):
    """The blocks of a page that a reader sees."""
    text = page.read_text("utf-8")
    for match in FENCE.finditer(text):
        above = text[: match.start()].rstrip("\n").rpartition("\n")[2]
        skip = re.fullmatch(r" *<!-- skip: next (.+) -->", above)
        line = text.count("\n", 0, match.start()) + 1
        yield Block(line, match["language"], match["text"], skip and skip[1])


def installed(package):
    return find_spec(package) is not None


def _lay_out(folder):
    """What a reader has who stands in a checkout, and a log of his own."""
    shutil.copytree(ROOT / "datasets", folder / "datasets")
    (folder / "cli.py").write_text(_LAUNCHER)
    shutil.copy(ROOT / "datasets" / "pump_station.csv", folder / "LOGS.csv")
    programs = folder / ".bin"
    programs.mkdir()
    python = f'exec "{sys.executable}"'
    for name, line in {"python": python, "latentode": f'{python} "{folder / "cli.py"}"'}.items():
        (programs / name).write_text(f'#!/bin/sh\n{line} "$@"\n')
        (programs / name).chmod(0o755)


def _environment(folder):
    steps = {f"LATENTODE_TRAIN__{name.upper()}": str(most) for name, most in STEPS.items()}
    return (
        os.environ
        | steps
        | {
            "PATH": f"{folder / '.bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "MPLBACKEND": "Agg",
        }
    )


def _shorten_trainings(patch):
    whole = TrainConfig.resolved
    patch.setattr(
        TrainConfig, "resolved", lambda self, **what: whole(self, **what).model_copy(update=STEPS)
    )
    of_events = EventForecaster._fitting
    patch.setattr(
        EventForecaster, "_fitting", lambda self: dataclasses.replace(of_events(self), steps=2)
    )


def refused(text):
    """Calls of the program in a text that it would not take, each with what it says.

    An option may be named without its value.
    """
    for words in _calls(text):
        command, rest = root, words
        try:
            while isinstance(command, click.Group):
                _, command, rest = command.resolve_command(click.Context(command), rest)
            context = click.Context(command)
            given, *_ = command.make_parser(context).parse_args(rest)
            for parameter in command.params:
                if isinstance(parameter.type, click.Choice) and parameter.name in given:
                    parameter.type_cast_value(context, given[parameter.name])
        except click.BadOptionUsage:
            continue
        except click.ClickException as error:
            yield f"{' '.join(words)}: {error.format_message()}"


def _calls(text):
    """Words behind the name of the program, of each call in a text of shell commands."""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:
            continue  # a text that is not of the shell
        for start, word in enumerate(words):
            behind = start + 1
            if word in {"python", "python3"} and words[start + 1 : start + 2] == ["cli.py"]:
                behind = start + 2
            elif word != "latentode" or (start and words[start - 1] not in _BEFORE):
                continue
            ends = (n for n, each in enumerate(words) if n >= behind and set(each) <= _PUNCTUATION)
            call = words[behind : next(ends, None)]
            if call and not call[0].startswith("-"):
                yield call


def _tell_what_runs():
    """How many blocks run, and which cannot, by what is written in the pages."""
    every = [(page, block) for page in PAGES for block in blocks_of(page) if block.language in RUN]
    skipped = [(page, block) for page, block in every if block.skip]
    print(f"{len(every) - len(skipped)} blocks of code ran; {len(skipped)} are marked:")
    for page, block in skipped:
        print(f"  {name_of(page)}, line {block.line}: {block.skip}")


if __name__ == "__main__":
    _tell_what_runs()
