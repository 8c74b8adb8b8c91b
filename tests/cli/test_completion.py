"""``completion``: scripts that a real shell takes, and the words that it then proposes."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from cli_cases import answer_of, run
from click.shell_completion import ShellComplete
from places import ROOT

from latentode.cli.app import COMMANDS, root

CHANNELS = ["flow", "pressure", "$(touch x)", "two words", "Ölstand", "a;b"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with the program as it is called, and a run with nothing but its report."""
    folder = tmp_path_factory.mktemp("home")
    program = folder / "bin" / "latentode"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m latentode "$@"\n')
    program.chmod(0o755)
    (folder / "run").mkdir()
    report = json.dumps({"channels": CHANNELS})
    (folder / "run" / "data_report.json").write_text(report)
    (folder / "log.csv").write_text("time,flow\n")
    return folder


def environment(home):
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}


def shell_says(home, *command):
    done = subprocess.run(
        command, cwd=home, env=environment(home), capture_output=True, text=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def shell(name):
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}")
    return found


def test_bash_proposes_what_the_program_says(home):
    script = """
    eval "$(latentode completion bash)"
    complete -p latentode
    COMP_WORDS=(latentode fore) COMP_CWORD=1
    _latentode_completion latentode
    echo "${COMPREPLY[@]}"
    """
    words = shell_says(home, shell("bash"), "--norc", "-c", script)
    assert words[-1] == "forecast"
    assert words[-4:-1] == ["-F", "_latentode_completion", "latentode"]


def test_zsh_takes_the_script(home):
    script = (
        'autoload -Uz compinit && compinit -D -u; eval "$(latentode completion zsh)"; '
        "print -- ${_comps[latentode]}"
    )
    assert shell_says(home, shell("zsh"), "-f", "-c", script) == ["_latentode_completion"]


def test_fish_proposes_what_the_program_says(home):
    script = 'latentode completion fish | source; complete -C "latentode interp"'
    assert shell_says(home, shell("fish"), "-c", script)[0] == "interpolate"


def proposed(*words):
    """What is proposed for the last of some words, as kinds and values."""
    asked = ShellComplete(root, {}, "latentode", "_LATENTODE_COMPLETE")
    return [(item.type, item.value) for item in asked.get_completions([*words[:-1]], words[-1])]


def plain(*values):
    return [("plain", value) for value in values]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["fore"], plain("forecast")),
        (["config", "sh"], plain("show")),
        (["train", "--encoder", "rnn"], plain("rnn", "rnn_attention")),
        (["train", "--encode"], plain("--encoder")),
        (["train", "l"], [("file", "l")]),
        (["forecast", "r"], [("file", "r")]),
        (["resume", "r"], [("dir", "r")]),
        (["plot", "run", "--channels", "f"], plain("flow")),
        (["plot", "run", "--channels", "flow,"], plain("flow,pressure", "flow,Ölstand")),
        (["plot", "run/model", "--channels", "fl"], plain("flow")),
        (["plot", "log.csv", "--channels", ""], []),
        (["plot", "gone", "--channels", ""], []),
        (["plot", "run", "--series", ""], []),
        (["completion", "z"], plain("zsh")),
    ],
)
def test_commands_options_choices_files_and_channels_are_proposed(
    words, expected, home, monkeypatch
):
    monkeypatch.chdir(home)
    assert proposed(*words) == expected


def test_names_that_a_shell_would_run_are_not_proposed(home, monkeypatch):
    monkeypatch.chdir(home)
    assert proposed("plot", "run", "--channels", "") == plain("flow", "pressure", "Ölstand")


def test_zsh_is_told_words_and_what_they_are(home):
    asked = {"COMP_WORDS": "latentode fore", "COMP_CWORD": "1"}
    done = subprocess.run(
        [home / "bin" / "latentode"], capture_output=True, text=True, cwd=home,
        env={**environment(home), **asked, "_LATENTODE_COMPLETE": "zsh_complete"},
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["plain", "forecast", COMMANDS["forecast"][1]]


def test_nothing_is_read_while_a_shell_asks(home):
    with subprocess.Popen(
        [home / "bin" / "latentode"], cwd=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={
            **environment(home), "COMP_WORDS": "latentode\ntrain\n-\n--enc", "COMP_CWORD": "3",
            "_LATENTODE_COMPLETE": "bash_complete",
        },
    ) as program:  # fmt: skip
        # the pipe stays open: a program that waited for its end would never answer
        assert b"plain,--encoder" in program.stdout.read()
        program.stdin.close()


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_the_script_is_the_answer(name):
    text = run("completion", name).stdout
    assert "_LATENTODE_COMPLETE" in text
    answer = answer_of("completion", name)["data"]
    assert (answer["shell"], answer["script"]) == (name, text)


def test_other_shells_are_refused():
    result = run("completion", "tcsh")
    assert result.exit_code == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in result.stderr


def test_completion_needs_no_torch(home):
    script = (
        "import os, sys\nfrom latentode.cli.app import root\n"
        "os.environ.update(COMP_WORDS='latentode\\nforecast\\n--ev', COMP_CWORD='2', "
        "_LATENTODE_COMPLETE='bash_complete')\n"
        "try:\n    root.main(prog_name='latentode')\n"
        "except SystemExit:\n    print(sorted({'torch', 'pandas', 'pyarrow'} & set(sys.modules)))\n"
    )
    assert shell_says(home, sys.executable, "-c", script) == ["plain,--every", "[]"]
