"""Parts that a program registers are used like those of the package, by name alone."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from cli_cases import run
from places import ROOT
from programs import python

from latentode import LatentODE, LatentODEConfig, errors, register, synthetic
from latentode.data.reading.formats.open_table import FORMATS
from latentode.models.encoders.rnn import RNNEncoder
from latentode.models.heads.labels import LabelHead
from latentode.models.heads.time_labels import TimeLabelHead
from latentode.models.likelihoods.gaussian import GaussianLikelihood

BRIEF = {
    "train.max_epochs": 1, "train.steps_per_epoch": 2, "model.knots": 0, "model.memory": False,
    "model.latent_dim": 2, "model.hidden_dim": 8,
}  # fmt: skip


class OwnNormal(GaussianLikelihood):
    """Another class, which does the same."""


class OwnEncoder(RNNEncoder):
    """Another class, which does the same."""


class OwnHead(LabelHead):
    """Another class, which does the same."""


class TimesHead(TimeLabelHead):
    """Of labels of times."""


def brief(**settings):
    return LatentODEConfig().updated(**BRIEF, **settings)


@pytest.fixture(scope="module")
def log():
    return synthetic.make("oscillator", num_series=12, random_state=0).dataset


def test_an_unregistered_name_is_refused_with_what_to_do():
    for setting in ("encoder", "likelihood", "label_head"):
        with pytest.raises(errors.ConfigError, match=rf"model\.{setting}: .*latentode\.register"):
            LatentODEConfig().updated(**{f"model.{setting}": "own"})


def test_a_model_keeps_the_names_and_is_loaded_only_where_they_are_known(log, tmp_path):
    register(OwnNormal, "own_normal")
    register(OwnEncoder, "own_encoder")
    register(OwnHead, "own_head")
    names = {"model.likelihood": "own_normal", "model.encoder": "own_encoder"}
    labels = {name: "ab"[place % 2] for place, name in enumerate(log.series_ids)}
    model = LatentODE(config=brief(**names, **{"model.label_head": "own_head"}), random_state=0)
    model.fit(log, labels=labels)
    parts = model.fitted_.model
    kinds = type(parts.likelihood), type(parts.encoder), type(parts.label_head)
    assert kinds == (OwnNormal, OwnEncoder, OwnHead)
    model.save(tmp_path / "model")
    again = LatentODE.load(tmp_path / "model")
    pd.testing.assert_frame_equal(again.classify(log), model.classify(log))
    load = "from latentode import LatentODE; LatentODE.load('model')"
    elsewhere = python("-c", load, cwd=tmp_path)
    assert elsewhere.returncode
    assert "latentode.register" in elsewhere.stderr.splitlines()[-1]


def test_registered_parts_count_as_those_of_the_package(log):
    register(OwnNormal, "own_normal")
    settings = ("own_normal", "gaussian")
    models = [
        LatentODE(config=brief(**{"model.likelihood": name}), random_state=0).fit(log)
        for name in settings
    ]
    own, theirs = (model.forecast(log, horizon="1", every="0.5", num_draws=3) for model in models)
    np.testing.assert_array_equal(own["value"], theirs["value"])


def test_a_program_of_ones_own_has_the_name_at_the_shell(tmp_path):
    register(OwnNormal, "own_normal")
    log = ROOT / "datasets" / "fixtures" / "iso_wide.csv"
    dry = run("train", log, "--set", "model.likelihood=own_normal", "--dry-run")
    assert 'likelihood = "own_normal"' in dry.stdout, dry.stderr
    program = tmp_path / "mine.py"
    program.write_text(
        "import latentode\n"
        "from latentode.cli.app import root\n"
        "from latentode.models.likelihoods.gaussian import GaussianLikelihood\n"
        "latentode.register(GaussianLikelihood, 'own_normal')\n"
        "if __name__ == '__main__':\n"
        "    root()\n"
    )
    done = python(program, "train", "--help")
    assert re.search(r"\[gaussian\|student_t\|flow\|own_normal\]", done.stdout), done.stderr


def test_programs_of_the_pages_can_be_imported_by_processes_that_they_start():
    texts = [page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md")]
    calls = [found for text in texts for found in re.findall(r".*\n.*\broot\(\)$", text, re.M)]
    assert calls
    for call in calls:
        assert call.startswith('if __name__ == "__main__":'), call


def test_a_head_for_labels_of_another_kind_is_refused(log):
    register(TimesHead, "of_times")
    labels = {name: "ab"[place % 2] for place, name in enumerate(log.series_ids)}
    with pytest.raises(errors.ConfigError, match="expected a head for labels of series"):
        LatentODE(config=brief(**{"model.label_head": "of_times"})).fit(log, labels=labels)


def test_a_format_that_is_registered_again_is_asked_once():
    class Gauge(type(FORMATS[0])):
        name = "gauge"
        rank = 95

    for _ in range(2):
        register(Gauge())
    assert [each.name for each in FORMATS].count("gauge") == 1
    assert FORMATS[-1].name == "gauge"


@pytest.mark.parametrize(
    ("part", "name", "match"),
    [
        (OwnNormal, None, "name: expected a small letter"),
        (OwnNormal, "student_t", "none of gaussian, student_t, flow, none"),
        (OwnNormal, "Own normal", "got 'Own normal'"),
        (OwnEncoder, "rnn", "none of rnn, ode_rnn"),
        (OwnHead, "none", "none of none"),
        (FORMATS[0], "csv", "expected none for a format"),
        (torch.nn.Linear, "linear", "docs/extending/ shows one of each"),
        (OwnNormal(2), "own", "docs/extending/ shows one of each"),
    ],
)
def test_what_cannot_be_registered_is_refused(part, name, match):
    with pytest.raises(errors.ConfigError, match=match):
        register(part, name)
