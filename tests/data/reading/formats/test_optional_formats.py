"""Formats whose package is optional: told by their bytes without it, and asked for when opened."""

import sys

import pytest
from format_files import source_of
from sensor_files import sensor_samples

from latentode.data.reading.formats import open_table
from latentode.errors import DataError

PACKAGES = {"EDF": "edfio", "FIT": "fitdecode", "TDMS": "nptdms", "XDF": "pyxdf"}
SAMPLES = sensor_samples()


@pytest.mark.parametrize("name", PACKAGES)
def test_a_format_is_told_by_its_bytes_alone(name, tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(SAMPLES[name])
    able = [each.name for each in open_table.FORMATS if each.can_open(source_of(path))]
    assert able[0] == name
    assert not set(able) & (PACKAGES.keys() - {name})


@pytest.mark.parametrize("name", PACKAGES)
def test_a_missing_package_is_named_with_what_to_type(name, tmp_path, monkeypatch):
    path = tmp_path / "log.data"
    path.write_bytes(SAMPLES[name])
    monkeypatch.setitem(sys.modules, PACKAGES[name], None)
    log_format = next(each for each in open_table.FORMATS if each.name == name)
    message = rf"log\.data: reading it needs {PACKAGES[name]}\. Type: pip install 'latentode"
    with pytest.raises(DataError, match=message + rf"\[{name.lower()}\]'"):
        log_format.open(source_of(path))
