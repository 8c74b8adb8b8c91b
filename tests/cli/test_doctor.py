"""``doctor``: what it says of an installation, and what it takes for broken."""

import json
import re
import sys
from importlib.metadata import PackageNotFoundError

import pytest
from cli_cases import answer_of, run

from latentode.cli import machine, requirements
from latentode.cli.commands import doctor
from latentode.cli.requirements import Needed, needed, of_extras

FINE = {"ok": True, "seconds": 1.0, "error": None}


@pytest.fixture
def untried(monkeypatch):
    """Without the self-check, which one test makes."""
    monkeypatch.setattr(doctor, "_try", lambda: FINE)


def test_the_doctor_says_what_is_there_and_tries_it():
    data = answer_of("doctor")["data"]
    assert data["versions"]["torch"]
    assert data["device"]["threads"] >= 1
    assert data["self_check"]["ok"] is True
    assert data["faults"] == []
    assert {"numpy", "torch", "pandas"} <= {each["name"] for each in data["needed"]}
    assert all(each["fits"] for each in data["needed"] if not each["extra"])
    assert {"excel", "onnx", "sql"} <= set(data["extras"])
    assert not {"test", "dev", "bench", "docs"} & set(data["extras"])
    for name in ("processors", "memory", "disk", "temporary", "locale", "time_zone"):
        assert data[name]


@pytest.mark.usefixtures("untried")
def test_a_person_reads_lines():
    text = run("doctor").stdout
    assert re.search(r"^python +3\.", text, re.MULTILINE)
    assert re.search(r"^memory +[\d.]+ GB, [\d.]+ GB available$", text, re.MULTILINE)
    assert "self-check: fine (1s)" in text
    assert re.search(r"^extra excel: (installed|no python-calamine: )", text, re.MULTILINE)


@pytest.mark.usefixtures("untried")
@pytest.mark.parametrize(
    ("found", "words"), [(None, "got none"), ("1.25.0", "got 1.25.0"), ("2.4.0", None)]
)
def test_a_package_below_its_floor_is_a_fault_with_code_9(monkeypatch, found, words):
    known = requirements._version
    monkeypatch.setattr(
        requirements, "_version", lambda name: found if name == "numpy" else known(name)
    )
    result = run("doctor", "--json")
    answer = json.loads(result.stdout)
    if words is None:
        assert result.exit_code == 0
        return
    assert result.exit_code == 9
    assert answer["error"]["kind"] == "installation"
    assert answer["data"]["self_check"]["error"] == "not tried"
    [fault] = answer["data"]["faults"]
    assert fault.startswith("expected the package numpy >=")
    assert words in fault
    assert f"{sys.executable} -m pip install 'numpy>=" in fault
    text = run("doctor")
    assert f"fault: {fault}" in text.stdout
    assert text.stdout.count("self-check:") == 1


def test_a_forecast_that_fails_is_a_fault(monkeypatch):
    error = {"ok": False, "seconds": None, "error": "OSError: no such thing"}
    monkeypatch.setattr(doctor, "_try", lambda: error)
    result = run("doctor")
    assert result.exit_code == 9
    assert "self-check: expected a forecast after a step of training, got OSError" in result.stderr


def test_a_check_that_cannot_run_says_why(monkeypatch):
    monkeypatch.setattr("latentode.data.synthetic.make", lambda *_, **__: 1 / 0)
    assert doctor._try() == {
        "ok": False, "seconds": None, "error": "ZeroDivisionError: division by zero",
    }  # fmt: skip


def test_extras_say_what_to_type():
    there, gone = Needed("a", ">=1", "x", "1.2"), Needed("b", ">=2", "x", "1.9")
    other = Needed("c", "", "y", "3")
    found = of_extras([there, gone, other, Needed("d", ">=9", "", None)])
    assert found["x"]["missing"] == ["b"]
    assert found["x"]["install"].endswith("-m pip install 'latentode[x]'")
    assert found["y"] == {"missing": [], "install": None}
    assert "latentode[x]" in gone.fault
    assert there.fault is None


def test_an_installed_package_knows_its_needs_from_its_metadata(monkeypatch, tmp_path):
    texts = ["numpy>=1", 'edfio>=0.4; extra == "edf"', "pytest; extra == 'test'"]
    texts += ['old; python_version < "3"']
    monkeypatch.setattr(requirements, "_CHECKOUT", tmp_path / "pyproject.toml")
    monkeypatch.setattr(requirements, "requires", lambda _: texts)
    assert [(each.name, each.extra) for each in needed()] == [("numpy", ""), ("edfio", "edf")]


def test_a_package_that_is_absent_has_no_version(monkeypatch):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(requirements, "version", absent)
    assert {each.found for each in needed()} == {None}


@pytest.mark.parametrize(
    ("text", "limit"), [("150000 100000", 1.5), ("max 100000", None), ("odd", None), (None, None)]
)
def test_the_limit_of_a_container_is_read(text, limit, tmp_path):
    if text is not None:
        (tmp_path / "cpu.max").write_text(text)
    (tmp_path / "memory.max").write_text("max" if limit is None else "1000")
    facts = machine.describe_machine(tmp_path)
    assert facts["processors"]["container_limit"] == limit
    assert facts["memory"]["container_limit"] == (None if limit is None else 1000)


def doubts(threads=1, usable=4, limit=None, cuda=None, available=10**11, free=10**11):
    facts = {
        "processors": {"usable": usable, "container_limit": limit},
        "memory": {"available": available, "container_limit": None},
        "disk": {"folder": "/here", "free": free},
        "temporary": {"folder": "/tmp", "free": 10**11},
        "locale": {"file_names": "utf-8"},
    }
    return [*doctor._doubts(facts, {"threads": threads, "cuda_built_for": cuda, "cuda": []})]


def test_what_may_be_slow_or_stop_is_doubted():
    assert doubts() == []
    [line] = doubts(threads=4, limit=1.5)
    assert "torch takes 4 threads, and 1.5 processors may be used" in line
    assert "OMP_NUM_THREADS=1" in line
    assert "finds no GPU" in doubts(cuda="13.0")[0]
    assert "/here has 0.001 GB free" in doubts(free=10**6)
    assert "0.5 GB of memory can be taken" in doubts(available=5 * 10**8)[0]


def test_other_faults_are_told():
    facts = {
        "temporary": {"writable": False, "folder": "/tmp"}, "time_zone": {"names_known": False},
    }  # fmt: skip
    lines = [*doctor._faults([], facts, {"error": "ImportError: libgomp"})]
    assert lines[0].startswith("expected torch to load, got ImportError: libgomp")
    assert lines[1].startswith("expected a temporary folder to write into, got /tmp")
    assert lines[2].startswith("expected time zones by name, got none")
    assert len(lines) == 3


def test_no_zone_by_name_is_noticed(monkeypatch):
    assert machine.zones_known()
    monkeypatch.setattr(machine, "_A_ZONE", "Nowhere/None")
    assert not machine.zones_known()
