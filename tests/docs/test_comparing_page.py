"""What the page on comparisons says came of its code."""

import re

import pytest
from cli_cases import run
from places import ROOT

pytestmark = pytest.mark.page("docs/comparing.md")
TEXT = (ROOT / "docs" / "comparing.md").read_text(encoding="utf-8")


def test_the_example_compares_all_that_it_was_asked_for(found):
    scores, asked = found.names["scores"], found.names["asked"]
    assert scores["matched"]["scored"] > 0.9 * len(asked)
    assert set(scores["overall"]) == {"model", "yours", "baselines"}
    assert scores["overall"]["yours"].keys() >= {"crps", "coverage_90", "width_90"}


def test_the_shell_gives_the_same(found):
    shell = found.after("--against mine.csv")
    yours = next(line for line in shell.splitlines() if line.startswith("yours"))
    assert f"{found.names['scores']['overall']['yours']['mae']:.4g}" in yours.split()
    for sentence in found.names["scores"]["sentences"][:1]:
        assert sentence in shell


def test_what_cannot_be_compared_ends_with_the_exit_code_of_the_page(found, monkeypatch):
    monkeypatch.chdir(found.folder)
    found.names["mine"].drop(columns="origin").to_csv("broken.csv", index=False)
    result = run("evaluate", "RUN", "datasets/pump_station.csv", "--against", "broken.csv")
    assert "broken.csv: expected columns id, origin, time, channel" in result.stderr
    assert result.exit_code == int(re.search(r"exit code (\d)", TEXT)[1])
