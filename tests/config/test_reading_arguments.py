"""Arguments of `LatentODE.fit` that say how a log is read."""

from datetime import datetime

import pytest

from latentode.config import LatentODEConfig
from latentode.config.channels import ChannelsConfig
from latentode.config.data_options import DATA_OPTIONS, READING
from latentode.config.reading_arguments import ReadingArguments, reading_settings
from latentode.errors import ConfigError


def test_every_option_of_a_log_is_an_argument():
    assert set(ReadingArguments.__annotations__) == set(READING)
    of_channels = {f"channels.{name}" for name in ChannelsConfig.model_fields}
    assert set(READING.values()) == {setting for setting, _ in DATA_OPTIONS.values()} | of_channels


@pytest.mark.parametrize(
    ("given", "setting", "value"),
    [
        ({"na": -9999}, "cells.na", ("-9999",)),
        ({"na": ["n. v.", -99.5]}, "cells.na", ("n. v.", "-99.5")),
        ({"na": {"rain": -9, "flow": ["x", -1]}}, "cells.na", ("rain=-9", "flow=x", "flow=-1")),
        ({"na": ()}, "cells.na", ()),
        ({"states": {"Auto": 1, "Hand": 0.5}}, "cells.states", ("Auto=1", "Hand=0.5")),
        ({"future_columns": "valve"}, "columns.future", ("valve",)),
        ({"static_columns": ["site", "kind"]}, "columns.static", ("site", "kind")),
        ({"start": datetime(2024, 1, 2, 3)}, "time.start", "2024-01-02 03:00:00"),
        ({"dayfirst": False}, "time.dayfirst", False),
        ({"header_row": 0}, "cells.header_row", 0),
        ({"counters": "meter"}, "channels.counters", ("meter",)),
        ({"tz": None}, "time.tz", None),
    ],
)  # fmt: skip
def test_arguments_become_settings(given, setting, value):
    config = LatentODEConfig().updated(**reading_settings(given))
    found = config if setting.startswith("channels.") else config.data
    for name in setting.split("."):
        found = getattr(found, name)
    assert found == value


def test_an_unknown_argument_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match=r"unknown argument 'timezone'.*time_column.*tz"):
        reading_settings({"timezone": "UTC"})
