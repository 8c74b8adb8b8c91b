"""Codes for "missing" deep in a long log."""

import numpy as np
import pandas as pd
import pytest

from latentode.data.reading.log import read_log


@pytest.mark.slow
@pytest.mark.parametrize(("code", "number"), [(-9999.0, 1), (32767.0, 5), (1e20, 1)])
def test_a_code_deep_in_a_million_rows_is_found(code, number):
    rng = np.random.default_rng(number)
    size = 1_000_000
    values = (20 + 5 * np.sin(np.arange(size) / 5e4) + rng.normal(0, 0.3, size)).round(2)
    values[rng.choice(np.arange(600_001, 900_000), number, replace=False)] = code
    times = pd.date_range("2020-01-01", periods=size, freq="min")
    _, report = read_log(pd.DataFrame({"time": times, "temp": values, "flow": values % 7}))
    asked = [each.message for each in report.questions if "temp" in each.message]
    assert len(asked) == 1
    assert f"{code:g}" in asked[0]
