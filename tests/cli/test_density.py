"""``density --plot``, and the settings of training that it is there to look at."""

import csv
import json

import pytest
from cli_cases import SMALL, answer_of, run

from latentode.flows import FlowFitConfig

BRIEF = FlowFitConfig(warm_up_steps=30, steps=3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    log = folder / "log.csv"
    sizes = ("--option", "num_series=4", "--option", "num_points=40", "--option", "coverage=0.8")
    assert run("data", "make", "oscillator", *sizes, "-o", log).exit_code == 0
    settings = ("train.fit_prior=true", "train.regularizers.kinetic=0.1")
    words = [word for setting in settings for word in ("--set", setting)]
    words += ["--latent-dim", "2", "--epochs", "2", "--out", folder / "run"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("latentode.training.fit.fit_prior_to.__defaults__", (BRIEF,))
        result = run("train", log, *SMALL, *words)
    assert result.exit_code == 0, result.output
    return folder / "run"


def test_training_says_what_became_of_the_prior_and_logs_the_regulariser(trained):
    told = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    assert any("prior fitted to the latent states" in str(event.get("text")) for event in told)
    with (trained / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(float(row["kinetic"]) > 0 for row in rows)


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_picture_of_the_latent_space_is_drawn(trained, tmp_path, suffix):
    picture = tmp_path / f"latent.{suffix}"
    words = ("density", trained, "--samples", "4", "--plot", picture)
    answer = answer_of(*words)
    assert answer["outputs"] == [str(picture)]
    content = picture.read_bytes()
    assert len(content) > 20_000
    if suffix == "svg":
        text = content.decode()
        assert all(word in text for word in ("encoded", "horizon"))
    # an existing picture is kept, before any work
    assert run(*words).exit_code == 8


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--plot", "x.png", "--components", "0", "7"), 4, "latent coordinates of 0 to 1"),
        (("--plot", "x.png", "--series", "none"), 4, "series: expected one of"),
        (("--components", "0", "1"), 2, "belong to --plot"),
        (("--plot", "x.txt"), 2, "ends in .png, .svg, .pdf"),
    ],
)
def test_pictures_that_cannot_be_drawn_are_refused(
    trained, tmp_path, monkeypatch, words, code, message
):
    monkeypatch.chdir(tmp_path)
    result = run("density", trained, "--samples", "2", *words)
    assert result.exit_code == code
    assert message in " ".join(result.output.split())
    assert not list(tmp_path.iterdir())
