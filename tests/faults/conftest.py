"""What the cases of faults share: every test here is a `fault`, on a small log and a small run."""

import shutil
from pathlib import Path

import pytest
from cli_cases import SMALL, run

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("fault")


@pytest.fixture(scope="session")
def log(tmp_path_factory):
    """Four series of a damped oscillator, 40 readings each, at irregular times."""
    path = tmp_path_factory.mktemp("log") / "oscillator.csv"
    sizes = ("--option", "num_series=4", "--option", "num_points=40")
    assert run("data", "make", "oscillator", *sizes, "-o", path).exit_code == 0
    return path


@pytest.fixture(scope="session")
def trained(log, tmp_path_factory):
    """A run of one epoch on `log`; copy it (`run_folder`) before you change it."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    result = run("train", log, *SMALL, "--epochs", "1", "--out", folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def run_folder(trained, tmp_path):
    """A copy of `trained`, to be damaged."""
    return Path(shutil.copytree(trained, tmp_path / "run"))
