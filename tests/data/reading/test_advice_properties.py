"""Logs made at random: read as they were meant, or asked about with advice that reads them so."""

from datetime import datetime

import numpy as np
import pandas as pd
from followed_advice import as_numbers, followed
from hypothesis import example, given
from hypothesis import strategies as st
from log_files import write
from random_logs import SEEDS, few, stamps, walk

_STARTS = st.datetimes(datetime(2001, 1, 1), datetime(2025, 1, 1))
_FORMS = st.sampled_from(
    [
        *("%d-%b-%y %H:%M", "%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M %p", "%d/%m/%Y %H:%M:%S"),
        *("%b %d, %Y %H:%M", "%Y/%m/%d %H:%M", "%A, %d %B %Y %H:%M", "%Y%m%d%H%M", "%y%m%d%H%M"),
        "%y%m%d%H%M%S",
        *("%Y-%j %H:%M", "%Y.%m.%d %H.%M", "%d%b%Y %H:%M:%S", "%m/%d/%y %H:%M"),
    ]
)
_ZONES = st.sampled_from(
    [("CET", 1), ("CEST", 2), ("EST", -5), ("EDT", -4), ("PST", -8), ("Z", 0), ("-03:00", -3)]
)
_WORDS = st.sampled_from(["Err", "I/O Timeout", "defekt", "#N/V", "Bad Input", "fault", "Störung"])
_BOUNDS = st.sampled_from(["<0.05", "> 95", "less than 0.3", "≤ 2", "above 70"])
_ALONE = st.sampled_from(["-9999", "32767", "-127", "1e20"])
_CODES = st.sampled_from(["-9999", "-999.25", "32767", "1e20", "-6999", "99999"])


def log(columns):
    return "\n".join(",".join(row) for row in zip(*columns, strict=True)) + "\n"


def spoilt(values, rows, cells):
    texts = [str(value) for value in values]
    for row, cell in zip(rows, cells, strict=True):
        texts[row] = cell
    return texts


def rows_of(seed, number, size):
    return sorted(np.random.default_rng(seed).choice(size, number, replace=False).tolist())


def follow(folder, columns, *truths):
    """Every way that is advised leads to one of these, the first among them."""
    truths = [as_numbers(truth) for truth in truths]
    found = followed(write(folder.mktemp("log"), log(columns)), [], truths)
    assert truths[0] in found


def but(times, values, rows=()):
    return [(t, v) for row, (t, v) in enumerate(zip(times, values, strict=True)) if row not in rows]


@few
@given(_STARTS, st.sampled_from(["min", "10min", "3h", "D"]), _FORMS, SEEDS)
@example(datetime(2001, 1, 1), "min", "%y%m%d%H%M%S", 0)
@example(datetime(2001, 2, 3), "min", "%y%m%d%H%M%S", 0)
@example(datetime(2012, 3, 4), "min", "%y%m%d%H%M%S", 0)
@example(datetime(2012, 3, 4), "min", "%y%m%d%H%M", 0)
@example(datetime(2001, 2, 13), "3h", "%y%m%d%H%M", 0)
@example(datetime(2009, 12, 30), "D", "%d%m%y%H%M%S", 0)
def test_times_in_any_form_are_read_back_or_asked_about(tmp_path_factory, start, step, form, seed):
    times, values = stamps(60, step, start.replace(second=0, microsecond=0)), walk(60, seed)
    cells = [f'"{cell}"' for cell in times.strftime(form)]
    truths = [but(times, values)]
    if all(time.day < 13 for time in times) and form[:2] in ("%d", "%m", "%y"):
        swapped = [time.replace(day=time.month, month=time.day) for time in times]
        truths.append(but(swapped, values))
    if "%y%m%d%H" in form and times[0].date() == times[-1].date():  # nothing tells the order
        orders = [form.replace("%y%m%d", order) for order in ("%d%m%y", "%m%d%y")]
        others = [pd.to_datetime(times.strftime(form), format=o, errors="coerce") for o in orders]
        truths += [but(other, values) for other in others if other.notna().all()]
    if "%y%m%d%H" in form and (times[0].date(), times[0].hour) == (
        times[-1].date(),
        times[-1].hour,
    ):
        epoch = times.strftime(form).astype("int64")  # of 1973 to 2099 as well
        truths.append(but(pd.to_datetime(epoch, unit="ms" if "%S" in form else "s"), values))
    follow(tmp_path_factory, (["time", *cells], ["x", *map(str, values)]), *truths)


@few
@given(_STARTS, _ZONES, SEEDS, st.booleans())
def test_zones_of_the_cells_move_the_times(tmp_path_factory, start, zone, seed, blank):
    times, values = stamps(60, "20min", start.replace(second=0, microsecond=0)), walk(60, seed)
    name, hours = zone
    gap = " " if blank and not name.startswith(("+", "-")) else ""
    cells = [f"{cell}{gap}{name}" for cell in times.strftime("%Y-%m-%dT%H:%M:%S")]
    utc = times - np.timedelta64(int(hours * 60), "m")
    follow(tmp_path_factory, (["time", *cells], ["x", *map(str, values)]), but(utc, values))


@few
@given(_CODES, st.integers(3, 9), SEEDS, st.booleans())
def test_codes_are_left_out_or_kept_as_the_message_says(tmp_path_factory, code, number, seed, two):
    times, values = stamps(80), walk(80, seed)
    rows = rows_of(seed, number, 80)
    columns = [["time", *times.strftime("%d.%m.%Y %H:%M:%S")]]
    columns.append(["x", *spoilt(values, rows, [code] * number)])
    kept = [float(code) if row in rows else value for row, value in enumerate(values)]
    clean, full = but(times, values, rows), but(times, kept)
    if two:
        columns.append(["y", *map(str, values + 1)])
        clean, full = clean + but(times, values + 1), full + but(times, values + 1)
    swapped = [
        [(time.replace(day=time.month, month=time.day), value) for time, value in each]
        for each in (clean, full)
    ]
    follow(tmp_path_factory, columns, clean, full, *swapped)


@few
@given(st.lists(_WORDS, max_size=2, unique=True), st.lists(_BOUNDS, max_size=2, unique=True), SEEDS)
def test_words_and_bounds_are_told_apart(tmp_path_factory, words, bounds, seed):
    times, values = stamps(60), walk(60, seed)
    rows = rows_of(seed, len(words) + len(bounds), 60)
    cells = spoilt(values, rows, [*words, *bounds])
    limits = [float("".join(c for c in bound if c in "0123456789.")) for bound in bounds]
    at_limits = dict(zip(rows[len(words) :], limits, strict=True))
    as_bounds = [at_limits.get(row, value) for row, value in enumerate(values)]
    follow(
        tmp_path_factory,
        (["time", *times.strftime("%Y-%m-%d %H:%M")], ["x", *cells]),
        but(times, values, rows),
        but(times, as_bounds, rows[: len(words)]),
    )


@few
@given(st.sampled_from(["", "NaN", "-", "n/a", "null"]), st.booleans(), _ALONE, SEEDS)
def test_channels_without_a_reading_are_none(tmp_path_factory, empty, coded, code, seed):
    times, values = stamps(60), walk(60, seed)
    cell = code if coded else empty
    columns = [["time", *times.strftime("%Y-%m-%d %H:%M")], ["x", *map(str, values)]]
    columns.append(["y", *[cell] * 60])
    truths = [but(times, values)]
    if coded:
        truths.append(but(times, values) + [(time, float(code)) for time in times])
    follow(tmp_path_factory, columns, *truths)
