"""Logs and other files that come through pipes."""

import gzip
import json
import os
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from cli_cases import SMALL, run
from places import ROOT
from programs import ended, started

from latentode.cli.app import root
from latentode.files import spool

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes of POSIX")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "oscillator.csv"
    sizes = ("--option", "num_series=4", "--option", "num_points=40")
    assert run("data", "make", "oscillator", *sizes, "-o", path).exit_code == 0
    return path


@pytest.fixture(scope="module")
def trained(log, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert run("train", log, *SMALL, "--epochs", "1", "--out", folder).exit_code == 0
    return folder


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A folder of temporary files that is empty in the end."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.glob(".spool.*"))


@pytest.fixture
def pipe(tmp_path):
    """A FIFO, and a way to write into it from elsewhere."""
    path, writers = tmp_path / "pipe.csv", []
    os.mkfifo(path)

    def filled(content):
        writers.append(threading.Thread(target=path.write_bytes, args=(content,)))
        writers[-1].start()
        return path

    yield filled
    for writer in writers:
        writer.join()


def test_a_pipe_is_read_as_the_file_would_be(log, pipe):
    one = run("inspect", log, "--time-unit", "s").stdout.replace(str(log), "LOG")
    other = run("inspect", pipe(log.read_bytes()), "--time-unit", "s")
    assert other.exit_code == 0, other.output
    assert other.stdout.replace(other.stdout.split()[1].rstrip(":"), "LOG") == one
    assert "spool" not in other.output


@pytest.mark.parametrize(
    "words",
    [
        "forecast RUN PIPE",
        "interpolate RUN PIPE",
        "evaluate RUN PIPE --split all",
        "density RUN PIPE",
    ],
)
def test_every_command_that_reads_a_log_takes_a_pipe(trained, log, pipe, tmp_path, words):
    packed = pipe(gzip.compress(log.read_bytes()))
    answers = []
    for name, source in (("piped", packed), ("read", log)):
        output = tmp_path / (f"{name}.json" if "evaluate" in words else f"{name}.csv")
        typed = [{"RUN": trained, "PIPE": source}.get(word, word) for word in words.split()]
        result = run(*typed, "--samples", "4", "-o", output)
        assert result.exit_code == 0, result.output
        # scores say which log they are of
        answers.append(output.read_bytes().replace(str(source).encode(), b"LOG"))
    assert answers[0] == answers[1]


def test_times_may_come_through_a_pipe(trained, log, pipe, tmp_path):
    name = log.read_text().splitlines()[1].split(",")[0]
    times = pipe(f"series,time\n{name},11\n{name},12\n".encode())
    result = run("forecast", trained, "--times", times, "--samples", "2", "-o", tmp_path / "a.csv")
    assert result.exit_code == 0, result.output


def test_a_run_on_a_pipe_says_that_it_needs_the_log_again(log, pipe, tmp_path):
    folder = tmp_path / "run"
    result = run("train", pipe(log.read_bytes()), *SMALL, "--epochs", "1", "--out", folder)
    assert result.exit_code == 0, result.output
    assert "is a pipe, which is read once" in result.stderr
    assert "evaluate" in result.stderr
    record = json.loads((folder / "run.json").read_text())["log"]
    assert record["piped"] == [str(tmp_path / "pipe.csv")]
    assert record["bytes"] == log.stat().st_size
    assert "spool" not in "".join(path.read_text() for path in folder.glob("*.json*"))
    alone = run("evaluate", folder)
    assert alone.exit_code == 3
    assert "a pipe" in alone.stderr
    given = run("evaluate", folder, log, "--samples", "2", "--split", "all")
    assert given.exit_code == 0, given.output


def test_such_a_run_is_resumed_with_the_same_bytes_and_with_no_others(log, pipe, tmp_path):
    folder = tmp_path / "run"
    assert (
        run("train", pipe(log.read_bytes()), *SMALL, "--epochs", "1", "--out", folder).exit_code
        == 0
    )
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "status": "interrupted"}))
    alone = run("resume", folder)
    assert alone.exit_code == 3
    assert "a pipe: the log of this run has gone. Name its new place, or pipe" in alone.stderr
    other = run("resume", folder, pipe(log.read_bytes() + b"0,99,1,1\n"))
    assert other.exit_code == 3
    assert "got another content" in other.stderr
    same = run("resume", folder, pipe(log.read_bytes()))
    assert same.exit_code == 0, same.output


def test_a_run_on_a_file_and_a_pipe_asks_for_the_pipe_again(log, pipe, tmp_path):
    lines = log.read_text().splitlines(keepends=True)
    first = tmp_path / "a.csv"
    first.write_text("".join(lines[:81]))
    second = pipe((lines[0] + "".join(lines[81:])).encode())
    folder = tmp_path / "run"
    done = run("train", first, second, *SMALL, "--epochs", "1", "--out", folder)
    assert done.exit_code == 0, done.output
    record = json.loads((folder / "run.json").read_text())
    assert record["log"]["pipes"] == [str(second)]
    (folder / "run.json").write_text(json.dumps({**record, "status": "interrupted"}))
    alone = run("resume", folder)
    assert alone.exit_code == 3
    assert f"{second}, a pipe: the log of this run has gone" in alone.stderr


@pytest.mark.parametrize("option", ["--labels", "--events", "--windows"])
def test_what_a_run_reads_again_is_no_pipe_and_is_not_read(log, tmp_path, option):
    os.mkfifo(tmp_path / "pipe")  # nobody writes into it: reading would wait
    result = run("train", log, *SMALL, option, tmp_path / "pipe")
    assert result.exit_code == 2
    assert f"'{option}': expected a file, which `resume` reads again" in result.stderr


def test_a_shell_that_completes_words_reads_no_pipe(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr("latentode.cli.inputs.spooled", lambda *_: pytest.fail("was read"))
    words = [str(tmp_path / "pipe"), "--times", str(tmp_path / "pipe")]
    forecast = root.get_command(None, "forecast")
    forecast.make_context("forecast", words, resilient_parsing=True)


@pytest.mark.parametrize("command", ["inspect", "train"])
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_refused(command, device):
    result = run(command, device)
    assert result.exit_code == 3
    assert "expected a file or a pipe, got a device" in result.stderr


def test_a_pipe_that_nobody_writes_into_is_spoken_of_and_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "_WAIT_S", 0.01)
    monkeypatch.setattr(spool, "_PATIENCE_S", 0.05)
    os.mkfifo(tmp_path / "pipe")
    result = run("inspect", tmp_path / "pipe")
    assert result.exit_code == 3
    assert "is a pipe: waiting for somebody to write into it" in result.stderr
    assert "expected a pipe that somebody writes into" in result.stderr


def test_no_more_of_a_pipe_is_kept_than_the_limit(pipe, monkeypatch):
    monkeypatch.setattr(spool, "LARGEST", 100)
    result = run("inspect", pipe(b"time,x\n" + b"1,2\n" * 50))
    assert result.exit_code == 3
    assert "expected at most 100 B from a pipe, got more" in result.stderr


def test_stdin_is_a_log(log):
    words = (sys.executable, "cli.py", "inspect", "-", "--time-unit", "s")
    with started(*words, cwd=ROOT) as process:
        out, err = process.communicate(log.read_text())
    assert process.returncode == 0, err
    assert "read /dev/stdin: 160 rows" in out


def test_stdin_may_be_a_socket(log):
    ours, theirs = socket.socketpair()
    words = (sys.executable, "cli.py", "inspect", "-", "--time-unit", "s")
    with ours, theirs, started(*words, cwd=ROOT, stdin=theirs) as process:
        ours.sendall(log.read_bytes())  # less than a socket holds
        ours.shutdown(socket.SHUT_WR)
        out, err = process.communicate()
    assert process.returncode == 0, err
    assert "read /dev/stdin: 160 rows" in out


def test_a_socket_that_others_listen_at_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # addresses are short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("here")
        result = run("inspect", "here")
    assert result.exit_code == 3
    assert "here: expected a file or a pipe, got a socket" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_while_a_pipe_is_read_leaves_nothing(temporary, number):
    environment = {**os.environ, "TMPDIR": str(temporary)}
    words = (sys.executable, "cli.py", "inspect", "/dev/stdin")
    with started(*words, cwd=ROOT, env=environment) as process:
        process.stdin.write("time,x\n" * 100_000)  # more than a pipe holds: it is being read
        process.stdin.flush()
        process.send_signal(number)
        ended(process)
    assert process.returncode == 128 + number


@pytest.fixture
def substituted():
    """What a shell makes of ``<(...)``: the number of a pipe that holds something."""
    open_ends = []

    def filled(text):
        reading, writing = os.pipe()
        open_ends.append(reading)
        os.write(writing, text.encode())  # less than a pipe holds
        os.close(writing)
        return f"/dev/fd/{reading}"

    yield filled
    for end in open_ends:
        os.close(end)


def test_series_of_pipes_have_the_same_names_each_time(substituted, tmp_path):
    texts = [
        "time,level\n" + "".join(f"{time},{(time * step) % 5}\n" for time in range(40))
        for step in (2, 3)
    ]
    words = (*SMALL, "--epochs", "1", "--time-unit", "s", "--out", tmp_path / "run")
    result = run("train", *map(substituted, texts), *words)
    assert result.exit_code == 0, result.output
    assert "series of pipes, where no column names them: pipe, pipe-2" in result.stderr
    found = []
    for words in ([], [*map(substituted, texts)]):
        output = tmp_path / f"{len(words)}.csv"
        result = run("forecast", tmp_path / "run", *words, "--samples", "2", "-o", output)
        assert result.exit_code == 0, result.output
        lines = output.read_text().splitlines()
        found.append({line.split(",")[0] for line in lines[1:]})
    assert found == [{"pipe", "pipe-2"}] * 2


def test_what_a_killed_process_left_of_a_pipe_is_removed_by_the_next(temporary, log, pipe):
    environment = {**os.environ, "TMPDIR": str(temporary)}
    words = (sys.executable, "cli.py", "inspect", "/dev/stdin")
    with started(*words, cwd=ROOT, env=environment) as process:
        process.stdin.write("time,x\n" * 100_000)
        process.stdin.flush()
        process.kill()
        ended(process)
    assert list(temporary.glob(".spool.*"))
    assert run("inspect", pipe(log.read_bytes()), "--time-unit", "s").exit_code == 0


def test_a_library_call_refuses_a_pipe_without_opening_it_for_ever(tmp_path):
    from latentode.config import DataConfig
    from latentode.data.reading.log import read_log
    from latentode.errors import DataError

    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(DataError, match="expected a file, got a pipe, device or folder"):
            read_log(path, DataConfig())
