"""Bounds that channels usually have by unit and name; they are suggested, never taken."""

from __future__ import annotations

import csv
import io
import math
import re
import shlex
from collections.abc import Mapping, Sequence

from latentode.data.reading.second_look.channel_readings import ChannelFacts

_SHARES_OF_100 = {"%", "percent", "pct", "%rh", "rh", "humidity", "soc"}
_NEVER_NEGATIVE = {
    *(
        "rain",
        "rainfall",
        "precip",
        "precipitation",
        "snowfall",
        "lux",
        "illuminance",
        "irradiance",
    ),
    *("co2", "pm1", "pm10", "pm25", "wspm", "count", "people", "occupancy", "rpm"),
    *("mm/h", "ppm", "ppb", "lx", "w/m2", "w/m²", "µg/m3", "µg/m³", "ug/m3"),
}
_WINDS = {"speed", "gust"}  # beside "wind"
_WORD = re.compile(r"[A-Z]?[a-z]+\d*|[A-Z]+\d*")


def usual_bounds(channels: Sequence[ChannelFacts], units: Mapping[str, str]) -> list[str]:
    """Suggest to declare bounds that unit or name of a channel speak for, and no reading against.

    Args:
        channels: What the readings look like.
        units: Unit of each channel where it is known.

    Returns:
        One line, or nothing.
    """
    lower, upper = [], []
    for facts in channels:
        if facts.low is None or facts.high is None or facts.constant or facts.state:
            continue
        low, high = _of(facts.name, units.get(facts.name, ""))
        # shares of 1 are often called per cent as well
        if low <= facts.low and 1.5 < facts.high <= high:
            lower.append(facts.name)
            upper += [facts.name] if math.isfinite(high) else []
    if not lower:
        return []
    options = f"--lower {_pairs(lower, 0)}" + (f" --upper {_pairs(upper, 100)}" if upper else "")
    return [f"usual bounds by unit and name, if they hold: train {options}"]


def _of(name: str, unit: str) -> tuple[float, float]:
    """The bounds that unit and name speak for; without any, none that a reading can be within."""
    words = {word.lower() for word in _WORD.findall(name)} | {unit.strip().lower()}
    if words & _SHARES_OF_100:
        return 0.0, 100.0
    if words & _NEVER_NEGATIVE or ("wind" in words and words & _WINDS):
        return 0.0, math.inf
    return math.inf, -math.inf


def _pairs(names: Sequence[str], bound: int) -> str:
    """What is typed after an option, as `NAME=NUMBER,...`."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(f"{name}={bound}" for name in names)
    return shlex.quote(text.getvalue())
