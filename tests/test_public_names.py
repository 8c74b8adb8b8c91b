"""The public surface: what ``latentode`` offers, and that it loads nothing until it is used."""

import ast
import importlib
import inspect
import subprocess
import sys
import tomllib
from importlib.util import find_spec

import pytest
from places import ROOT

import latentode
from latentode import evaluation


def test_the_version_is_that_of_the_project_file():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert latentode.__version__ == project["version"]


PACKAGES = pytest.mark.parametrize("package", [latentode, evaluation])


@PACKAGES
def test_the_table_of_names_is_sorted_and_all_public(package):
    assert list(package._HOMES) == sorted(package._HOMES)
    assert set(package._HOMES) == set(package.__all__) - {"__version__"}
    assert set(latentode.__all__) <= set(dir(latentode))


@PACKAGES
def test_type_checkers_are_told_the_home_of_each_name(package):
    (block,) = [part for part in ast.parse(inspect.getsource(package)).body if _for_types(part)]
    told = {name.asname: f"{node.module}.{name.name}" for node in block.body for name in node.names}
    homes = {name: f"{package.__name__}.{home}" for name, home in package._HOMES.items()}
    defined = {name for name, home in homes.items() if not home.endswith(f".{name}")}
    assert defined <= told.keys() <= homes.keys()
    for name, place in told.items():
        assert place == (f"{homes[name]}.{name}" if name in defined else homes[name])


def _for_types(statement):
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"


@pytest.mark.parametrize("name", evaluation.__all__)
def test_evaluation_hands_on_functions_that_no_module_of_it_hides(name):
    assert getattr(evaluation, name).__name__ == name
    assert find_spec(f"latentode.evaluation.{name}") is None


@pytest.mark.parametrize("name", [n for n in latentode.__all__ if not n.startswith("_")])
def test_every_public_name_can_be_imported(name):
    found = getattr(latentode, name)
    if callable(found):
        assert found.__name__ == name
        assert found.__module__.startswith("latentode.")
        assert found.__doc__
    else:
        assert found is importlib.import_module(found.__name__)
        assert found.__name__.endswith(name)


def test_an_unknown_name_is_an_attribute_error_that_names_it():
    with pytest.raises(AttributeError, match="no attribute 'LatentODR'"):
        _ = latentode.LatentODR


def test_what_needs_no_model_loads_no_torch():
    code = (
        "import sys, latentode; latentode.LatentODEConfig(); latentode.errors; latentode.plot; "
        "latentode.evaluation.table; latentode.evaluation.evaluate_task; "
        "print(int('torch' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout.strip()) == (0, "0")
