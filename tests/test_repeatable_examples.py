"""Examples of a property test are a function of the test alone."""

import importlib.util
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture
def drawn():
    """Draws the examples of one property test."""
    examples = []

    @settings(max_examples=200)
    @given(st.integers(0, 10**9))
    def keeps(number):
        examples.append(number)

    def draw():
        examples.clear()
        keeps()
        return examples.copy()

    return draw


@pytest.mark.skipif(not settings().derandomize, reason="examples are random in make search")
def test_examples_do_not_depend_on_the_modules_that_are_loaded(drawn, tmp_path, monkeypatch):
    before = drawn()
    path = tmp_path / "many_numbers.py"
    path.write_text(f"NUMBERS = {[12_345_678 + number for number in range(500)]}")
    spec = importlib.util.spec_from_file_location("many_numbers", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "many_numbers", module)
    spec.loader.exec_module(module)
    assert drawn() == before
