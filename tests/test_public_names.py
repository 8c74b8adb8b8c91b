"""The public surface: what ``latentode`` offers, and that it loads nothing until it is used."""

import importlib
import subprocess
import sys
import tomllib

import pytest
from places import ROOT

import latentode


def test_the_version_is_that_of_the_project_file():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert latentode.__version__ == project["version"]


def test_public_names_are_sorted_once_each_and_listed_by_dir():
    assert latentode.__all__ == sorted(set(latentode.__all__))
    assert set(latentode.__all__) <= set(dir(latentode))


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


def test_importing_the_package_and_its_settings_loads_no_torch():
    code = (
        "import sys, latentode; latentode.LatentODEConfig(); latentode.errors; "
        "print(int('torch' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout.strip()) == (0, "0")
