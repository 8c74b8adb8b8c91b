"""What a wheel of the package contains: every file of it, and the mark that it has types."""

import re
import subprocess

import pytest
from places import ROOT

import latentode

PACKAGE = ROOT / "latentode"


def test_the_build_leaves_no_file_out():
    """Hatchling leaves out what git ignores, whether git tracks it or not."""
    sources = [str(path) for path in PACKAGE.rglob("*") if path.suffix in (".py", ".typed")]
    command = ["git", "check-ignore", "--no-index", "--stdin"]
    try:
        ignored = subprocess.run(
            command, input="\n".join(sources), capture_output=True, text=True, cwd=ROOT
        )
    except FileNotFoundError:
        pytest.skip("needs git")
    if ignored.returncode == 128:
        pytest.skip("needs a checkout")
    assert ignored.stdout.splitlines() == []
    assert len(sources) > 200


def test_every_folder_of_the_package_says_what_it_holds():
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert sorted(folder for folder in folders if not (folder / "__init__.py").exists()) == []


def test_types_are_marked():
    assert (PACKAGE / "py.typed").exists()


@pytest.mark.parametrize(
    ("file", "pattern"),
    [("CITATION.cff", r"^version: (.+)$"), ("CHANGELOG.md", r"^## \[(\d.+?)\] - \d{4}-\d\d-\d\d$")],
)
def test_the_newest_version_is_this_one(file, pattern):
    versions = re.findall(pattern, (ROOT / file).read_text("utf-8"), flags=re.MULTILINE)
    assert versions[0] == latentode.__version__


def rules_of_make():
    """Target -> what it needs, and its first command."""
    text = (ROOT / "Makefile").read_text("utf-8")
    found = re.findall(r"^([\w$().-]+): ([^|\n]*)[^\n]*\n(?:\t([^\n]*))?", text, re.MULTILINE)
    return {target: (needs.split(), command) for target, needs, command in found}


@pytest.mark.parametrize(
    ("target", "installed"), [("demo", "-e ."), ("test", "'.[test]'"), ("check", "'.[dev]'")]
)
def test_make_installs_no_more_than_a_target_needs(target, installed):
    rules = rules_of_make()
    (stamp,) = rules[target][0]
    assert rules[stamp][1].endswith(installed)


def test_the_time_of_the_demo_is_promised_alike():
    promise = "about 3 minutes after the install"
    for name in ("README.md", "Makefile"):
        (line,) = re.findall(r"make demo  .*", (ROOT / name).read_text("utf-8"))
        assert promise in line
