"""The steps of CONTRIBUTING: what they say is enough is enough, and is as few files as they say.

That a format takes one module is shown in `tests/data/reading/formats/test_formats.py`, and that a
score takes one row in `tests/evaluation/test_scores.py`.
"""

import json
import re
import shutil
import subprocess
import sys

import pytest
from places import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILES = {
    "Adding a likelihood": ("Two", {"latentode/models/likelihoods/", "latentode/config/model.py"}),
    "Adding a format": ("One", {"latentode/data/reading/formats/"}),
    "Adding a score": ("One", {"latentode/evaluation/scores.py"}),
    "Adding labels of a new kind": (
        "Three",
        {"latentode/data/labels.py", "latentode/data/reading/labels.py", "latentode/models/heads/"},
    ),
}
LAPLACE = '''"""Laplace observation noise."""

import math

import torch

from latentode.models.likelihoods.base import Likelihood


class LaplaceLikelihood(Likelihood):
    """Laplace readings, of the scale's standard deviation."""

    def log_prob(self, values, location, scale):
        width = scale / math.sqrt(2)
        return -(values - location).abs() / width - torch.log(2 * width)

    def transform(self, uniform, location, scale):
        shift = uniform[0] - 0.5
        noise = -shift.sign() * torch.log1p(-2 * shift.abs()) / math.sqrt(2)
        return location + scale * noise.to(location.dtype)


LIKELIHOOD = LaplaceLikelihood
'''
WITH_LAPLACE = """
import json
import latentode
from latentode import LatentODE, LatentODEConfig, synthetic

log = synthetic.make("oscillator", random_state=0).dataset
brief = {"train.max_epochs": 1, "train.steps_per_epoch": 2, "model.knots": 0}
config = LatentODEConfig().updated(**brief, **{"model.likelihood": "laplace"})
LatentODE(config=config, random_state=0).fit(log).save("fitted")
model = LatentODE.load("fitted")
forecast = model.forecast(log, horizon=1.0, every=0.5, num_draws=3)
print(json.dumps([latentode.__file__, model.config_.model.likelihood, forecast.sizes["draw"]]))
"""


@pytest.mark.parametrize("heading", FILES)
def test_the_steps_touch_as_few_files_as_they_say(heading):
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)[1]
    number, files = FILES[heading]
    assert section.strip().startswith(f"{number} file")
    first = re.findall(r"^\d\. .*?`(latentode/[\w/.]+)`", section, re.MULTILINE | re.DOTALL)
    assert files <= set(first)


def test_a_likelihood_is_a_module_and_its_name_in_the_settings(tmp_path):
    package = tmp_path / "latentode"
    shutil.copytree(ROOT / "latentode", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "models" / "likelihoods" / "laplace.py").write_text(LAPLACE)
    settings = package / "config" / "model.py"
    text = settings.read_text("utf-8")
    named = re.sub(r"(LikelihoodName = Literal\[.+)\]", r'\1, "laplace"]', text)
    assert named != text
    settings.write_text(named)
    done = subprocess.run(
        [sys.executable, "-c", WITH_LAPLACE], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [str(package / "__init__.py"), "laplace", 3]
