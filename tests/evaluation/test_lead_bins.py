"""Stretches of lead time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_series import DAY, HOUR

from latentode.evaluation.lead_bins import LeadBins


@pytest.mark.parametrize(
    ("horizon", "labels"),
    [
        (DAY, ["up to 1h", "1h to 3h", "3h to 6h", "6h to 12h", "12h to 1d"]),
        (HOUR // 12, ["up to 15s", "15s to 30s", "30s to 1min", "1min to 2min", "2min to 5min"]),
        (2, ["up to 1ns", "1ns to 2ns"]),
        (1, ["up to 1ns"]),
    ],
)
def test_stretches_end_at_customary_lengths(horizon, labels):
    assert LeadBins.until(horizon).labels == labels


@given(st.integers(1, 10**17), st.integers(1, 10**17))
def test_a_lead_time_is_in_the_stretch_that_ends_next(horizon, lead):
    bins = LeadBins.until(horizon)
    assert bins.ends[-1] == horizon
    assert (np.diff(bins.ends) > 0).all()
    assert len(bins.labels) == len(bins.ends) == len(set(bins.labels)) <= 5
    index = bins.of(np.array([min(lead, horizon)]))[0]
    assert min(lead, horizon) <= bins.ends[index]
    assert index == 0 or min(lead, horizon) > bins.ends[index - 1]
