"""The site that `make docs` has built: nothing from elsewhere, search, accessibility, llms.txt."""

import re
from urllib.parse import unquote

import pytest
from page_blocks import PAGES, name_of
from places import ROOT

SITE = ROOT / "site"
pytestmark = [
    pytest.mark.page("site"),
    pytest.mark.skipif(not (SITE / "README.html").exists(), reason="make docs builds the site"),
]
LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video)\b[^>]*?\ssrc=["'](?:https?:)?//[^>]*>"""
    r"""|<link\b(?=[^>]*rel=["']?(?:stylesheet|preload|icon|preconnect))[^>]*href=["'](?:https?:)?//[^>]*>"""
    r"""|(?:url\(|@import )["']?(?:https?:)?//[^)]*"""
)
#: The first page, a guide, and a page of the API.
LOOKED_AT = ("README", "docs/events", "docs/api/metrics")


def test_nothing_is_loaded_from_elsewhere():
    written = [*SITE.rglob("*.html"), *SITE.rglob("*.css")]
    assert len(written) > 80
    found = {path.name: LOADED.findall(path.read_text("utf-8")) for path in written}
    assert {name: each for name, each in found.items() if each} == {}


def test_what_would_be_loaded_is_found():
    for text in (
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//cdn.example/x.css">',
        "@import url(https://fonts.example/x)",
    ):
        assert LOADED.search(text)
    assert not LOADED.search('<a href="https://arxiv.org/abs/1806.07366">')


def test_every_page_was_built_and_stands_in_llms_txt():
    text = (SITE / "llms.txt").read_text("utf-8")
    assert re.match(r"# latentode\n\n> .+\n\n## ", text)
    links = re.findall(r"^- \[.+\]\(([^()]+)\)(?:: \S.+)?$", text, re.MULTILINE)
    assert {line for line in text.splitlines() if line.startswith("- ")}
    assert [link for link in links if not (SITE / unquote(link)).exists()] == []
    pages = {name_of(page).removesuffix(".md") + ".html" for page in PAGES}
    assert pages - set(links) == {"README.html"}
    assert "[](" not in (SITE / "llms-full.txt").read_text("utf-8")


def test_pictures_of_examples_are_shown():
    for page in (SITE / "docs" / "gallery").glob("[0-9]*.html"):
        assert "sphx-glr-single-img" in (text := page.read_text("utf-8")) or "multi-img" in text


@pytest.fixture(scope="module")
def browser():
    helpers = pytest.importorskip("browser")
    with helpers.chromium() as started:
        yield started


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 420])
@pytest.mark.parametrize("page", LOOKED_AT)
def test_a_page_has_no_serious_fault_and_loads_its_own_files(browser, page, width, scheme):
    from browser import faults_of_accessibility, visit

    address = (SITE / f"{page}.html").as_uri()
    with visit(browser, address, width=width, scheme=scheme, offline=True) as seen:
        assert seen.complaints == []
        assert all(asked.startswith(("file:", "data:")) for asked in seen.requests)
        # nothing is wider than the window but what scrolls by itself
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert faults_of_accessibility(seen.page) == []


def test_search_answers_with_the_network_cut(browser):
    from browser import visit

    with visit(browser, (SITE / "search.html").as_uri() + "?q=calibration", offline=True) as seen:
        seen.page.wait_for_selector("#search-results li a")
        assert "decisions/0031" in seen.page.inner_html("#search-results")
