"""Every block of code of every page runs, and what is typed there can be typed."""

import re

import pytest
from page_blocks import PAGES, RUN, blocks_of, name_of, refused

from latentode.cli.app import COMMANDS

SHOWN = {
    "csv",
    "ini",
    "json",
    "nginx",
    "text",
    "toml",
    "yaml",
    "{eval-rst}",
}  # the last is made by the site
RUNNING = [page for page in PAGES if any(block.language in RUN for block in blocks_of(page))]
TYPED = re.compile(rf"`(?:latentode |python cli\.py )?((?:{'|'.join(COMMANDS)}) [^`]+)`")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_has_a_language_that_is_run_or_shown(page):
    assert {block.language for block in blocks_of(page)} <= RUN | SHOWN
    prose = re.sub(r"^ *```.*?^ *```$|<!--.*?-->", "", page.read_text("utf-8"), flags=re.M | re.S)
    # what is indented behind a blank line is code, unless it goes on with a list
    indented = re.findall(r"(?:^|\n)(?![-*\d ]).*\n\n(    .+)", prose)
    assert indented == [], "write ```sh, ```python or ```text"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_is_skipped_has_a_reason(page):
    marked = page.read_text("utf-8").count("<!-- skip:")
    reasons = [block.skip for block in blocks_of(page) if block.skip and block.language in RUN]
    assert len(reasons) == marked, "a mark stands on the line above a block of python or sh"
    for reason in reasons:
        assert re.fullmatch(r'"[^"]+"|if\(.+, reason="[^"]+"\)', reason)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_and_options_are_those_of_the_program(page):
    lines = [block.text for block in blocks_of(page) if block.language in {"sh", "text"}]
    lines += ["latentode " + line for line in TYPED.findall(page.read_text("utf-8"))]
    assert [found for text in lines for found in refused(text)] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_can_be_compiled(page):
    for block in blocks_of(page):
        if block.language == "python":
            compile("\n" * block.line + block.text, name_of(page), "exec")


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.page(name_of(page)), id=name_of(page))
        for page in RUNNING
    ],
)
def test_every_block_of_the_page_runs(page, found):
    lines = {block.line for block in blocks_of(page) if block.language in RUN}
    assert lines <= found.printed.keys() | found.skipped.keys()
