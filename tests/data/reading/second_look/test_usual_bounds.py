"""Bounds are suggested by unit and name where no reading speaks against them."""

import pytest

from latentode.data.reading.second_look.channel_readings import ChannelFacts
from latentode.data.reading.second_look.usual_bounds import usual_bounds


def channel(name, low, high, **others):
    facts = {"count": 9, "median": (low + high) / 2, "first": 0, "last": 8, "share": 1.0}
    return ChannelFacts(
        name=name, low=low, high=high, **{"constant": False, "state": False} | facts | others
    )


def suggested(*channels, **units):
    return usual_bounds(channels, units)


def test_the_suggestion_can_be_typed():
    lines = suggested(
        channel("RAIN", 0.0, 12.5),
        channel("room humidity, inside", 31.0, 71.0),
        channel("temperature", -3.0, 20.0),
    )
    assert lines == [
        "usual bounds by unit and name, if they hold: train --lower "
        "'RAIN=0,\"room humidity, inside=0\"' --upper '\"room humidity, inside=100\"'"
    ]


@pytest.mark.parametrize("name", ["rh", "soilHumidity", "battery_soc", "RH_2m"])
def test_shares_of_a_hundred_have_two_bounds(name):
    assert suggested(channel(name, 20.0, 80.0)) == [
        f"usual bounds by unit and name, if they hold: train --lower {name}=0 --upper {name}=100"
    ]


def test_a_unit_counts_like_a_name():
    (line,) = suggested(channel("x", 3.0, 99.0), x="%")
    assert line.endswith("train --lower x=0 --upper x=100")
    (line,) = suggested(channel("x", 3.0, 999.0), x="ppm")
    assert line.endswith("train --lower x=0")


def test_nothing_is_suggested_against_a_reading_or_of_what_is_a_state():
    assert suggested(channel("humidity", 20.0, 104.0), channel("rain", -0.1, 3.0)) == []
    assert suggested(channel("soc", 0.1, 0.9)) == []  # a share of 1
    assert (
        suggested(channel("rain", 0.0, 1.0, state=True), channel("rain2", 2.0, 2.0, constant=True))
        == []
    )
    assert suggested(channel("train_speed", 0.0, 9.0), channel("brainwave", 0.0, 9.0)) == []
    assert suggested(channel("wind_dir", 0.0, 350.0), channel("temperature", 1.0, 20.0)) == []
