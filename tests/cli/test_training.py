"""``train`` and ``resume`` around the trainer: folder, record, lock, signals, failures.

The trainer itself is replaced here by one that does what a test says; `test_cli_workflow` runs the
real one.
"""

import errno
import json
import os
import signal
import sys
import types
from pathlib import Path

import pytest
from click.testing import CliRunner
from places import ROOT
from programs import ended, python, started

from latentode.cli.app import root
from latentode.errors import ConfigError, DataError, TrainingError
from latentode.files import RunLock

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0

MASTER = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}  # of a group of processes


class Report:
    look = types.SimpleNamespace(counters=())

    def plan(self):
        return ["series: 1"]

    def settle(self, blocked, about=None):
        pass

    def to_dict(self):
        return {"rows_read": 3}

    def pinned(self, config):
        return config.model_copy(update={"layout": "wide"})


class Library:
    """Stands in for reader and estimator, and remembers what it was asked."""

    def __init__(self):
        self.calls = []
        self.read = lambda *_: ("dataset", Report())
        self.train = self.train_well

    def train_well(self, on_event, **_):
        on_event({"event": "plan", "lines": ["model: 123 parameters"]})
        on_event({"event": "note", "text": "about 1 s an epoch"})
        for epoch, crps in ((1, 0.5), (2, 0.25), (3, 0.3)):
            on_event({"event": "step", "step": 10 * epoch - 5, "total_steps": 30})
            record = {"epoch": epoch, "step": 10 * epoch, "train_loss": 1.5, "lr": 1e-3}
            best = epoch < 3
            on_event({"event": "epoch", **record, "validation_crps": crps, "best": best})
        on_event({"event": "done", "epochs": 3, "steps": 30})


@pytest.fixture
def library(monkeypatch, tmp_path):
    fake = Library()

    class LatentODE:
        def __init__(self, config):
            self.config = config

        def fit(self, dataset, **options):
            fake.calls.append({"config": self.config, "dataset": dataset, **options})
            fake.train(**options)
            return self

    frame = types.ModuleType("latentode.data.reading.log")
    frame.read_log = lambda path, config: fake.read(path, config)
    estimator = types.ModuleType("latentode.estimators")
    estimator.LatentODE = LatentODE
    monkeypatch.setitem(sys.modules, "latentode.data.reading.log", frame)
    monkeypatch.setitem(sys.modules, "latentode.estimators", estimator)
    monkeypatch.setattr("latentode.cli.runs.run_folder.RunFolder.write_card", lambda *_: None)
    reported = "latentode.cli.runs.training_run.report_after_training"
    monkeypatch.setattr(reported, lambda *_: None)
    monkeypatch.chdir(tmp_path)
    Path("pump log.csv").write_text("time,x\n0,1\n1,2\n")
    return fake


def run(*args):
    return CliRunner().invoke(root, [*args])


def record_of(folder):
    return json.loads((Path(folder) / "run.json").read_text())


def only_run():
    (folder,) = Path("runs").iterdir()
    return folder


def test_train_leaves_a_folder_that_tells_how_it_went(library):
    result = run("train", "pump log.csv", "--seed", "3", "--threads", "1", "--latent-dim", "4")
    assert result.exit_code == 0, result.output
    folder = only_run()
    assert result.stdout == f"{folder}\n"
    assert folder.name.startswith("pump-log-")
    record = record_of(folder)
    assert record["schema"] == 1
    assert record["status"] == "done"
    assert record["exit_code"] == 0
    assert record["seed"] == 3
    assert record["threads"] == 1
    assert record["started"] <= record["ended"]
    assert record["log"]["bytes"] == 15
    assert record["command"][1:3] == ["train", "pump log.csv"]
    assert record["versions"]["torch"]
    assert "latent_dim = 4" in (folder / "config.toml").read_text()
    assert 'layout = "wide"' in (folder / "config.toml").read_text()  # as the reader found it
    assert library.calls[0]["config"].data.layout == "wide"
    assert json.loads((folder / "data_report.json").read_text()) == {"rows_read": 3}
    assert not (folder / ".lock").exists()
    assert library.calls[0]["run_dir"] == folder
    assert library.calls[0]["resume"] is False
    assert library.calls[0]["config"].model.latent_dim == 4


@pytest.mark.usefixtures("library")
def test_train_says_plan_epochs_and_the_next_commands_on_stderr():
    result = run("train", "pump log.csv")
    lines = result.stderr.splitlines()
    assert lines[:3] == ["series: 1", "model: 123 parameters", "about 1 s an epoch"]
    assert [line[:9] for line in lines[3:6]] == ["epoch   1", "epoch   2", "epoch   3"]
    assert "crps 0.25*" in lines[4]
    assert "crps 0.3 " in lines[5]
    assert f"latentode forecast {only_run()}" in lines[-4]
    assert f"latentode evaluate {only_run()}" in lines[-3]
    assert f"latentode report {only_run()}" in lines[-2]
    assert "\x1b" not in result.output


@pytest.mark.usefixtures("library")
def test_train_quiet_says_only_the_path():
    result = run("-q", "train", "pump log.csv")
    assert result.stdout == f"{only_run()}\n"
    assert result.stderr == ""


@pytest.mark.usefixtures("library")
def test_train_json_gives_the_figures_of_the_best_epoch():
    result = run("train", "pump log.csv", "--json")
    answer = json.loads(result.stdout)
    assert answer["ok"] is True
    assert answer["run_dir"] == str(only_run())
    assert answer["metrics"]["validation_crps"] == 0.25
    assert answer["metrics"]["best_epoch"] == 2
    assert answer["metrics"]["epochs"] == 3


@pytest.mark.usefixtures("library")
def test_train_log_format_json_gives_the_trainers_events():
    result = run("--log-format", "json", "train", "pump log.csv")
    events = [json.loads(line) for line in result.stderr.splitlines()]
    epochs = [event for event in events if event["event"] == "epoch"]
    assert [event["validation_crps"] for event in epochs] == [0.5, 0.25, 0.3]


@pytest.mark.usefixtures("library")
def test_train_keeps_every_event_but_steps_in_the_log_of_the_run():
    run("train", "pump log.csv")
    events = [json.loads(line) for line in (only_run() / "log.jsonl").read_text().splitlines()]
    kinds = ["plan", "note", "epoch", "epoch", "epoch", "done"]
    assert [event["event"] for event in events] == kinds
    assert all("time" in event for event in events)


@pytest.mark.usefixtures("library")
def test_name_begins_the_folder_and_cannot_leave_runs():
    result = run("train", "pump log.csv", "--name", "../../etc/x")
    assert result.exit_code == 0
    assert only_run().name.startswith("etc-x-")


@pytest.mark.parametrize("make", [False, True])
def test_out_is_the_folder_itself_absent_or_empty(library, make):
    if make:
        Path("here").mkdir()
    assert run("train", "pump log.csv", "--out", "here").exit_code == 0
    assert record_of("here")["status"] == "done"
    again = run("train", "pump log.csv", "--out", "here")
    assert again.exit_code == 8
    assert "--resume here" in again.stderr
    assert len(library.calls) == 1


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_out_that_is_a_file_fails_before_training(library, out):
    Path("file").write_text("mine")
    result = run("train", "pump log.csv", "--out", out)
    assert result.exit_code == 8
    assert Path("file").read_text() == "mine"
    assert library.calls == []


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_out_in_a_read_only_folder_fails_before_training(library):
    Path("locked").mkdir(mode=0o500)
    assert run("train", "pump log.csv", "--out", "locked/run").exit_code == 7
    assert library.calls == []


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a folder no one can fill")
def test_out_where_no_folder_can_be_made_fails_before_training(library):
    result = run("train", "pump log.csv", "--out", "/proc/latentode-run")
    assert result.exit_code == 7
    assert "/proc/latentode-run" in result.stderr
    assert library.calls == []


def test_second_train_into_a_held_folder_exits_8_before_torch_is_imported(tmp_path):
    (tmp_path / "log.csv").write_text("time,x\n0,1\n")
    (tmp_path / "held").mkdir()
    words = ["train", str(tmp_path / "log.csv"), "--out", str(tmp_path / "held")]
    with RunLock(tmp_path / "held"):
        done = python("-X", "importtime", "cli.py", *words, cwd=ROOT)
    assert done.returncode == 8
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "torch" not in modules
    assert "pandas" not in modules


@pytest.mark.usefixtures("library")
def test_lock_of_a_dead_process_is_taken_over():
    run("train", "pump log.csv", "--out", "run")
    folder = Path("run")
    record = {**record_of(folder), "status": "running"}
    (folder / "run.json").write_text(json.dumps(record))
    with started(sys.executable, "-c", "") as dead:
        ended(dead)
    owner = {"pid": dead.pid, "start": "1", "host": os.uname().nodename, "token": "x"}
    (folder / ".lock").write_text(json.dumps(owner))
    assert run("resume", "run").exit_code == 0
    assert record_of(folder)["status"] == "done"


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        (TrainingError("training step 3: loss is nan."), 6, "training"),
        (OSError(errno.ENOSPC, "No space left on device", "x/state"), 7, "resources"),
        (MemoryError(), 7, "resources"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), 7, "resources"),
        (KeyError("a bug"), 1, "internal"),
    ],
)
def test_failure_is_recorded_with_its_code_and_traceback(library, error, code, kind):
    def fail(**_):
        raise error

    library.train = fail
    result = run("train", "pump log.csv", "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == code
    assert answer["error"]["kind"] == kind
    assert answer["run_dir"] == str(only_run())
    record = record_of(only_run())
    assert record["status"] == "failed"
    assert record["exit_code"] == code
    assert record["error"]["message"] == answer["error"]["message"]
    last = json.loads((only_run() / "log.jsonl").read_text().splitlines()[-1])
    assert "Traceback" in last["traceback"]
    assert "Traceback" not in result.stderr
    assert not (only_run() / ".lock").exists()


@pytest.mark.parametrize("error", [DataError("no data rows in log.csv."), ConfigError("x: no.")])
@pytest.mark.parametrize("refused", ["read", "train"])
def test_a_refused_run_leaves_nothing_and_its_name_is_free(library, error, refused):
    def refuse(*_, **__):
        raise error

    kept = getattr(library, refused)
    setattr(library, refused, refuse)
    Path("empty").mkdir()
    for words in ([], ["--out", "run"], ["--out", "empty"], ["--out", "deep/run"]):
        result = run("train", "pump log.csv", *words, "--json")
        answer = json.loads(result.stdout)
        assert result.exit_code == answer["error"]["code"] == error.exit_code
        assert answer["run_dir"] is None
    assert not list(Path("empty").iterdir())
    assert {path.name for path in Path().iterdir()} == {"pump log.csv", "empty"}
    setattr(library, refused, kept)
    for name in ("run", "empty"):
        assert run("train", "pump log.csv", "--out", name).exit_code == 0
        assert record_of(name)["status"] == "done"


def test_a_run_that_is_refused_after_a_saved_step_is_kept(library):
    def train(run_dir, **_):
        (run_dir / "checkpoints").mkdir()
        (run_dir / "checkpoints" / "last.json").write_text("{}")
        raise DataError("a part of the log has gone.")

    library.train = train
    assert run("train", "pump log.csv", "--out", "run").exit_code == 3
    assert record_of("run")["status"] == "failed"


def test_what_has_to_be_settled_is_asked_before_anything_is_trained(library):
    class Open(Report):
        def settle(self, blocked, about=None):
            assert (blocked, about) == ("training", None)
            raise DataError(
                "pump log.csv: 3 stamps are far from all others. Pass --end 2024-01-01."
            )

    library.read = lambda *_: ("dataset", Open())
    result = run("train", "pump log.csv", "--out", "run")
    assert result.exit_code == 3
    assert "series: 1" in result.stderr  # the plan, which shows why
    assert "--end 2024-01-01" in result.stderr
    assert library.calls == []
    assert not Path("run").exists()


def interrupted_by(number):
    def stop(run_dir, **_):
        from latentode.training import Interrupted

        (run_dir / "checkpoints").mkdir(exist_ok=True)
        (run_dir / "checkpoints" / "last.json").write_text("{}")
        raise Interrupted(number)

    return stop


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_training_says_how_to_resume(library, number, code):
    library.train = interrupted_by(number)
    result = run("train", "pump log.csv")
    assert result.exit_code == code
    assert f"Continue with: latentode resume {only_run()}" in result.stderr
    record = record_of(only_run())
    assert record["status"] == "interrupted"
    assert record["exit_code"] == code


def test_signal_while_the_log_is_read_says_how_to_resume(library):
    def read(*_):
        signal.raise_signal(signal.SIGTERM)
        raise AssertionError("the signal did not stop it")

    library.read = read
    result = run("train", "pump log.csv")
    assert result.exit_code == 143
    assert f"resume {only_run()}" in result.stderr
    assert record_of(only_run())["status"] == "interrupted"


def test_resume_takes_everything_from_the_folder(library):
    library.train = interrupted_by(signal.SIGTERM)
    run("train", "pump log.csv", "--out", "run", "--latent-dim", "5", "--threads", "1")
    library.train = library.train_well
    result = run("resume", "run")
    assert result.exit_code == 0, result.output
    assert result.stdout == "run\n"
    first, second = library.calls
    assert second["resume"] is True
    assert second["config"] == first["config"]
    record = record_of("run")
    assert record["status"] == "done"
    assert record["threads"] == 1
    assert [attempt["exit_code"] for attempt in record["attempts"]] == [143]
    assert record["attempts"][0]["status"] == "interrupted"


def test_train_resume_is_resume(library):
    library.train = interrupted_by(signal.SIGINT)
    run("train", "pump log.csv", "--out", "run")
    library.train = library.train_well
    assert run("train", "--resume", "run", "--max-time", "1min").exit_code == 0
    assert library.calls[1]["resume"] is True
    assert library.calls[1]["config"].train.max_time == "1min"


def test_resume_without_a_checkpoint_starts_over(library):
    def fail(**_):
        raise TrainingError("training step 3: loss is nan.")

    library.train = fail
    run("train", "pump log.csv", "--out", "run")
    library.train = library.train_well
    assert run("resume", "run").exit_code == 0
    assert library.calls[1]["resume"] is False


def test_resume_of_a_finished_run_trains_nothing(library):
    run("train", "pump log.csv", "--out", "run")
    result = run("resume", "run")
    assert result.exit_code == 0
    assert "done" in result.stderr
    assert len(library.calls) == 1


def test_resume_refuses_a_log_that_has_changed(library):
    library.train = interrupted_by(signal.SIGTERM)
    run("train", "pump log.csv", "--out", "run")
    with Path("pump log.csv").open("a") as file:
        file.write("2,3\n")
    result = run("resume", "run")
    assert result.exit_code == 3
    assert "another content" in result.stderr
    assert len(library.calls) == 1


def test_resume_finds_a_log_that_has_moved(library):
    library.train = interrupted_by(signal.SIGTERM)
    run("train", "pump log.csv", "--out", "run")
    library.train = library.train_well
    Path("pump log.csv").rename("moved.csv")
    assert run("resume", "run").exit_code == 3
    assert run("resume", "run", "moved.csv").exit_code == 0


@pytest.mark.parametrize(
    "extra",
    [["--latent-dim", "3"], ["--set", "model.latent_dim=3"], ["--out", "x"], ["--dry-run"]],
)
def test_resume_refuses_other_settings(library, extra):
    library.train = interrupted_by(signal.SIGTERM)
    run("train", "pump log.csv", "--out", "run")
    result = run("train", "--resume", "run", *extra)
    assert result.exit_code == 2
    assert extra[0] in result.stderr


@pytest.mark.parametrize("content", [None, "{", "[]", '{"schema": 99}'])
def test_resume_refuses_a_folder_that_is_no_run(library, content):
    Path("other").mkdir()
    if content is not None:
        (Path("other") / "run.json").write_text(content)
    result = run("resume", "other")
    assert result.exit_code == 5
    assert library.calls == []


@pytest.mark.usefixtures("library")
def test_train_without_logs_is_a_usage_error():
    assert run("train").exit_code == 2


def test_absent_cuda_is_an_error_that_says_so(library, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = run("train", "pump log.csv", "--device", "cuda")
    assert result.exit_code == 4
    assert "CUDA" in result.stderr
    assert library.calls == []


def test_other_ranks_of_torchrun_are_silent_and_make_no_folder(library, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    for name, value in MASTER.items():
        monkeypatch.setenv(name, value)
    result = run("train", "pump log.csv")
    assert result.exit_code == 0
    assert result.output == ""
    assert not Path("runs").exists()
    assert library.calls[0]["run_dir"] is None


def test_failure_of_another_rank_is_said(library, monkeypatch):
    def fail(**_):
        raise TrainingError("training step 3: loss is nan.")

    library.train = fail
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    for name, value in MASTER.items():
        monkeypatch.setenv(name, value)
    result = run("train", "pump log.csv")
    assert result.exit_code == 6
    assert result.stderr == "error: training step 3: loss is nan.\n"


def test_first_rank_of_torchrun_makes_the_folder(library, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    for name, value in MASTER.items():
        monkeypatch.setenv(name, value)
    assert run("train", "pump log.csv").exit_code == 0
    assert library.calls[0]["run_dir"] == only_run()
