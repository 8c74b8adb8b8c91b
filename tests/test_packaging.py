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
