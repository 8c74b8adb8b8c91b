"""How a server begins and ends, and what it does where there is no place, no time or no model."""

import os
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cli_cases import run
from hostile_requests import CSV
from places import ROOT
from programs import python
from served import serving

WITHOUT_TORCH = 'raise ModuleNotFoundError("No module named \'torch\'", name="torch")\n'


def waiting(server):
    text = server.get("/metrics").content.decode()
    return float(text.partition("\nlatentode_pool_waiting ")[2].split()[0])


def answered(server, status):
    """Forecasts that were answered so far with a status."""
    text = server.get("/metrics").content.decode()
    name = f'\nlatentode_requests_total{{address="/forecast",status="{status}"}} '
    return float(text.partition(name)[2].split()[0]) if name in text else 0.0


def until(ready):
    while not ready():
        time.sleep(0.05)


def test_others_are_not_answered_without_a_token(folder):
    result = run("serve", folder / "run", "--host", "0.0.0.0")
    assert (result.exit_code, "expected a token where others can reach" in result.stderr) == (
        4,
        True,
    )
    result = run("serve", folder / "run", "--no-token", "--token-file", folder / "log.csv")
    assert (result.exit_code, "exclude each other" in result.stderr) == (2, True)


def test_a_token_is_long_enough_and_no_word_of_the_command_line(folder, tmp_path, monkeypatch):
    (tmp_path / "token").write_text("short\n")
    result = run("serve", folder / "run", "--token-file", tmp_path / "token")
    assert (result.exit_code, "16 to 512 printable signs" in result.stderr) == (4, True)
    assert "short" not in result.stderr
    monkeypatch.setenv("LATENTODE_TOKEN", "")
    result = run("serve", folder / "run")
    assert (result.exit_code, "LATENTODE_TOKEN: expected a token" in result.stderr) == (4, True)


def test_an_address_that_is_taken_is_said(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("serve", folder / "run", "--port", taken.getsockname()[1])
    assert (result.exit_code, "cannot be listened on" in result.stderr) == (7, True)


def test_what_is_no_run_is_said(tmp_path):
    assert run("serve", tmp_path / "nowhere").exit_code == 2
    assert run("serve", tmp_path).exit_code == 5


@pytest.mark.slow
def test_what_cannot_be_loaded_is_said(folder, tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"no model")
    assert run("serve", folder / "run", "--device", "abacus", "--port", 0).exit_code == 4
    assert run("serve", tmp_path / "model.onnx", "--port", 0).exit_code == 5


@pytest.mark.slow
def test_there_is_an_answer_where_there_is_no_place_and_no_time(folder, body):
    limits = (
        "--max-waiting", 1, "--time-limit", "3s", "--max-times", 200_000, "--max-samples", 1_000,
        "--max-memory", "50GB",
    )  # fmt: skip
    with serving(folder / "run", *limits) as server, ThreadPoolExecutor(1) as pool:
        expected = server.csv("/forecast", body).content
        long = pool.submit(server.csv, "/interpolate?every=2s&samples=1000", body)
        until(lambda: waiting(server) == 1)
        refused = server.csv("/forecast", body)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert server.get("/health").json["status"] in ("ok", "loading")  # whatever is asked
        late = long.result()
        assert (late.status, late.headers["retry-after"]) == (503, "5")
        assert "not answered within 3 seconds" in late.message
        # another process takes the place of the one that was ended
        until(lambda: server.get("/health").status == 200)
        until(lambda: server.csv("/forecast", body).status == 200)
        assert server.csv("/forecast", body).content == expected
        assert "latentode_pool_restarts_total 1.0" in server.get("/metrics").content.decode()
        folders = [*Path("/dev/shm").glob(f"latentode-serve-{server.process.pid}-*")]
        assert len(folders) <= 1
        assert [file for each in folders for file in each.iterdir()] == []
        status, errors = server.stop(signal.SIGINT)
    assert status == 130
    assert not any(each.exists() for each in folders)
    assert errors.splitlines()[-1] == "error: stopped by SIGINT"


@pytest.mark.slow
def test_what_was_asked_before_a_signal_is_still_answered(folder, body):
    limits = ("--max-times", 50_000, "--max-memory", "20GB")
    with serving(folder / "run", *limits) as server, ThreadPoolExecutor(1) as pool:
        long = pool.submit(server.csv, "/interpolate?every=10s&samples=200", body)
        until(lambda: waiting(server) == 1)
        assert server.stop()[0] == 143
        assert long.result().status == 200


@pytest.mark.slow
def test_two_servers_of_one_run_give_the_same_answers(folder, body):
    with serving(folder / "run") as one, serving(folder / "run", "--workers", 2) as other:
        expected = one.csv("/forecast", body).content
        with ThreadPoolExecutor(6) as pool:
            asked = [pool.submit(each.csv, "/forecast", body) for each in (one, other) * 6]
            assert all(each.result().content == expected for each in asked)


@pytest.mark.slow
def test_a_file_of_export_is_served_without_torch(folder, body, tmp_path):
    pytest.importorskip("onnxruntime")
    file = tmp_path / "model.onnx"
    assert run("export", folder / "run", file).exit_code == 0
    (tmp_path / "torch.py").write_text(WITHOUT_TORCH)
    paths = ":".join([str(tmp_path), *sys.path])
    with serving(file, environment={"PYTHONPATH": paths}) as server:
        assert server.get("/info").json["answers"] == ["forecast", "interpolate", "inspect"]
        # of the command without torch: sums are rounded otherwise where torch makes them
        words = (ROOT / "cli.py", "forecast", file, folder / "next.csv", "-o", "-")
        forecast = python(*words, env={**os.environ, "PYTHONPATH": paths}).stdout.encode()
        assert forecast.startswith(b"series,time,channel")
        assert server.csv("/forecast", body).content == forecast
        score = server.csv("/score", body)
        assert (score.status, "expected the folder of a run" in score.message) == (422, True)


def test_tabs_that_are_closed_hold_no_place(server, body):
    head = f"POST /forecast?every=1min&samples=300 HTTP/1.1\r\nHost: localhost\r\n{CSV}"
    asked = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    gone, before = answered(server, 499), answered(server, 200)
    for _ in range(12):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(asked)
    until(lambda: answered(server, 499) + answered(server, 200) == gone + before + 12)
    assert answered(server, 499) >= gone + 6  # some may have been quicker
    assert server.csv("/forecast", body).status == 200


PROGRAM = """
import latentode
from latentode.cli.app import root
from latentode.models.likelihoods.gaussian import GaussianLikelihood

latentode.register(GaussianLikelihood, "served_normal")
if __name__ == "__main__":
    root()
"""


@pytest.mark.slow
def test_a_program_of_ones_own_serves_the_parts_that_it_registers(folder, body, small, tmp_path):
    (program := tmp_path / "mine.py").write_text(PROGRAM)
    words = ("--likelihood", "served_normal", "--out", tmp_path / "run", *small)
    done = python(program, "train", folder / "log.csv", *words)
    assert done.returncode == 0, done.stderr
    with serving(tmp_path / "run", program=program) as server:
        assert server.csv("/forecast", body).status == 200
