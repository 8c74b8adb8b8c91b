"""Every page is in the navigation, and every public module has a page."""

import importlib
import re
import sys
from types import ModuleType

import pytest
from page_blocks import PAGES, name_of
from places import ROOT

import latentode

API = sorted((ROOT / "docs" / "api").glob("*.md"))
MODULE = re.compile(r"^\.\. automodule:: ([\w.]+)$", re.MULTILINE)


@pytest.fixture
def navigation(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "sphinx")
    yield importlib.import_module("site_navigation")
    sys.modules.pop("site_navigation")


def test_every_page_is_in_one_part(navigation):
    documents = {name_of(page).removesuffix(".md") for page in PAGES}
    parts = navigation.parts(documents | {"docs/gallery/index", "CHANGELOG", "benchmarks/RESULTS"})
    found = [page for pages in parts.values() for page in pages]
    found += [
        page
        for index, pattern in navigation.BELOW.items()
        for page in navigation.matching(documents, pattern)
        if page != index
    ]
    assert len(found) == len(set(found))
    assert documents - set(found) == {"README"}
    assert "CHANGELOG" in parts["Project"]
    assert "docs/events" in parts["Guides"]


def test_parts_that_are_shown_are_those_that_there_are(navigation):
    assert sorted(navigation.SHOWN) == sorted(navigation.PARTS)


def test_every_public_module_has_a_page():
    documented = {name for page in API for name in MODULE.findall(page.read_text("utf-8"))}
    public = {name: getattr(latentode, name) for name in latentode.__all__}
    modules = {thing.__name__ for thing in public.values() if isinstance(thing, ModuleType)}
    assert modules | {"latentode"} <= documented


@pytest.mark.parametrize("page", API, ids=lambda page: page.stem)
def test_a_page_of_a_package_has_the_names_that_it_hands_on(page):
    text = page.read_text("utf-8")
    (name,) = MODULE.findall(text)
    module = importlib.import_module(name)
    assert (":imported-members:" in text) == hasattr(module, "__path__")
    left_out = re.findall(r":exclude-members: (.+)", text)
    assert all(hasattr(module, each) for names in left_out for each in names.split(", "))
