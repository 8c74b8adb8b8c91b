"""F32 to F39: processes that are ended, and disks that give nothing more."""

import hashlib
import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_cases import SMALL, run
from places import ROOT
from programs import python

from latentode.cli.runs.run_folder import RunFolder
from latentode.errors import ResourceError

posix = pytest.mark.skipif(os.name == "nt", reason="needs signals and limits of POSIX")
FORMATS = (".csv", ".nc", ".parquet", ".json")


def contents(folder):
    """What stands in a folder, by name."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def strays(folder):
    return [path for path in folder.rglob("*") if "latentode-" in path.name]


@contextmanager
def mounted(*words, at):
    """A mount while the block runs; skipped where the machine allows none."""
    at.mkdir(exist_ok=True)
    if shutil.which("mount") is None:
        pytest.skip("needs mount")
    done = subprocess.run(["mount", *words, str(at)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


@contextmanager
def read_only(folder):
    """A folder that nothing can be written into while the block runs."""
    if os.geteuid():
        modes = {path: path.stat().st_mode for path in (folder, *folder.rglob("*"))}
        for path, mode in modes.items():
            path.chmod(mode & ~0o222)
        try:
            yield folder
        finally:
            for path, mode in modes.items():
                path.chmod(mode)
    else:  # no mode stops root
        with mounted("--bind", str(folder), at=folder):
            subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
            yield folder


@pytest.fixture
def disk(tmp_path):
    """A file system of two megabytes."""
    with mounted("-t", "tmpfs", "-o", "size=2m", "tmpfs", at=tmp_path / "disk") as folder:
        yield folder


def fill(disk, leaving):
    """Take all room of a disk but for some bytes."""
    space = os.statvfs(disk)
    size = space.f_bavail * space.f_frsize - leaving
    (disk / "ballast").write_bytes(bytes(size))


# what each command that writes is asked; its RUN is not to be written into
WRITERS = {
    "evaluate": "evaluate RUN LOG --samples 2 --rolling 2",
    "forecast": "forecast RUN --samples 2",
    "interpolate": "interpolate RUN LOG --samples 2",
    "plot": "plot RUN",
    "resume": "resume RUN",
    "update": "update RUN LOG",
    "append": "forecast RUN LOG --append",
    "train": "train LOG --time-unit s --out RUN/new",
    "partition": "partition LOG RUN/parts --time-unit s",
    "density": "density RUN LOG -o RUN/density.csv",
    "export": "export RUN RUN/model.onnx",
    "config": "config init RUN/settings.toml",
    "make": "data make oscillator -o RUN/log.csv",
    "picture": "inspect LOG --time-unit s --plot RUN/a.png",
}


def words_of(name, run, log):
    words = WRITERS[name].split()
    return [word.replace("RUN", str(run)).replace("LOG", str(log)) for word in words]


@posix
@pytest.mark.parametrize("name", WRITERS)
def test_f36_a_read_only_folder_is_refused_before_the_work(run_folder, log, monkeypatch, name):
    from latentode.estimators import LatentODE

    def work(*_, **__):
        raise AssertionError("the work was begun")

    if name == "resume":  # what is done has nothing to write
        record = json.loads((run_folder / "run.json").read_text())
        (run_folder / "run.json").write_text(json.dumps({**record, "status": "interrupted"}))
    for method in ("fit", "forecast", "interpolate", "evaluate", "update", "score", "export"):
        monkeypatch.setattr(LatentODE, method, work)
    before = contents(run_folder)
    with read_only(run_folder):
        result = run(*words_of(name, run_folder, log))
    assert result.exit_code == 7, result.output
    assert "read-only" in result.stderr.lower()
    assert str(run_folder) in result.stderr
    assert contents(run_folder) == before


@posix
@pytest.mark.parametrize("name", ["events", "labels"])
def test_f36_so_is_the_place_of_events_and_labels(run_folder, name):
    words = {"events": ("events",), "labels": ("classify",)}[name]
    with read_only(run_folder):
        result = run(*words, run_folder)
    assert result.exit_code == 7, result.output
    assert "read-only" in result.stderr


@pytest.mark.parametrize("name", ["forecast", "interpolate", "plot"])
def test_f36_a_file_in_the_place_of_a_folder_is_refused(run_folder, log, name):
    place = run_folder / {"plot": "plots"}.get(name, "forecasts")
    shutil.rmtree(place, ignore_errors=True)
    place.write_text("mine")
    result = run(*words_of(name, run_folder, log))
    assert result.exit_code == 7, result.output
    assert "expected a folder, got a file" in result.stderr
    assert place.read_text() == "mine"


def test_f35_a_disk_without_room_is_refused_before_the_work(trained, disk):
    fill(disk, leaving=0)
    for suffix in FORMATS:
        result = run("forecast", trained, "-o", disk / f"forecast{suffix}")
        assert result.exit_code == 7, result.output
        assert "disk full" in result.stderr
    assert os.listdir(disk) == ["ballast"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_f35_a_forecast_that_does_not_fit_leaves_the_old_one(trained, disk, suffix):
    path = disk / f"forecast{suffix}"
    path.write_bytes(b"old")
    fill(disk, leaving=8192)
    wanted = ("--samples", "200", "--every", "0.001")
    result = run("forecast", trained, *wanted, "-o", path, "--overwrite")
    assert result.exit_code == 7, result.output
    assert "disk full: need" in result.stderr
    assert str(path) in result.stderr
    assert path.read_bytes() == b"old"
    assert sorted(os.listdir(disk)) == sorted(["ballast", path.name])


def test_f35_scores_are_printed_whatever_the_disk_says(trained, log, disk):
    home = Path(shutil.copytree(trained, disk / "run"))
    fill(disk, leaving=4096)
    words = ("evaluate", home, log, "--split", "all", "--samples", "2", "--rolling", "2")
    result = run(*words)
    assert result.exit_code == 7, result.output
    assert "disk full" in result.stderr
    assert "forecast start points" in result.stdout
    answer = json.loads(run(*words, "--json").stdout)
    assert answer["ok"] is False
    assert answer["metrics"]["forecast"]["overall"]
    assert not (home / "metrics.json").exists()


def test_f35_a_run_that_fails_on_a_full_disk_is_not_running_for_ever(disk):
    folder = RunFolder(disk)

    def fail():
        with folder.recorded(command=["train"]):
            fill(disk, leaving=0)
            raise ResourceError("no room.")

    with pytest.raises(ResourceError, match="no room"):
        fail()
    record = json.loads((disk / "run.json").read_text())
    assert (record["status"], record["exit_code"]) == ("failed", 7)
    assert record["command"] == ["train"]


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
from latentode.cli import main; main()
"""


@posix
def test_f36_a_limit_on_the_size_of_files_ends_a_run_that_says_so(log, tmp_path):
    limit = 4000  # bytes: a checkpoint has more, and what is written before it less
    words = ("train", log, *SMALL, "--epochs", "1", "--out", tmp_path / "run")
    done = python("-c", LIMITED, limit, *words, cwd=ROOT)
    assert done.returncode == 7, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: disk full: need")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["status"], record["exit_code"]) == ("failed", 7)
    assert not strays(tmp_path)


@posix
def test_f35_a_stdout_without_room_ends_in_one_line_and_code_7():
    with open("/dev/full", "w") as full:
        done = python("cli.py", "config", "show", "--json", cwd=ROOT, stdout=full)
    assert done.returncode == 7
    assert done.stderr == "error: disk full (No space left on device)\n"


@posix
def test_f35_messages_that_cannot_be_written_cost_no_training(log, tmp_path):
    words = ("train", log, *SMALL, "--epochs", "1", "--out", tmp_path / "run")
    with open("/dev/full", "w") as full:
        done = python("cli.py", *words, cwd=ROOT, stderr=full)
    assert done.returncode == 0
    assert (tmp_path / "run" / "model" / "model.json").is_file()
