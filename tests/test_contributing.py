"""The steps of CONTRIBUTING: what they say is enough is enough, and is as few files as they say.

A copy of the package gets a likelihood, a format, a score and labels of a new kind, each in the
files that its section names, and is used.
"""

import json
import re
import shutil
import subprocess
import sys
from functools import partial

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

    def transform(self, noise, location, scale):
        tail = torch.special.log_ndtr(-noise.abs()) + math.log(2)
        error = -noise.sign() * tail / math.sqrt(2)
        return location + scale * error.to(location.dtype)


LIKELIHOOD = LaplaceLikelihood
'''
SCORE = """
SCORES += (
    Score("miss", "miss", lambda f: np.abs(f.values - f.draws[0]), IN_STD, of_error=np.abs),
)
"""
GROUP_LABELS = '''

@dataclass(frozen=True, eq=False)
class GroupLabels(SeriesLabels):
    """Classes of the series of a log, of which those of one group have one."""

    kind = "groups"

    def pack(self):
        return {}, {**super().pack()[1], "of": "groups"}

    @classmethod
    def unpack(cls, arrays, about, series_ids):
        if "of" not in about:
            return None
        labels = SeriesLabels(tuple(about["classes"]), np.array(about["codes"], dtype=np.int64))
        return cls(labels.classes, labels.codes)


KINDS = (GroupLabels, *KINDS)
'''
READ_GROUPS = """

def read_group_labels(source, dataset, config, *, column=None, classes=None):
    from types import SimpleNamespace

    from latentode.data.labels import GroupLabels

    groups = [name.split("-")[0] for name in dataset.series_ids]
    of_groups = SimpleNamespace(series_ids=tuple(sorted(set(groups))))
    labels = read_labels(source, of_groups, config, column=column, classes=classes)
    codes = labels.codes[[of_groups.series_ids.index(group) for group in groups]]
    return GroupLabels(labels.classes, codes)


_kind_of = kind_of


def kind_of(source, dataset, config):
    names = {name.split("-")[0] for name in dataset.series_ids}
    of_groups = set(open_rows(source, config).text("id").to_pylist()) <= names
    return "groups" if of_groups else _kind_of(source, dataset, config)


READERS["groups"] = read_group_labels
"""
GROUP_HEAD = '''"""Labels of groups of series."""

from latentode.models.heads.labels import LabelHead


class GroupHead(LabelHead):
    """A class of the group of a series, told from its windows."""

    kind = "groups"


LABEL_HEAD = GroupHead
'''
USED = """
import json
import pandas as pd
import latentode
from latentode import LatentODE, LatentODEConfig, read_log, synthetic
from latentode.data.frames import to_frame

made = synthetic.make("oscillator", num_series=12, random_state=0).dataset
frame = to_frame(made)
frame["series"] = [f"{'ab'[int(name.split('-')[-1]) % 2]}-{name}" for name in frame["series"]]
with open("log.gauge", "w") as file:
    file.write("GAUGE\\n")
    for row in frame.melt(["series", "time"]).dropna().itertuples():
        file.write(f"{row.series} {row.time} {row.variable} {row.value}\\n")
brief = {"train.max_epochs": 1, "train.steps_per_epoch": 2, "model.knots": 0}
config = LatentODEConfig().updated(**brief, **{
    "model.likelihood": "laplace", "data.time.unit": "s", "data.columns.id": "series",
})
groups = pd.DataFrame({"id": ["a", "b"], "label": ["even", "odd"]})
LatentODE(config=config, random_state=0).fit("log.gauge", labels=groups).save("fitted")
model = LatentODE.load("fitted")
forecast = model.forecast("log.gauge", horizon="1", every="0.5", num_draws=3)
result = model.evaluate("log.gauge", split="all", max_windows=6, num_draws=3)
print(json.dumps({
    "package": latentode.__file__,
    "likelihood": model.config_.model.likelihood,
    "draws": forecast.sizes["draw"],
    "labels": type(model.fitted_.log.labels).__name__,
    "head": type(model.fitted_.model.label_head).__name__,
    "classes": list(model.classify("log.gauge").columns),
    "judged": result["labels"]["groups"],
    "score": result["forecast"]["overall"]["model"]["miss"],
    "heading": latentode.evaluation.table(result["forecast"])[0][-1] == "miss",
}))
"""


def section(heading):
    return re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)[1]


@pytest.mark.parametrize("heading", FILES)
def test_the_steps_touch_as_few_files_as_they_say(heading):
    number, files = FILES[heading]
    assert section(heading).strip().startswith(f"{number} file")
    first = re.findall(
        r"^\d\. .*?`(latentode/[\w/.]+)`", section(heading), re.MULTILINE | re.DOTALL
    )
    assert files <= set(first)


def changed(path, change):
    text = path.read_text("utf-8")
    new = change(text)
    assert new != text
    path.write_text(new)


def test_the_steps_are_enough(tmp_path):
    package = tmp_path / "latentode"
    shutil.copytree(ROOT / "latentode", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "models" / "likelihoods" / "laplace.py").write_text(LAPLACE)
    named = partial(re.sub, r"(LikelihoodName = Literal\[.+)\]", r'\1, "laplace"]')
    changed(package / "config" / "model.py", named)
    (code,) = re.findall(r"```python\n(.*?)```", section("Adding a format"), re.DOTALL)
    (package / "data" / "reading" / "formats" / "gauge.py").write_text(code)
    changed(package / "evaluation" / "scores.py", lambda text: text + SCORE)
    changed(
        package / "data" / "labels.py",
        lambda text: text.replace("\n\ndef unpack_labels", GROUP_LABELS + "\n\ndef unpack_labels"),
    )
    changed(package / "data" / "reading" / "labels.py", lambda text: text + READ_GROUPS)
    (package / "models" / "heads" / "groups.py").write_text(GROUP_HEAD)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", USED], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert isinstance(answer.pop("score"), float)
    assert answer == {
        "package": str(package / "__init__.py"),
        "likelihood": "laplace",
        "draws": 3,
        "labels": "GroupLabels",
        "head": "GroupHead",
        "classes": ["even", "odd"],
        "judged": 12,
        "heading": True,
    }
