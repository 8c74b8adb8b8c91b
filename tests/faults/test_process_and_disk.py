"""F32 to F39: processes that are ended, and disks that give nothing more."""

import gzip
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from cli_cases import SMALL, run
from places import HELPERS, ROOT
from programs import ended, python, started
from training_cases import digests

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


@pytest.mark.parametrize(
    "words",
    [
        "forecast RUN --samples 1000000000",
        "forecast RUN --horizon 1000000000 --every 1",
        "forecast RUN --samples 20000000",
        "interpolate RUN LOG --samples 1000000000",
        "evaluate RUN LOG --split all --samples 1000000000",
        "density RUN LOG --samples 1000000000",
    ],
)
@posix
def test_f38_what_would_not_fit_in_memory_is_refused_before_it_is_allocated(trained, log, words):
    typed = [{"RUN": trained, "LOG": log}.get(word, word) for word in words.split()]
    result = run(*typed)
    assert result.exit_code == 7, result.output
    assert "expected at most 4 GB of memory, got about" in result.stderr


@posix
def test_f38_within_three_gigabytes_of_addresses_a_model_forecasts(trained, tmp_path):
    limited = LIMITED.replace("FSIZE", "AS")
    output = tmp_path / "forecast.csv"
    words = ("forecast", trained, "--samples", "20", "-o", output)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = python("-c", limited, 3_000_000_000, *words, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    assert output.is_file()


PEAK = """
import sys
from latentode.cli import main
try:
    main()
finally:
    status = open("/proc/self/status").read()  # that of a parent would count in ru_maxrss
    print("peak", status.partition("VmHWM:")[2].split()[0], file=sys.stderr)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_f38_a_packed_line_without_an_end_is_refused_in_little_memory(tmp_path):
    path = tmp_path / "log.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"time,level\n0,1\n1,2\n")
        for _ in range(50):
            file.write(b"1" * (8 << 20))
    done = python("-c", PEAK, "inspect", path, cwd=ROOT)
    assert done.returncode == 3, done.stderr
    assert "expected lines of at most 4,194,304 bytes, got a longer one in line 4" in done.stderr
    assert int(done.stderr.split()[-1]) < 400 << 10  # kB; the line alone has as much


@contextmanager
def training(log, folder):
    """A training that would take for ever, once it has closed an epoch."""
    words = ("train", log, *SMALL, "--set", "train.patience=100000", "--max-time", "1h")
    program = started(
        sys.executable, "cli.py", *words, "--epochs", "100000", "--out", folder,
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    with program as process:
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("epoch   1"):
                break
        else:
            raise AssertionError(f"training ended early: {''.join(said)}")
        yield process


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_f33_a_signal_saves_and_says_how_to_go_on(log, tmp_path, number):
    folder = tmp_path / "run"
    with training(log, folder) as process:
        process.send_signal(number)
        _, errors = ended(process)
    assert process.returncode == 128 + number
    assert f"Continue with: python cli.py resume {folder}" in errors
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"
    assert (folder / "checkpoints" / "last.json").is_file()
    assert not strays(folder)
    assert not (folder / ".lock").exists()


@posix
def test_f33_a_terminal_that_goes_away_does_not_end_what_nohup_started(log, tmp_path):
    words = ("train", log, *SMALL, "--epochs", "2", "--out", tmp_path / "run")
    ignoring = partial(signal.signal, signal.SIGHUP, signal.SIG_IGN)
    command = (sys.executable, "cli.py", *words)
    with started(*command, cwd=ROOT, preexec_fn=ignoring) as process:
        for line in process.stderr:
            if line.startswith("epoch   1"):
                process.send_signal(signal.SIGHUP)
        process.wait()
    assert process.returncode == 0


@posix
def test_f37_a_second_train_into_a_folder_is_refused_and_a_dead_one_is_not_in_the_way(
    log, tmp_path
):
    folder = tmp_path / "run"
    with training(log, folder) as process:
        assert run("train", log, *SMALL, "--out", folder).exit_code == 8
        second = run("resume", folder)
        assert second.exit_code == 8
        assert f"held by process {process.pid}" in second.stderr
        process.kill()
        ended(process)
    assert (folder / ".lock").exists()
    resumed = run("resume", folder, "--max-time", "1s")
    assert resumed.exit_code == 0, resumed.output
    assert not strays(folder)


def test_f37_of_two_that_start_at_once_one_trains(log, tmp_path):
    folder = tmp_path / "run"
    command = (sys.executable, "cli.py", "train", log, *SMALL, "--epochs", "1", "--out", folder)
    with started(*command, cwd=ROOT) as one, started(*command, cwd=ROOT) as other:
        ended(one)
        ended(other)
    assert sorted((one.returncode, other.returncode)) == [0, 8]
    assert json.loads((folder / "run.json").read_text())["status"] == "done"


def test_f39_a_device_that_is_not_there_leaves_no_folder(log, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("a GPU is there")
    result = run("train", log, *SMALL, "--device", "cuda", "--out", tmp_path / "runs" / "run")
    assert result.exit_code == 4
    assert "torch finds 0 CUDA devices. Pass --device cpu" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_f39_a_run_remembers_its_threads(trained):
    assert json.loads((trained / "run.json").read_text())["threads"] == 1


SAVING = """
import sys
import latentode
from latentode.files import atomic

model = latentode.LatentODE.load(sys.argv[1])
fsync, count = atomic.fsync, 0

def waiting(path):
    global count
    count += 1
    if count == int(sys.argv[3]):
        print("saving", flush=True)
        sys.stdin.readline()
    fsync(path)

atomic.fsync = waiting
model.save(sys.argv[2])
"""


@posix
@pytest.mark.parametrize(("number", "moment"), [(signal.SIGTERM, 1), (signal.SIGHUP, 3)])
def test_f32_a_signal_while_the_library_saves_leaves_nothing(trained, tmp_path, moment, number):
    words = (trained / "model", tmp_path / "model", moment)
    with started(sys.executable, "-c", SAVING, *words, cwd=ROOT) as process:
        assert process.stdout.readline() == "saving\n"
        process.send_signal(number)
        ended(process)
    assert process.returncode == -number
    assert not list(tmp_path.iterdir())


@posix
def test_f32_what_a_killed_save_left_is_gone_after_the_next(trained, tmp_path):
    from latentode.estimators import LatentODE

    target = tmp_path / "model"
    with started(sys.executable, "-c", SAVING, trained / "model", target, 3, cwd=ROOT) as process:
        assert process.stdout.readline() == "saving\n"
        process.kill()
        ended(process)
    assert strays(tmp_path)
    LatentODE.load(trained / "model").save(target)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def trained_in_children(folder, **plans):
    """Runs in forked children that are killed; see `tests/helpers/training_program.py`."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    words = ("training_program.py", folder, json.dumps(plans))
    done = python(*words, cwd=HELPERS, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_f34_a_run_killed_twice_is_the_run_that_was_not_and_f32_saves_survive(tmp_path):
    # 20 steps in all; a save takes about 30 file operations, so these are 50 moments of 5 saves
    kills = [(int(signal.SIGKILL), 7), (int(signal.SIGTERM), 13)]
    moments = random.Random(23).sample(range(1, 150), 50)
    plans = {"whole": {"kills": []}, "killed": {"kills": kills}, "saves": {"operations": moments}}
    results = trained_in_children(tmp_path, **plans)
    assert results["killed"] == [-signal.SIGKILL, 128 + signal.SIGTERM, 0]
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")
    steps = results["saves"]
    assert len(steps) == 50
    assert steps == sorted(steps)
