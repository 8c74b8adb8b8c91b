"""F32 and F33 for whole programs: ended at random moments, nothing is lost and nothing is left.

Each phase runs once undisturbed; then it is ended somewhere in that time and done again, by the
same command or by `resume`, and has to end with the same bytes. `make search` does so five times as
often: 50 times by SIGKILL and 50 times by SIGTERM, at other moments in each run.
"""

import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
from cli_cases import SMALL
from hypothesis import settings
from places import ROOT
from programs import PATIENCE, ended, finished, started
from training_cases import digests

TIMES = 2 if settings().derandomize else 10  # by each signal, in each phase
RANDOM = random.Random(45) if settings().derandomize else random.Random()
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
TEMPORARY = ("*.latentode-tmp", "*.latentode-old")
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A log of 40 series, its parts, a run, and a run of which half is done."""
    folder = tmp_path_factory.mktemp("kills")
    log = folder / "log.csv"
    done("data", "make", "toy_periodic", "--option", "num_series=40", "-o", log)
    done("partition", log, folder / "parts", "--parts", 4, "--time-unit", "s")
    done("train", log, *SMALL, "--epochs", 1, "--out", folder / "run")
    half = folder / "half"
    words = ("train", log, *SMALL, "--epochs", 20, "--out", half)
    with started(sys.executable, ROOT / "cli.py", *words, env=ENVIRONMENT) as process:
        while not list(half.glob("checkpoints/0*")) and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        ended(process)
    assert process.returncode == 143
    return folder


def words_of(there, phase, place):
    """The command of a phase that writes to a place."""
    run, parts, log = there / "run", there / "parts", there / "log.csv"
    train = ("train", log, *SMALL, "--epochs", 4, "--out", place)
    return {
        "partition": ("partition", log, place, "--parts", 4, "--time-unit", "s"),
        "train": train,
        "resume": ("resume", place),
        "evaluate": ("evaluate", run, parts, "--samples", 4, "-o", place),
        "forecast": ("forecast", run, parts, "--samples", 4, "--workers", 2, "-o", place),
    }[phase]


def done(*words):
    result = finished(sys.executable, ROOT / "cli.py", *words, env=ENVIRONMENT)
    assert result.returncode == 0, result.stderr
    return result


def members(group):
    """Processes of a group that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            found.append(path.parent.name)
    return found


def results(phase, place):
    """Digests of what a phase is for; logs and times of day differ from run to run."""
    if phase in ("train", "resume"):
        made = digests(place / "model")
        assert made.pop("MODEL_CARD.md")  # tells when it was trained, and how long
        return made
    return {name: sum_ for name, sum_ in digests(place).items() if name.startswith("part-")}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
@pytest.mark.parametrize("phase", ["partition", "train", "resume", "evaluate", "forecast"])
def test_f32_f33_a_program_ended_at_random(there, tmp_path, phase, number):
    def prepared(name):
        place = tmp_path / name / "out"
        place.parent.mkdir()
        if phase == "resume":
            shutil.copytree(there / "half", place)
        return place

    whole = prepared("whole")
    begun = time.monotonic()
    done(*words_of(there, phase, whole))
    seconds = time.monotonic() - begun
    wanted, untouched = results(phase, whole), digests(there)
    for attempt in range(TIMES):
        place = prepared(f"{attempt}")
        words = words_of(there, phase, place)
        with started(sys.executable, ROOT / "cli.py", *words, env=ENVIRONMENT) as process:
            time.sleep(RANDOM.uniform(0.2, 1) * seconds)
            process.send_signal(number)
            ended(process)
            patience = time.monotonic() + PATIENCE
            while members(process.pid) and time.monotonic() < patience:
                time.sleep(0.1)
            assert not members(process.pid)
        assert process.returncode in (0, -number, 128 + number), process.returncode
        if number == signal.SIGTERM:
            assert not strays(place.parent)
        again(phase, place, words, process.returncode)
        assert results(phase, place) == wanted
        assert not strays(place.parent)
    assert digests(there) == untouched


def strays(folder):
    return [path.name for pattern in TEMPORARY for path in folder.rglob(pattern)]


def again(phase, place, words, code):
    """Do what the user would: `resume` where there is a run to go on with, else the same again."""
    if code == 0:
        return
    if phase == "train" and (place / "run.json").exists() and any(place.glob("checkpoints/*")):
        done("resume", place)
    elif phase == "train" and place.exists():  # ended before there was anything to go on with
        result = finished(sys.executable, ROOT / "cli.py", *words, env=ENVIRONMENT)
        if result.returncode:
            assert result.returncode == 8, result.stderr
            done("resume", place)
    elif not (phase == "partition" and place.exists()):
        done(*words)
