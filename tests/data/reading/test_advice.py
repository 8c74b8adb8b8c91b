"""What a message about a log says to type leads to a right reading or to another question."""

import numpy as np
import pytest
from followed_advice import as_numbers, followed
from log_files import write
from random_logs import stamps, walk

NUMBER = 60
VALUES = walk(NUMBER, 5)
TEN = stamps(NUMBER)
SPOILT = [3, 17, 31]


def swapped(truth):
    """The same with day and month in the other order."""
    return [(time.replace(day=time.month, month=time.day), value) for time, value in truth]


def log(times, values=VALUES, header="time,x"):
    rows = [",".join(map(str, row)) for row in zip(times, values, strict=True)]
    return "\n".join([header, *rows]) + "\n"


def spoilt(*cells):
    values = [str(value) for value in VALUES]
    for row, cell in zip(SPOILT, cells, strict=False):
        values[row] = cell
    return values


def without(rows=SPOILT):
    return [(t, v) for row, (t, v) in enumerate(zip(TEN, VALUES, strict=True)) if row not in rows]


def with_values(*numbers):
    values = list(VALUES)
    for row, number in zip(SPOILT, numbers, strict=False):
        values[row] = number
    return list(zip(TEN, values, strict=True))


def elapsed(numbers, unit_s):
    numbers = np.array(numbers) - numbers[0]
    return [(round(number * unit_s * 1e9), v) for number, v in zip(numbers, VALUES, strict=True)]


def after(step_s):
    return elapsed(range(NUMBER), step_s)


ISO = TEN.strftime("%Y-%m-%dT%H:%M")
SECONDS = TEN.as_unit("ns").asi8 // 10**9
CLOCKS = [90_000 + row // 60 * 10_000 + row % 60 * 100 for row in range(30, 30 + NUMBER)]
DAYS_FIRST = TEN.strftime("%d/%m/%Y %H:%M")
ALL = list(zip(TEN, VALUES, strict=True))
IN_UNIT = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0, "d": 86400.0}

#: What is written, settings of the call, and every reading that is right, by what was typed.
LOGS = {
    "an epoch that changes its unit": (
        log([s if row < 30 else s * 1000 for row, s in enumerate(SECONDS)]), [], [ALL],
    ),
    "digits of a time of day": (
        log(CLOCKS), [], [after(60), *(elapsed(CLOCKS, unit) for unit in IN_UNIT.values())],
    ),
    "digits of times of one hour": (
        log(range(90_000, 96_000, 100)), [],
        [after(60), *(after(100 * unit) for unit in IN_UNIT.values())],
    ),
    "small numbers": (
        log(np.arange(NUMBER) * 3 + 7), [], [after(3 * unit) for unit in IN_UNIT.values()],
    ),
    "a code": (log(ISO, spoilt(*["-9999"] * 3)), [], [without(), with_values(*[-9999] * 3)]),
    "two codes, one nearly the other": (
        log(ISO, spoilt("99.99", "100.01", "99.99")), [],
        [without(), with_values(99.99, 100.01, 99.99)],
    ),
    "a code and a word": (
        log(ISO, spoilt("-999", "Err", "-999")), [],
        [without(), [*without(), (TEN[3], -999), (TEN[31], -999)]],
    ),
    "a code and the order of dates": (
        log(DAYS_FIRST, spoilt(*["32767"] * 3)), [],
        [
            without(), with_values(*[32767] * 3),
            swapped(without()), swapped(with_values(*[32767] * 3)),
        ],
    ),
    "rows below the readings": (
        log([*ISO, "Min", "Max"], [*VALUES, VALUES.min(), VALUES.max()]), [], [ALL],
    ),
    "an order of dates": (
        log(DAYS_FIRST), [], [ALL, swapped(ALL)],
    ),
    "hours and minutes, or minutes and seconds": (
        log([f"{row // 60:02d}:{row % 60:02d}" for row in range(NUMBER)]), [],
        [after(60), after(1)],
    ),
    "years or counts": (
        log(range(1950, 1950 + NUMBER)), [],
        [
            [(np.datetime64(str(1950 + row)), value) for row, value in enumerate(VALUES)],
            *(after(unit) for unit in IN_UNIT.values()),
        ],
    ),
    "letters of several zones": (
        log(TEN.strftime("%Y-%m-%d %H:%M IST")), [],
        [[(t - np.timedelta64(m, "m"), v) for t, v in ALL] for m in (0, 60, 120, 330)],
    ),
    "an hour that does not exist": (
        log(stamps(NUMBER, "30min", "2024-03-31").strftime("%Y-%m-%d %H:%M")),
        ["--tz Europe/Berlin"],
        [
            [(t - np.timedelta64(1, "h"), v) for t, v in
             zip(stamps(NUMBER, "30min", "2024-03-31"), VALUES, strict=True)],
        ],
    ),
    "words": (log(ISO, spoilt("Err", "I/O Timeout", "n,a")), [], [without()]),
    "bounds": (
        log(ISO, spoilt("<0.05", ">40", "<0.05")), [], [without(), with_values(0.05, 40, 0.05)],
    ),
    "bounds in words": (
        log(ISO, spoilt("less than 0.05", "Low", "above 30")), [],
        [without(), [*without([17, 3, 31]), (TEN[3], 0.05), (TEN[31], 30.0)]],
    ),
    "states beside numbers": (
        log(ISO, spoilt("on", "off", "on")), [], [without(), with_values(1, 0, 1)],
    ),
    "faults, bounds and words": (
        log(ISO, spoilt("Störung", "High", "defekt")), [], [without()],
    ),
    "codes alone": (
        log(ISO, [f"{value},-9999" for value in VALUES], "time,x,y"), [],
        [ALL, [*ALL, *((t, -9999) for t in TEN)]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOGS)
def test_all_that_is_advised_leads_to_a_right_reading(tmp_path, name):
    content, told, truths = LOGS[name]
    truths = [as_numbers(truth) for truth in truths]
    found = followed(write(tmp_path, content), [*told], truths)
    assert truths[0] in found
