"""Pages that were followed, once each in a session, by the process that has all tests of them."""

import functools
import re

import pytest
from page_blocks import follow
from places import ROOT
from xdist.scheduler import LoadScopeScheduling

#: A test of all pages has the page in brackets; tests of one page are in a module named after it.
PAGE = re.compile(r"\[(?:.*/)?(\w+)\.md\]|/test_(\w+)_page\.py|/(test_site)\.py")


class _Pages(LoadScopeScheduling):
    """All tests of a page go to one process."""

    def _split_scope(self, nodeid):
        found = PAGE.search(nodeid)
        return (found[1] or found[2] or found[3]).lower() if found else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config, log):
    return _Pages(config, log)


@pytest.fixture(scope="session")
def followed(tmp_path_factory):
    """Runs the blocks of a page, or tells what they gave, an error as well."""

    @functools.cache
    def outcome(page):
        try:
            return follow(page, tmp_path_factory.mktemp(page.stem)), None
        except Exception as error:
            return None, error

    def told(page):
        found, error = outcome(page)
        if error is not None:
            raise error
        return found

    return told


@pytest.fixture
def found(followed, request):
    """What came of the page that a test is marked with."""
    return followed(ROOT / request.node.get_closest_marker("page").args[0])
