"""What README says came of its code."""

import pytest

pytestmark = pytest.mark.page("README.md")


def test_python_gives_forecasts_and_a_table(found):
    assert (found.folder / "pump_model" / "model.json").exists()
    assert found.names["forecast"].sizes["series"] == 24
    assert "pump-1" in found.after("table.head()")
    assert {"series", "time", "channel", "q0.05", "q0.95"} <= set(found.names["table"].columns)


def test_the_shell_leaves_the_files_that_it_names(found):
    assert (found.folder / "forecast.csv").exists()
    assert (found.folder / "filled.nc").exists()
