"""Cases that several test files share."""

import numpy as np
import pandas as pd

from benchmarks.data import physionet
from benchmarks.irregular.windows import Windows


def random_windows(rng, size=6, length=20, channels=2, shown=0.5):
    times = np.sort(rng.random((size, length)), axis=1) * 10
    values = np.sin(times[..., None] * np.arange(1, channels + 1)) + rng.normal(size=(size, 1, 1))
    values[rng.random(values.shape) < 0.2] = np.nan
    return Windows.build(times, values, rng.random(values.shape) < shown, np.ones(1, bool))


def few_stays():
    log = pd.DataFrame(
        {
            "series": [7, 7, 7, 3, 3],
            "time": [0, 30, 2880, 90, 1500],
            "HR": [80.0, np.nan, 90.0, 70.0, -1.0],
            "pH": [np.nan, 7.4, np.nan, 7.2, 7.3],
        }
    )
    facts = pd.DataFrame(
        {
            "series": [3, 5, 7],
            "Age": [50.0, 60.0, 70.0],
            "Gender": [0.0, 1.0, 1.0],
            "Height": [np.nan, 170.0, 180.0],
            "ICUType": [1.0, 2.0, 4.0],
            "In-hospital_death": [1, 0, 0],
        }
    )
    return physionet.arranged(log, facts)
