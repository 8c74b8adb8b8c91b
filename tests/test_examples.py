"""Every example runs with --smoke and leaves the pictures it promises."""

import re
import runpy

import pytest
from places import ROOT
from programs import python

EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))


def test_there_are_examples():
    assert [path.name[:3] for path in EXAMPLES][:2] == ["01_", "02_"]


# the shipped log has a sensor that fails, which is said
@pytest.mark.filterwarnings("ignore:no reading of:latentode.errors.LatentODEWarning")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_draws(path, tmp_path, monkeypatch):
    # as "python PATH --smoke --out FOLDER", in the process that has loaded everything already
    monkeypatch.setattr("sys.argv", [str(path), "--smoke", "--out", str(tmp_path)])
    monkeypatch.syspath_prepend(path.parent)
    runpy.run_path(str(path), run_name="__main__")
    header = path.read_text(encoding="utf-8").split('"""')[1]
    assert re.match(r"(.+)\n={10,}\n", header), "the title is underlined, for the gallery"
    for part in ("Problem:", "Look at:", "Reference:", "Expected output:", "--smoke"):
        assert part in header, f"the header lacks {part!r}"
    promised = [word.strip(".,") for word in header.split() if word.strip(".,").endswith(".png")]
    assert promised
    for name in promised:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG"), name


@pytest.mark.slow
def test_rates_of_alarms_are_recovered_on_pumps_that_were_held_out(tmp_path):
    program = ROOT / "examples" / "22_alarms_beside_a_sensor_log.py"
    done = python(program, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    found = dict(re.findall(r"^ *([a-z ,]+): ([+-]?[\d.]+)%$", done.stdout, re.MULTILINE))
    error, stretches, constant = (float(value) / 100 for value in found.values())
    assert abs(error) < 0.1
    assert stretches < 0.3 < constant
