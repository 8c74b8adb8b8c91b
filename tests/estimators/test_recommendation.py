"""Settings that are chosen for a log."""

import numpy as np
import pandas as pd
import pytest
from pump_log import wide_frame

from latentode import LatentODE, LatentODEConfig, recommend
from latentode.errors import DataError

COLUMNS = {"id_column": "pump", "time_column": "timestamp"}


def many_series(count):
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.repeat(np.arange(count), 12),
            "t": np.tile(np.arange(12.0), count),
            "x": generator.normal(size=12 * count),
        }
    )


def test_nothing_is_left_to_be_chosen_and_fit_takes_the_same():
    frame = wide_frame()
    found = recommend(frame, **COLUMNS)
    assert None not in found.model.model_dump(exclude={"label_head"}).values()  # None is the usual
    assert None not in (found.windows.context, found.windows.horizon)
    assert found.data.columns.id == "pump"
    quick = {"train.max_epochs": 1, "train.steps_per_epoch": 1}
    fitted = LatentODE(config=LatentODEConfig().updated(**quick)).fit(frame, **COLUMNS).fitted_
    assert fitted.config.model == found.model
    given = LatentODE(config=found.updated(**quick)).fit(frame).fitted_
    assert given.schema.lengths.horizon_ns == fitted.schema.lengths.horizon_ns
    assert given.schema.lengths.context_ns == fitted.schema.lengths.context_ns


def test_where_many_series_are_there_to_learn_from_the_encoder_sees_levels():
    settings = LatentODEConfig().updated(**{"windows.split": "series", "data.time.unit": "s"})
    columns = {"id_column": "id", "time_column": "t"}
    few, many = (recommend(many_series(n), config=settings, **columns) for n in (60, 90))
    assert (few.model.levels, many.model.levels) == (False, True)


def test_what_was_given_stays():
    given = LatentODEConfig().updated(**{"model.hidden_dim": 17, "windows.horizon": "3h"})
    found = recommend(wide_frame(), config=given, **COLUMNS)
    assert found.model.hidden_dim == 17
    assert found.windows.horizon == "3h"


def test_a_log_that_cannot_be_used_is_refused():
    with pytest.raises(DataError, match="no_such"):
        recommend(wide_frame(), id_column="no_such", time_column="timestamp")
