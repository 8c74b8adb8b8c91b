"""The picture of a log in a terminal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from look_cases import DAY, MINUTE, START, look_at

from latentode.cli.log_picture import _axis, log_picture


def picture_of(columns, times=None, series=None, width=80, plain=False, **options):
    look, _, dataset = look_at(columns, times, series, **options)
    return log_picture(dataset, look, width=width, plain=plain)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 30), st.integers(60, 200))
def test_a_picture_fits_the_terminal(seed, number, channels, width):
    rng = np.random.default_rng(seed)
    size = 20 * number
    columns = {f"channel-{i}" * (1 + i % 3): rng.normal(size=size) for i in range(channels)}
    times = START + rng.permutation(10 * size)[:size] * MINUTE
    lines = picture_of(columns, times, np.arange(size) % number, width)
    assert len(lines) <= 31
    assert max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)


def strip_of(lines, name, plain=False):
    (line,) = [line for line in lines if line.startswith(f"{name} ")]
    marks = " .:-=+*%#" if plain else " ▁▂▃▄▅▆▇█"
    body = line[len(name) :].lstrip(" ")
    return body[: next((i for i, c in enumerate(body) if c not in marks), len(body))].rstrip()


def test_gaps_are_blank_and_density_is_height():
    times = START + np.concatenate([np.arange(100), 300 + np.arange(0, 100, 10)]) * MINUTE
    strip = strip_of(picture_of({"value": np.ones(110)}, times), "s0")
    left, middle, right = strip[:10], strip[15:40], strip[-8:]
    assert set(left) <= set("▇█")
    assert middle.strip() == ""
    assert set(right) <= set(" ▁▂")


def test_a_channel_is_drawn_from_its_least_to_its_greatest_value():
    lines = picture_of({"rise": np.arange(800.0), "flat": np.full(800, 5.0)})
    rise = strip_of(lines, "rise")
    assert rise[0] == "▁"
    assert rise[-1] == "█"
    assert sorted(rise) == list(rise)
    assert len(set(strip_of(lines, "flat"))) == 1
    assert any(line.endswith("0 to 799, last 799") for line in lines)


def test_codes_and_far_stamps_do_not_stretch_the_picture():
    values, times = np.arange(400.0) % 100, START + np.arange(400) * 10 * MINUTE
    values[7:12] = -9999
    times[200] -= 9000 * DAY
    lines = picture_of({"x": values}, times)
    assert any(line.endswith("0 to 99, last 99") for line in lines)
    assert "2024-03-04T00:00" in lines[2]
    assert set(strip_of(lines, "x")) > {"▁", "█"}


@pytest.mark.parametrize("plain", [True, False])
def test_only_ascii_is_drawn_where_nothing_else_is_shown(plain):
    lines = picture_of({"x": np.sin(np.arange(300) / 9)}, plain=plain)
    assert "\n".join(lines).isascii() == plain


def test_long_names_and_a_channel_without_readings_are_drawn():
    lines = picture_of({"a" * 60: np.arange(50.0), "spare": np.full(50, np.nan)})
    assert any(line.startswith("a" * 21 + "...") for line in lines)
    assert any(line.startswith("spare") and line.endswith("no reading") for line in lines)


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (40, "2025-09-01T00:14   2025-10-31T23:50"),
        (30, "2025-09-01           2025-10-31"),
        (15, "2025-09-01T00:14"),
    ],
)
def test_both_ends_stand_above_a_strip_as_far_as_they_fit(width, expected):
    drawn = _axis("2025-09-01T00:14", "2025-10-31T23:50", width)
    assert drawn.split() == expected.split()
    assert len(drawn) in (width, len("2025-09-01T00:14"))
