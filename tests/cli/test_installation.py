"""An interpreter that lacks packages, or is too old, says what to type."""

import re
import shlex
import subprocess
import sys

import pytest
from places import ROOT

from latentode import errors
from latentode.cli import failures, installation
from latentode.cli.failures import classify


def test_an_interpreter_without_any_package_says_in_one_line_what_to_type():
    # without site-packages there is only what Python comes with
    command = [sys.executable, "-S", "cli.py", "inspect", "log.csv"]
    done = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True)
    assert done.returncode == installation.NOT_INSTALLED == 9
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: expected the package click, got ")
    assert re.search(r"Type `.*cli\.py inspect log\.csv`\.$", line)


@pytest.mark.parametrize("package", ["pandas", "torch", "pyarrow"])
def test_a_package_that_is_missed_later_is_no_bug(package):
    error = ModuleNotFoundError("No module", name=f"{package}.sub")
    failure = classify(error)
    assert (failure.code, failure.kind, failure.expected) == (9, "installation", True)
    assert failure.message.startswith(f"expected the package {package}, got {sys.executable}")
    assert failure.hint.startswith("Type `")


def test_a_missing_module_of_our_own_is_a_bug():
    failure = classify(ModuleNotFoundError("No module", name="latentode.gone"))
    assert (failure.code, failure.expected) == (1, False)


def words_of(advice):
    return shlex.split(re.fullmatch(r".*Type `(.*)`\.", advice).group(1))


def test_the_environment_of_make_is_proposed_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(installation, "_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["cli.py", "plot", "my run"])
    (tmp_path / "pyproject.toml").touch()
    python = str(tmp_path / ".venv" / "bin" / "python")
    said = installation.missing_package(ModuleNotFoundError(name="pandas"))
    assert words_of(said) == [
        *("python3", "-m", "venv", str(tmp_path / ".venv"), "&&"),
        *(python, "-m", "pip", "install", str(tmp_path), "&&"),
        *(python, "cli.py", "plot", "my run"),
    ]
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    said = installation.missing_package(ModuleNotFoundError(name="pandas"))
    assert words_of(said) == [python, "cli.py", "plot", "my run"]


def test_an_installed_package_proposes_the_one_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(installation, "_HOME", str(tmp_path))
    said = installation.missing_package(ModuleNotFoundError(name="scipy.stats"))
    assert words_of(said) == [sys.executable, "-m", "pip", "install", "scipy"]


def test_an_old_python_is_named(monkeypatch):
    assert installation.old_python() is None
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    assert installation.old_python().startswith("expected Python 3.11 or newer, got ")


def test_every_exit_code_is_documented():
    text = (ROOT / "docs" / "exit_codes.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| (\d+) \| ([^|]*) \|", text, re.MULTILINE))
    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    for each in classes:
        if issubclass(each, errors.LatentODEError) and each is not errors.LatentODEError:
            assert f"`{each.kind}`" in rows[str(each.exit_code)]
    named = (failures.USAGE, failures.INTERRUPTED, failures.BROKEN_PIPE, failures.NOT_INSTALLED)
    assert {*map(str, named)} <= rows.keys()
