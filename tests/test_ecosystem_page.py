"""docs/ecosystem.md: its programs run, and what it says of shells and exit codes holds."""

import re
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest
from cli_cases import run
from places import ROOT

from latentode.cli.commands.completion import SHELLS

PAGE = (ROOT / "docs" / "ecosystem.md").read_text("utf-8")


@pytest.mark.slow
def test_its_programs_run(monkeypatch):
    pytest.importorskip("polars", reason="needs polars")
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 3
    program = "\n".join(blocks)
    assert '"20s"' in program
    names, said = {}, StringIO()
    with redirect_stdout(said):
        exec(compile(program.replace('"20s"', '"2s"'), "page", "exec"), names)
    table, forecast = names["table"], names["forecast"]
    assert forecast["series"].values.tolist() == ["pump-1"]
    assert np.isfinite(table["mean"].to_numpy()).any()
    assert "Trained on forecasts up to" in said.getvalue()


def test_every_shell_has_its_line():
    assert re.findall(r"latentode completion (\w+)", PAGE) == list(SHELLS)
    for name in SHELLS:  # the help has the same
        assert f"completion {name}" in run("completion", "--help").stdout
