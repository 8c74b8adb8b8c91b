"""The page on `check_model` says what happens, and names every rule."""

import re

from places import ROOT

from latentode.checks.battery import CHECKS

TEXT = (ROOT / "docs" / "check_model.md").read_text(encoding="utf-8")


def test_the_page_runs_as_it_is_written(capsys):
    names = {}
    for block in re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL):
        exec(block, names)
    said = capsys.readouterr().out.splitlines()
    assert said[0] in TEXT
    assert said[0] == "('padding',)"
    assert "rows of padding more, more than 1e-04" in said[1]
    assert said[2] == "encoder MeanOfRows, likelihood gaussian, prior normal, dynamics inputs"


def test_every_rule_has_a_line_in_the_order_in_which_they_run():
    lines = re.findall(r"^\| `(\w+)`", TEXT, flags=re.MULTILINE)
    assert lines == ["builds", *(check.name for check in CHECKS)]


def test_what_a_check_needs_is_looked_at_before():
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    for place, check in enumerate(CHECKS):
        assert set(check.needs) <= set(names[:place])
