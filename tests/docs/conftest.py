"""Pages that were followed, once each in a session."""

import functools

import pytest
from page_blocks import follow
from places import ROOT


@pytest.fixture(scope="session")
def followed(tmp_path_factory):
    """Runs the blocks of a page, or tells what they gave."""
    return functools.cache(lambda page: follow(page, tmp_path_factory.mktemp(page.stem)))


@pytest.fixture
def found(followed, request):
    """What came of the page of a module or class, see `of_page`."""
    return followed(ROOT / request.node.get_closest_marker("xdist_group").args[0])
