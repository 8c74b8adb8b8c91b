"""Pages that were followed, once each in a session."""

import functools

import pytest
from page_blocks import follow


@pytest.fixture(scope="session")
def followed(tmp_path_factory):
    """Runs the blocks of a page, or tells what they gave."""
    return functools.cache(lambda page: follow(page, tmp_path_factory.mktemp(page.stem)))
