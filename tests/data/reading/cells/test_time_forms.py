"""What form a column could have as times."""

import datetime as dt

import pytest
from time_cells import column

from latentode.data.reading.cells.time_forms import TimeForm, may_be_times


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (["2024-03-04 06:00", "2024-03-04 07:00"], TimeForm("stamps", 1.0)),
        (["2024-03-04", "2024-03-04"], TimeForm("dates", 1.0, repeats=True)),
        (["04/03/2024", "05/03/2024"], TimeForm("dates", 1.0)),
        (["03/04/2024 6:00 am", "x", ""], TimeForm("stamps", 0.5)),
        (["04-Mar-24", "05-Mar-24"], TimeForm("dates", 1.0)),
        (["06:00", "06:10"], TimeForm("clocks", 1.0)),
        (["06:00 AM", "06:10 PM"], TimeForm("clocks", 1.0)),
        (["27:15:00", "28:15:00"], TimeForm("clocks", 1.0)),
        ([1_709_532_000_000, 1_709_532_600_000], TimeForm("epoch", 1.0, unit="ms")),
        (["1709532000", "1709532600"], TimeForm("epoch", 1.0, unit="s")),
        ([20240304, 20240304], TimeForm("dates", 1.0, digits=True, repeats=True)),
        ([202403040600, 202403040610], TimeForm("stamps", 1.0, digits=True)),
        ([735_080.01, 735_080.02], TimeForm("serial", 1.0, unit="matlab")),
        ([1880, 1881], TimeForm("years", 1.0)),
        ([dt.datetime(2024, 1, 1, 5)], TimeForm("stamps", 1.0)),
        ([dt.date(2024, 1, 1)], TimeForm("dates", 1.0)),
        ([dt.time(5)], TimeForm("clocks", 1.0)),
        (["Pump 3", "Pump 4"], None),
        (["ON", "OFF"], None),
        (["Mar", "Apr"], None),
        (["1.2.3", "7.3.4"], None),
        (["21.5 °C", "22 °C"], None),
        ([1.5, 2.5], None),
        ([True, False], None),
        (["", None], None),
    ],
)
def test_form_of_a_column(cells, form):
    assert may_be_times(column(cells)) == form
