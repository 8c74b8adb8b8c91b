"""What the page on logs in parts says came of its code, and its options."""

import re

import pytest
from places import ROOT

from latentode.cli.app import root


class TestFollowed:
    pytestmark = pytest.mark.page("docs/scale.md")

    def test_four_lines_lead_from_a_log_to_forecasts_and_scores(self, found):
        assert len(list((found.folder / "forecasts").glob("part-*.parquet"))) > 1
        assert (found.folder / "scores" / "metrics.json").exists()
        assert "part-00000.parquet" in found.after("map_parts")


def test_every_option_of_the_page_is_one_of_the_program():
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    options = {
        option
        for command in ("partition", "train", "forecast", "evaluate")
        for parameter in root.get_command(None, command).params
        for option in parameter.opts
    }
    outside = {"--nnodes", "--nproc-per-node", "--max-restarts", "--nthreads", "--nworkers"}
    outside |= {"--head", "--port", "--array", "--cpus-per-task", "--mem", "--refit"}
    named = set(re.findall(r"--[a-z][a-z-]+", text))
    assert named - outside <= options
