"""The program as a whole: help without imports, usage errors, answers, exit codes, signals."""

import json
import os
import signal
import sys
import textwrap
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from places import ROOT
from programs import ended, finished, python, started

from latentode.cli.app import COMMANDS, root
from latentode.cli.session import Session


def run(*args, env=None, **options):
    return CliRunner().invoke(root, [*args], env=env, **options)


def process(*args, cwd=None, env=None):
    return python(*args, cwd=cwd or ROOT, env={**os.environ, **(env or {})})


def imported_by(*args):
    """Modules that a call of the program imports, as Python itself reports them."""
    done = process("-X", "importtime", "cli.py", *args)
    assert done.returncode == 0, done.stderr
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


def test_help_imports_no_command_and_no_heavy_package():
    modules = imported_by("--help")
    heavy = {"torch", "pandas", "numpy", "xarray", "matplotlib", "pydantic", "rich"}
    assert not modules & heavy
    assert not {f"latentode.cli.commands.{name}" for name in COMMANDS} & modules
    assert "latentode.cli.app" in modules  # the report of imports was really read
    assert len(modules) < 250  # what makes it quick


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_exists_and_has_help(name):
    result = run(name, "--help")
    assert result.exit_code == 0, result.output
    assert "Usage:" in result.stdout


def test_package_launcher_and_script_launcher_answer_alike():
    script, package = process("cli.py", "--version"), process("-m", "latentode", "--version")
    assert script.stdout == package.stdout
    assert script.stdout.startswith("latentode ")


def test_unknown_command_proposes_the_nearest():
    result = run("forcast")
    assert result.exit_code == 2
    assert "Did you mean 'forecast'?" in result.stderr
    assert result.stdout == ""


def test_usage_error_answers_in_json_when_asked():
    result = run("inspect", "absent.csv", "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 2
    assert set(answer) == {
        "ok", "command", "run_dir", "outputs", "metrics", "data", "warnings", "error",
    }  # fmt: skip
    assert answer["ok"] is False
    assert answer["command"] == "inspect"
    assert answer["error"]["code"] == 2
    assert "absent.csv" in answer["error"]["message"]


def test_group_without_command_shows_its_help_with_exit_code_2():
    result = run("config")
    assert result.exit_code == 2
    assert "schema" in result.stderr
    assert result.stdout == ""


def test_verbose_and_quiet_exclude_each_other():
    assert run("-v", "-q", "config", "show").exit_code == 2


def test_log_format_json_writes_one_object_a_line():
    result = run("--log-format", "json", "config", "show", "--set", "model.latent_dim=x")
    assert result.exit_code == 4
    events = [json.loads(line) for line in result.stderr.splitlines()]
    assert events[0]["event"] == "error"
    assert events[0]["kind"] == "config"


def test_no_escape_codes_reach_a_pipe_even_with_rich():
    done = process("cli.py", "--log-format", "rich", "config", "show", "--set", "x.y=1")
    assert done.returncode == 4
    assert "error:" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo terminal")
@pytest.mark.parametrize(
    ("arguments", "environment", "colored"),
    [
        ([], {}, True),
        (["--no-color"], {}, False),
        ([], {"NO_COLOR": "1"}, False),
        (["--log-format", "plain"], {}, False),
    ],
)
def test_terminal_gets_colour_unless_refused(arguments, environment, colored):
    import pty

    leader, follower = pty.openpty()
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    python(
        "cli.py", *arguments, "config", "show", "--set", "x.y=1",
        cwd=ROOT, env={**kept, "TERM": "xterm-256color", **environment}, stderr=follower,
    )  # fmt: skip
    text = os.read(leader, 10_000).decode()
    os.close(leader)
    os.close(follower)
    assert "unknown setting" in text
    assert ("\x1b" in text) is colored


def test_reader_that_closes_the_pipe_ends_the_program_quietly():
    line = f"{sys.executable} cli.py -q data make spiral | head -n 1"
    # unbuffered, Python itself drops what a closed pipe did not take, without an error
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    done = finished("bash", "-c", f"set -o pipefail; {line}", cwd=ROOT, env=environment)
    assert done.stdout == "series,time,x,y\n"
    assert done.stderr == ""
    assert done.returncode == 141


SLOW = """
import signal, sys
from latentode.cli import app
from latentode.cli.command import command

@command("slow")
def slow_command(session):
    try:
        print("ready", file=sys.stderr, flush=True)
        signal.pause()
    finally:
        print("cleaning", file=sys.stderr, flush=True)
        if sys.argv[1] == "for ever":
            while True:
                signal.pause()

app.COMMANDS["slow"] = ("__main__:slow_command", "wait")
app.root.main(["slow", "--json"])
"""


@contextmanager
def slow_program(cleaning):
    with started(sys.executable, "-c", SLOW, cleaning, cwd=ROOT) as slow:
        assert slow.stderr.readline() == "ready\n"
        yield slow


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_stops_in_order_and_gives_its_code(number, code):
    with slow_program("at once") as slow:
        slow.send_signal(number)
        out, err = ended(slow)
    assert slow.returncode == code
    assert "cleaning" in err
    assert json.loads(out)["error"]["kind"] == "interrupted"


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_second_signal_ends_the_program_at_once():
    with slow_program("for ever") as slow:
        slow.send_signal(signal.SIGTERM)
        assert slow.stderr.readline() == "cleaning\n"
        slow.send_signal(signal.SIGINT)
        ended(slow)
    assert slow.returncode == 130


FAILING = """
import warnings
from latentode.cli import app
from latentode.cli.command import command
from latentode.errors import LatentODEWarning

@command("fail")
def fail_command(session):
    warnings.warn("channel x is constant", LatentODEWarning)
    warnings.warn("of no interest to a user", UserWarning)
    raise KeyError("lost")

app.COMMANDS["fail"] = ("__main__:fail_command", "fail")
app.root.main()
"""


def test_bug_gives_code_1_asks_for_a_report_and_hides_the_traceback():
    done = process("-c", FAILING, "fail", "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 1
    assert answer["error"]["kind"] == "internal"
    assert "please report it" in answer["error"]["message"]
    assert answer["warnings"] == ["channel x is constant"]
    assert "Traceback" not in done.stderr
    assert "of no interest" not in done.stderr


def test_verbose_shows_the_traceback_of_a_bug():
    done = process("-c", FAILING, "-v", "fail")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "of no interest" in done.stderr


def test_commands_written_for_the_user_can_be_typed():
    script = textwrap.dedent("""
        from latentode.cli.session import Session
        print(Session(program="python cli.py").command_line("forecast", "runs/a b"))
    """)
    assert process("-c", script).stdout == "python cli.py forecast 'runs/a b'\n"


def test_a_warning_is_said_once(capsys):
    session = Session()
    session.warn("the pump is dry")
    session.warn("the pump is dry")
    assert session.warnings == ["the pump is dry"]
    assert capsys.readouterr().err == "warning: the pump is dry\n"
