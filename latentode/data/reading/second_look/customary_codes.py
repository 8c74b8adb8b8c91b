"""Numbers that loggers and file formats write for "missing", by custom."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

_NINES = re.compile(r"9{2,}|9+\.9+|999\.25|[678]999|7777|8888|9998")
# ends of 16 and 32 bits; with a decimal point where a register is scaled
_ENDS = re.compile(r"32767|32768|65534|65535|2147483647|2147483648|4294967295")
_LARGE = 1e20  # fills of numpy (1e20), netCDF (9.96921e36), GMT and others: nothing is so large
_SMALL = (85.0, 127.0, 255.0)  # power-on value of a thermometer; highest numbers of 8 bits
_DISTINCT = 12  # other readings of a quantity, among which 127 would be one

#: Those that are known among wild values, and in one series among many, too.
BY_CUSTOM = [
    *(-999.0, -9999.0, -99999.0, -999999.0, -6999.0, -7999.0, -999.25, 1e20, -1e20),
    *(-32767.0, -32768.0, -2147483647.0, -2147483648.0, 32767.0, 65535.0, 9.969209968386869e36),
]


@dataclass(frozen=True)
class Custom:
    """How far from all other readings a customary code must stand, in ranges of those.

    Attributes:
        near: Where it stands three times or more.
        near_once: Where it stands less often.
        fewest_distinct: Distinct other readings, at least.
    """

    near: float
    near_once: float
    fewest_distinct: int = 1


# nothing is measured at -9999, little at -99; a counter may end at 65535; 999, 127 and -1 may be
# readings
_NEVER_READ = Custom(0.5, 3.0)
_HARDLY_READ = Custom(1.0, 3.0)
_END_OF_ROOM = Custom(0.5, 3.0, 3)
_MAY_BE_READ = Custom(1.0, 3.0, 3)
_OFTEN_A_SLIP = Custom(1.0, 30.0, 3)  # a single 99 may be a wild value
_AMONG_MANY = Custom(1.0, 3.0, _DISTINCT)
_BELOW_ZERO = Custom(0.25, 3.0, _DISTINCT)


@lru_cache(maxsize=16_384)  # asked of the same ends of a channel for each number of codes there
def custom_of(value: float) -> Custom | None:
    """What is known of a number that is a code by custom; None of all others."""
    size = abs(value)
    text = _digits(size)
    nines = _NINES.fullmatch(text) is not None
    end = _ENDS.fullmatch(text.replace(".", "")) is not None
    if size >= _LARGE or (value < 0 and (nines or end)):
        return _NEVER_READ if size >= 999 else _HARDLY_READ
    if end or (nines and value > 1000):
        return _END_OF_ROOM
    if value == -1:
        return _BELOW_ZERO
    if value in _SMALL or value == -127:
        return _HARDLY_READ if value < 0 else _AMONG_MANY
    if nines:
        return _MAY_BE_READ if value > 100 else _OFTEN_A_SLIP
    return None


def _digits(size: float) -> str:
    """A number as it was meant: one of 32 bits has digits of its own behind those."""
    if size.is_integer():
        return str(int(size))
    with np.errstate(over="ignore"):
        short = np.float32(size)
    return str(short) if float(short) == size else repr(size)
