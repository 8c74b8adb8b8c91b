"""The page on serving: its curl lines work; its limits, options and numbers are those there are."""

import json
import re
import shlex
import shutil
from dataclasses import fields

import pytest
from places import ROOT
from programs import finished

from latentode.cli.commands.serve import serve_command
from latentode.serve.app import ADDRESSES
from latentode.serve.limits import Limits

TEXT = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
CURL = re.findall(r"```sh\n(curl .*?)\n```", TEXT, flags=re.DOTALL)
SIZES = {"MB": 1e6, "GB": 1e9, "s": 1.0}


@pytest.mark.parametrize("line", CURL)
def test_the_lines_work_as_they_stand(server, folder, line):
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    words = shlex.split(line.replace("http://127.0.0.1:8000/", server.address))
    done = finished(*words, "--fail", "--silent", cwd=folder)
    assert done.returncode == 0, done
    if "text/csv" in words[-1] or "Accept: text/csv" in words:
        assert done.stdout.startswith("series,time,channel,mean,sd")
    else:
        assert "error" not in json.loads(done.stdout)


def test_options_and_addresses_of_the_page_are_those_there_are():
    flags = {flag for each in serve_command.params for flag in each.opts if flag[:2] == "--"}
    named = set(re.findall(r"`(--[a-z-]+)", TEXT)) - {"--time-unit", "--no-dayfirst"}
    assert named <= flags
    assert flags - named <= {"--device", "--json"}
    assert set(re.findall(r"`(?:GET|POST) (/[a-z.]*)`", TEXT)) == {*ADDRESSES} - {"/"}


def test_limits_of_the_page_are_the_defaults():
    rows = re.findall(r"^\| [^|]+ \| ([\d,]+) ?(\w*)[^|]* \| `(--[a-z-]+)` \|$", TEXT, re.MULTILINE)
    shown = {flag: float(n.replace(",", "")) * SIZES.get(unit, 1.0) for n, unit, flag in rows}
    names = {
        "--max-body": "body", "--max-readings": "readings", "--max-times": "times",
        "--max-samples": "draws", "--max-horizons": "horizons", "--max-memory": "memory",
        "--time-limit": "seconds", "--max-waiting": "waiting", "--max-connections": "connections",
    }  # fmt: skip
    assert {names[flag]: value for flag, value in shown.items()} == vars(Limits())
    assert len(fields(Limits)) == len(names)
    options = {each.opts[0]: each for each in serve_command.params}
    for flag, value in shown.items():
        default = re.fullmatch(r"(\d+)(\w*)", str(options[flag].show_default))
        assert float(default[1]) * SIZES.get(default[2], 1.0) == value


def test_numbers_of_the_page_are_told_to_prometheus(server):
    told = server.get("/metrics").content.decode()
    for name in re.findall(r"`(latentode_[a-z_]+)`", TEXT):
        assert f"\n{name}" in f"\n{told}" or f"# TYPE {name} " in told, name
