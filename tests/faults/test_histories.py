"""Whatever happens to a run, it loads or says what is to be done, and ends as if nothing had.

A history is any of train, resume, forecast, evaluate, update and a copy of the folder, each ended
by a signal at some training step or file operation, or not at all; F32 to F34 are steps of such.
`make search` looks at other and more histories in each run.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest
from cli_cases import SMALL
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from places import ROOT
from programs import started
from training_cases import digests

# a few that follow from this file alone, or many new ones
HISTORIES = 6 if settings().derandomize else 60
STEPS = 2 * 3  # two epochs of three
ASKED = {
    "forecast": ("--samples", "4"),
    "evaluate": ("--samples", "4", "--split", "all"),  # an update learns all there is
}
TOP = {
    ".lock", "checkpoints", "config.toml", "data_report.json", "earlier", "forecasts", "log.jsonl",
    "metrics.csv", "metrics.json", "model", "plots", "report.html", "run.json",
}  # fmt: skip

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="commands run in forked children")


class Commands:
    """Runs commands, each in a process of its own that ends as it is told."""

    def __init__(self, program):
        self.program = program

    def __call__(self, *words, end=None):
        asked = {"words": [str(word) for word in words], "end": end}
        self.program.stdin.write(json.dumps(asked) + "\n")
        self.program.stdin.flush()
        return json.loads(self.program.stdout.readline())


def train_words(log, out):
    return ("train", log, *SMALL, "--epochs", "2", "--out", out)


class World:
    """A log, later readings, and what a run without any interruption makes of them."""

    def __init__(self, commands, folder):
        self.run, self.folder = commands, folder
        every = folder / "every.csv"
        sizes = ("--option", "num_series=4", "--option", "num_points=50")
        self.done("data", "make", "oscillator", *sizes, "-o", every)
        header, *rows = every.read_text().splitlines(keepends=True)
        self.log, self.later = folder / "log.csv", folder / "later.csv"
        self.log.write_text("".join([header, *(row for i, row in enumerate(rows) if i % 50 < 40)]))
        self.later.write_text(
            "".join([header, *(row for i, row in enumerate(rows) if i % 50 > 39)])
        )
        reference = folder / "reference"
        self.done(*train_words(self.log, reference))
        self.expected = [self.facts(reference)]
        self.done("update", reference, self.later)
        self.expected.append(self.facts(reference))

    def done(self, *words):
        """What a command wrote that must succeed."""
        answer = self.run(*words)
        assert answer["code"] == 0, answer["stderr"]
        return answer["stdout"]

    def facts(self, folder):
        """What is the same of all runs that have learned the same."""
        scores = json.loads(self.done("evaluate", folder, *ASKED["evaluate"], "--json"))
        return {
            "weights": (folder / "model" / "model.safetensors").read_bytes(),
            "metrics": (folder / "metrics.csv").read_bytes(),
            "forecast": Path(
                self.done("forecast", folder, *ASKED["forecast"]).strip()
            ).read_bytes(),
            "scores": scores["metrics"],
        }


def ends(operations, steps=STEPS):
    """How a command ends: of itself, or by a signal at one of so many moments of a kind."""
    signals = st.sampled_from([int(s) for s in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)])
    at_file = st.tuples(st.just("file"), signals, st.integers(1, operations))
    at_step = st.tuples(st.just("step"), signals, st.integers(1, steps))
    return st.one_of(at_file, at_file, at_step, st.none())


# files that a training opens for writing, renames or removes, of a question about 8
OPERATIONS = 85
TRAINING, QUESTION = ends(OPERATIONS), ends(8)


class History(RuleBasedStateMachine):
    """One run, its copies, and how often it has learned."""

    def __init__(self, world):
        super().__init__()
        self.world = world
        self.place = tempfile.TemporaryDirectory(dir=world.folder)
        self.folder = Path(self.place.name) / "run"
        self.left = {}
        self.learned = 0

    @property
    def status(self):
        """What the run says of itself; None where it has not come to that."""
        path = self.folder / "run.json"
        return json.loads(path.read_text("utf-8"))["status"] if path.exists() else None

    def run(self, *words, end=None):
        """Run a command; one that a signal ended has said so."""
        answer = self.world.run(*words, end=end)
        if answer["code"] == 8 and "wait" in answer["stderr"].lower():
            # killed while it made the lock: nobody holds it, which is known ten seconds later
            os.utime(self.folder / ".lock", (0, 0))
            answer = self.world.run(*words, end=end)
        if answer["code"] < 0:
            assert answer["ended"]
            assert -answer["code"] == signal.SIGKILL, answer
        elif answer["code"]:
            said = answer["stderr"].strip().splitlines()
            assert any(line.startswith("error: ") for line in said), answer
            assert "internal" not in answer["stderr"], answer
        return answer

    def train(self, words, end):
        answer = self.run(*words, end=end)
        if answer["ended"]:
            assert answer["code"] in (0, -9, 128 + end[1]), answer
        else:
            assert answer["code"] == 0, answer
        if answer["code"] == 0:
            assert self.status == "done"
            self.check_no_stray()
        elif answer["code"] > 0 and self.status is not None:
            assert self.status in ("interrupted", "done"), answer
            assert self.status == "done" or "resume" in answer["stderr"], answer

    def check_no_stray(self):
        """Whether nothing unfinished is left of any process, as all have ended."""
        names = {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*")}
        assert {name.split("/")[0] for name in names} <= TOP - {".lock"}, names
        assert not [name for name in names if "latentode-" in name], names

    @initialize(end=TRAINING)
    def begin(self, end):
        self.train(train_words(self.world.log, self.folder), end)
        if self.status is None:  # killed before there was a run: the same again begins it
            self.train(train_words(self.world.log, self.folder), None)
        elif "Remove the folder, and train again" in self.run("info", self.folder)["stderr"]:
            shutil.rmtree(self.folder)
            self.train(train_words(self.world.log, self.folder), None)

    @rule(end=TRAINING)
    @precondition(lambda self: self.status not in (None, "done"))
    def go_on(self, end):
        self.train(("resume", self.folder), end)

    @rule(end=QUESTION)
    def forecast(self, end):
        self.ask("forecast", end)

    @rule(end=QUESTION)
    def evaluate(self, end):
        self.ask("evaluate", end)

    def ask(self, command, end):
        before = self.status
        answer = self.run(command, self.folder, *ASKED[command], end=end)
        if not answer["ended"]:
            has_model = (self.folder / "model" / "model.json").exists()
            assert answer["code"] == (0 if has_model else 5), answer
            assert has_model or f"resume {self.folder}" in answer["stderr"], answer
        assert self.status == before

    @rule(end=TRAINING)
    @precondition(lambda self: self.status == "done" and not self.learned)
    def update(self, end):
        self.learn(end)

    def learn(self, end):
        """Update; what came of it is all that there was, or all that there is to learn."""
        answer = self.run("update", self.folder, self.world.later, end=end)
        assert answer["ended"] or answer["code"] == 0, answer
        assert self.run("info", self.folder)["code"] == 0
        weights = (self.folder / "model" / "model.safetensors").read_bytes()
        before, after = (each["weights"] for each in self.world.expected)
        assert weights in (before, after)
        assert self.status == "done"
        self.learned = int(weights == after)
        return answer

    @rule()
    def copy(self):
        """Go on with a copy; what was copied stays as it is."""
        copied = self.folder.with_name(f"run{len(self.left) + 1}")
        shutil.copytree(self.folder, copied)
        self.left[self.folder] = digests(self.folder)
        self.folder = copied

    @invariant()
    def it_loads_or_says_what_is_to_be_done(self):
        if self.status is None:
            return
        answer = self.run("info", self.folder)
        if not (self.folder / "model" / "model.json").exists():
            assert answer["code"] == 5, answer
            assert f"resume {self.folder}" in answer["stderr"], answer
            assert "running" not in answer["stderr"], answer
        else:
            assert answer["code"] == 0, answer

    def teardown(self):
        with self.place:
            if self.status is None:
                return
            if self.status != "done":
                self.train(("resume", self.folder), None)
            found, expected = self.world.facts(self.folder), self.world.expected[self.learned]
            for name, value in expected.items():
                assert found[name] == value, name
            assert self.world.facts(self.folder) == found
            for folder, sums in self.left.items():
                assert digests(folder) == sums


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "helpers")])
    program = ROOT / "tests" / "helpers" / "command_program.py"
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    with started(sys.executable, program, env=environment, stderr=None) as process:
        yield World(Commands(process), tmp_path_factory.mktemp("histories"))


def test_histories_end_alike(world):
    run_state_machine_as_test(
        lambda: History(world),
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=6,
            deadline=None,
            phases=set(Phase) - {Phase.explain, Phase.reuse},
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_f32_a_training_killed_at_any_file_operation_goes_on(world):
    found = set()
    for number in range(1, OPERATIONS, 4):
        history = History(world)
        with history.place:
            end = ["file", int(signal.SIGKILL), number]
            history.begin(end)
            if history.status != "done":
                history.train(("resume", history.folder), None)
            history.check_no_stray()
            found.add((history.folder / "model" / "model.safetensors").read_bytes())
    assert found == {world.expected[0]["weights"]}


def test_f32_an_update_killed_at_any_file_operation_has_changed_all_or_nothing(world):
    first = History(world)
    with first.place:
        first.begin(None)
        killed, number = True, 1
        while killed:
            history = History(world)
            with history.place:
                shutil.copytree(first.folder, history.folder)
                killed = history.learn(["file", int(signal.SIGKILL), number])["ended"]
            number += 2
        assert number > 20
