"""Units, patterns of dates and ways of taking values are told from names."""

import pytest

from latentode.data.reading.formats.csv_units import (
    is_format,
    is_process,
    is_unit,
    is_unit_row,
    is_width_row,
)


@pytest.mark.parametrize(
    "cell",
    ["°C", "Deg C", "%", "m/s", "W m-2", "W/m²", "µg/m³", "mg/dL", "[hPa]", "kWh", "degT"],
)
def test_units_are_known(cell):
    assert is_unit(cell)


@pytest.mark.parametrize("cell", ["Temperature", "Leeds", "NO2", "Serial Number", "Room 4"])
def test_names_are_no_units(cell):
    assert not any(known(cell) for known in (is_unit, is_process, is_format))


@pytest.mark.parametrize("cell", ["yyyy-mm-dd hh:mm:ss", "yr", "HHMM", "DD.MM.YYYY", "UTC"])
def test_patterns_of_dates_are_known(cell):
    assert is_format(cell)


def test_widths_of_fields_are_no_units():
    assert is_width_row(["5s", "15s", "20d", "14n"])
    assert not is_width_row(["5s", "degC"])
    assert not is_width_row(["1s", ""])


def test_a_row_is_one_of_units_where_most_of_it_is():
    assert is_unit_row(["", "", "Avg", "Smp"])
    assert is_unit_row(["date", "°C", "%", "V"])
    assert is_unit_row(["datetime", "double", "bool"])
    assert not is_unit_row(["Date", "", ""])
    assert not is_unit_row(["Date", "Leeds", "York", "m"])
    assert not is_unit_row(["", "-", "."])
