import subprocess
import sys

import architecture as rules
import pytest
from places import ROOT

RULES = [
    rules.layer_violations,
    rules.inner_violations,
    rules.cycles,
    rules.import_form_violations,
    rules.name_violations,
    rules.third_party_violations,
    rules.banned_violations,
    rules.label_violations,
    rules.length_violations,
    rules.function_violations,
    rules.reason_violations,
    rules.eager_violations,
]
# what "inspect" and "--help" may use must not wait seconds for torch
TORCH_FREE = (
    "latentode",
    "latentode.cli.app",
    "latentode.cli.commands.inspect",
    "latentode.config",
    "latentode.estimators.exported",
    "latentode.files",
    "latentode.plot",
    "latentode.results",
)
BATCHES = "latentode.data.batches."


def sources(*patterns):
    paths = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in paths}


@pytest.fixture(scope="module")
def package():
    return sources("latentode/**/*.py")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_obeys(rule, package):
    assert len(package) > 20
    assert rule(package) == []


def test_every_place_in_the_tables_exists(package):
    assert rules.unknown_places(package) == []
    assert len(rules.LAYERS) == 12


def test_a_place_that_does_not_exist_is_found(package):
    without = {path: text for path, text in package.items() if path != "latentode/errors.py"}
    assert rules.unknown_places(without) == ["errors is in a table, and nowhere else"]


def test_programs_and_tests_are_short_and_named_well():
    rest = sources(
        "*.py", *(f"{d}/**/*.py" for d in ("tests", "examples", "benchmarks", "datasets"))
    )
    assert len(rest) > 5
    assert rules.length_violations(rest, limit=400) == []
    assert rules.function_violations(rest) == []
    assert (
        rules.name_violations({p.replace("tests/helpers/", "tests/"): t for p, t in rest.items()})
        == []
    )
    assert rules.import_form_violations(rest) == []


@pytest.mark.parametrize("module", TORCH_FREE)
def test_what_needs_no_model_loads_no_torch(module, package):
    assert "torch" not in rules.loaded_with(module, package)


def test_the_reader_loads_no_torch(package):
    readers = [rules.module_name(path) for path in package if path.startswith("latentode/data/")]
    with_torch = {name for name in readers if "torch" in rules.loaded_with(name, package)}
    batches = {name for name in readers if name.startswith(BATCHES)}
    assert with_torch == batches - {f"{BATCHES}window_arrays"}


def test_training_loads_no_scipy_and_no_adaptive_solver_before_they_are_asked_for(package):
    loaded = rules.loaded_with("latentode.training.fit", package)
    assert not {"torchdiffeq", "scipy"} & loaded


def test_importing_the_package_loads_only_the_standard_library():
    code = "import sys, latentode; print(*{'torch', 'pandas', 'numpy', 'click'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout.strip()) == (0, "")


def planted(path, text, **others):
    """A small package that obeys every rule, with one module added."""
    base = {
        "latentode/__init__.py": "import importlib\n",
        "latentode/errors.py": "",
        "latentode/ode/__init__.py": "from latentode.ode.solve import solve\n",
        "latentode/ode/solve.py": "import torch\nfrom latentode.errors import SolverError\n",
        "latentode/ode/solvers/adaptive.py": "import torchdiffeq\n",
        "latentode/models/encoders/rnn.py": "from latentode import errors, ode\n",
        "latentode/models/priors/normal.py": "from latentode.ode import solve\n",
        "latentode/models/latent_ode.py": "",
        "latentode/training/trainer.py": "from latentode.models.encoders import rnn\n",
        "latentode/estimators/__init__.py": "",
        "latentode/evaluation/evaluate.py": "",
        "latentode/results.py": "import numpy as np\nimport xarray.core as xc\n",
    }
    return base | {path: text} | others


def test_the_rules_accept_a_sound_package():
    sound = planted("latentode/errors.py", "")
    assert [rule(sound) for rule in RULES] == [[]] * len(RULES)


@pytest.mark.parametrize(
    ("rule", "path", "text", "message"),
    [
        (
            rules.layer_violations,
            "latentode/ode/bad.py",
            "import latentode.training.trainer",
            "not a",
        ),
        (
            rules.layer_violations,
            "latentode/flows/bad.py",
            "from latentode.models.encoders import rnn",
            "not",
        ),
        (
            rules.layer_violations,
            "latentode/evaluation/evaluate.py",
            "import latentode.estimators",
            "not a",
        ),
        (
            rules.layer_violations,
            "latentode/ode/bad.py",
            "def f():\n import latentode.cli.app",
            "not",
        ),
        (
            rules.layer_violations,
            "latentode/cli/bad.py",
            "from latentode import LatentODE",
            "defines",
        ),
        (rules.layer_violations, "latentode/novel/bad.py", "", "has no layer"),
        (
            rules.inner_violations,
            "latentode/models/priors/bad.py",
            "from latentode.models.encoders import rnn",
            "not a lower row",
        ),
        (
            rules.inner_violations,
            "latentode/models/nn/bad.py",
            "def f():\n from latentode.models import latent_ode",
            "not a lower row",
        ),
        (
            rules.inner_violations,
            "latentode/models/novel.py",
            "import math",
            "has no row",
        ),
        (
            rules.cycles,
            "latentode/ode/solve.py",
            "import latentode.ode",
            "ode -> latentode.ode.solve",
        ),
        (rules.cycles, "latentode/errors.py", "def f():\n import latentode.ode.solve", "errors ->"),
        (rules.import_form_violations, "latentode/ode/bad.py", "from math import *", "star"),
        (rules.import_form_violations, "latentode/ode/bad.py", "from . import solve", "relative"),
        (rules.name_violations, "latentode/ode/utils.py", "", "name a module"),
        (rules.name_violations, "latentode/helpers/solve.py", "", "name a module"),
        (rules.third_party_violations, "latentode/ode/bad.py", "import torchdiffeq", "torchdiffeq"),
        (
            rules.third_party_violations,
            "latentode/data/reading/log.py",
            "import torch.nn",
            "torch has no",
        ),
        (
            rules.third_party_violations,
            "latentode/models/latent_ode.py",
            "import pandas as pd",
            "pandas has no",
        ),
        (rules.third_party_violations, "latentode/plot.py", "import xarray", "xarray has no"),
        (rules.third_party_violations, "latentode/results.py", "import matplotlib", "matplotlib"),
        (
            rules.third_party_violations,
            "latentode/models/latent_ode.py",
            "from click import echo",
            "click has",
        ),
        (rules.third_party_violations, "latentode/errors.py", "import pydantic", "pydantic has no"),
        (
            rules.third_party_violations,
            "latentode/models/latent_ode.py",
            "import safetensors",
            "safetensors",
        ),
        (rules.third_party_violations, "latentode/report.py", "import rich.table", "rich has no"),
        (
            rules.third_party_violations,
            "latentode/cli/bad.py",
            "import requests",
            "requests has no",
        ),
        (rules.banned_violations, "latentode/ode/bad.py", "import pickle", "pickle"),
        (rules.banned_violations, "latentode/ode/bad.py", "from yaml import load", "yaml"),
        (rules.banned_violations, "latentode/ode/bad.py", "eval('1')", "eval"),
        (rules.banned_violations, "latentode/ode/bad.py", "def f():\n exec('1')", "exec"),
        (
            rules.banned_violations,
            "latentode/ode/bad.py",
            "import torch\ntorch.load('a')",
            "torch.load",
        ),
        (rules.banned_violations, "latentode/ode/bad.py", "from torch import load", "load"),
        (rules.banned_violations, "latentode/ode/bad.py", "print('here')", "print"),
        (
            rules.banned_violations,
            "latentode/ode/bad.py",
            "np.load(p, allow_pickle=x)",
            "allow_pickle",
        ),
        (rules.length_violations, "latentode/ode/bad.py", "a = 1\n" * 251, "251 lines of code"),
        (
            rules.function_violations,
            "latentode/ode/bad.py",
            "class A:\n def f(\n  self,\n ):\n" + "  a = 1\n" * 48,
            "f has 51 lines of code",
        ),
        (rules.reason_violations, "latentode/ode/bad.py", "_SHARE = 0.01", "_SHARE has no reason"),
        (rules.reason_violations, "latentode/ode/bad.py", "_A: float = 1 / 3", "_A has no reason"),
        (rules.reason_violations, "latentode/ode/bad.py", "_A, _B = 2**20, (1, -2)", "_A, _B has"),
        (rules.reason_violations, "latentode/ode/bad.py", "# a gap\n\n_A = 1.0", "_A has no"),
        (rules.reason_violations, "latentode/ode/bad.py", "_A = 1  # why\n_B = 2", "_B has no"),
        (
            rules.label_violations,
            "latentode/training/bad.py",
            "def f(labels):\n return isinstance(labels, Series | TimeLabels)",
            "ask the labels",
        ),
        (
            rules.label_violations,
            "latentode/training/bad.py",
            "def f(batch):\n return isinstance(batch.labels, dict)",
            "ask the labels",
        ),
        (rules.eager_violations, "latentode/__init__.py", "import numpy", "numpy is loaded"),
        (
            rules.eager_violations,
            "latentode/__init__.py",
            "from latentode import ode",
            "ode is loaded",
        ),
    ],
)
def test_each_rule_finds_a_planted_violation(rule, path, text, message):
    (found,) = rule(planted(path, text))
    assert message in found


def test_prose_does_not_count_as_code():
    prose = '"""Of a module."""\n\n# a comment\nclass A:\n  """Two\n  lines."""\n\n'
    body = '  def f(self):\n    """One line."""\n    return """two\nlines"""  # and why\n'
    assert rules.code_lines(prose + body) == {4, 8, 10, 11}
    long = planted("latentode/ode/bad.py", "# a comment\n\n" * 300 + "a = 1\n" * 250)
    assert rules.length_violations(long) == []


@pytest.mark.parametrize(
    "text",
    [
        "_SHARE = 0.01  # of the readings",
        "# of the readings\n_SHARE = 0.01",
        "# memory of both\n_ROWS = 64\n_COLUMNS = 1 << 9",
        "_SIZES = (\n    1,  # small\n    2,\n)",
        "_NAME = 'a'\n_ON = True\n_NAMES = ('a', 1)\n_TABLE = {1: 2}\nSHOWN = 10",
        "def f():\n    _a = 1\n    return _a",
    ],
)
def test_a_reason_stands_on_the_line_or_above_the_group(text):
    assert rules.reason_violations(planted("latentode/ode/sound.py", text)) == []


def test_annotations_may_name_what_is_not_loaded():
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import xarray\n"
    sound = planted("latentode/plot/fan.py", text)
    assert rules.third_party_violations(sound) == []
    assert "xarray" not in rules.loaded_with("latentode.plot.fan", sound)


def test_what_a_module_loads_is_followed_through_other_modules():
    text = "def f():\n    import pandas\nfrom latentode.ode.solvers import adaptive\n"
    loaded = rules.loaded_with(
        "latentode.models.latent_ode", planted("latentode/models/latent_ode.py", text)
    )
    assert loaded == {"torch", "torchdiffeq"}
