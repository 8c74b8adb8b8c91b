"""What is known of numbers that are codes by custom."""

import pytest

from latentode.data.reading.second_look.customary_codes import custom_of


@pytest.mark.parametrize("code", [-999.0, -9999.0, -99999.0, 1e20])
def test_codes_of_three_digits_and_more_below_zero_are_read_by_nothing(code):
    assert custom_of(code) == custom_of(-9999.0)
    assert custom_of(code).near < custom_of(-99.0).near  # more doubt is enough


def test_a_reading_is_no_code():
    assert custom_of(21.5) is None
