"""How much memory the answer to one request may take, told before any of it is taken."""

from __future__ import annotations

import math
import os
import re

from latentode.errors import ConfigError, ResourceError

#: Variable of the environment that sets the limit, such as ``LATENTODE_MAX_MEMORY=12GB``.
VARIABLE = "LATENTODE_MAX_MEMORY"
_DEFAULT = 4_000_000_000  # what a small machine has to spare
_UNITS = {"": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"(\d{1,12}(?:\.\d+)?) ?(|kB|MB|GB|TB)")
# bytes, measured at the peak of commands: of each number that is drawn (itself, its noise, and the
# copies that are sorted, labelled and written), and of each row of the table
_PER_NUMBER, _PER_ROW = 40, 400


def max_memory() -> int:
    """The limit in bytes: 4 GB, or what the environment says.

    Raises:
        ConfigError: If that is no size.
    """
    text = os.environ.get(VARIABLE)
    if text is None:
        return _DEFAULT
    try:
        return parse_size(text)
    except ConfigError as error:
        raise ConfigError(f"{VARIABLE}: {error}") from None


def parse_size(text: str) -> int:
    """Read a size as bytes.

    Args:
        text: Such as "500MB" or "12GB"; without a unit, bytes.

    Raises:
        ConfigError: If it is none.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or not float(match[1]):
        raise ConfigError(f"expected a size such as 500MB or 12GB, got {text!r}.")
    return int(float(match[1]) * _UNITS[match[2]])


def check_drawn(num_queries: int, num_draws: int = 1, num_channels: int = 1) -> None:
    """Refuse a prediction that would take too much memory.

    Args:
        num_queries: Times.
        num_draws: Draws at each.
        num_channels: Numbers of each draw.

    Raises:
        ResourceError: If it would, with what to do about it.
    """
    rows = num_queries * num_channels
    check_memory(
        rows * (num_draws * _PER_NUMBER + _PER_ROW),
        f"{num_queries:,} times x {num_draws:,} draws x {num_channels:,} channels",
    )


def check_memory(need: int, of: str) -> None:
    """Refuse what would take too much memory.

    Args:
        need: Bytes, about.
        of: What takes them.

    Raises:
        ResourceError: If there are more than `max_memory`.
    """
    limit = max_memory()
    if need > limit:
        raise ResourceError(
            f"prediction: expected at most {_gigabytes(limit)} of memory, got about "
            f"{_gigabytes(need)} for {of}. Take fewer --samples, a longer --every, a shorter "
            f"--horizon or fewer series, or set {VARIABLE}={math.ceil(need / 1e9)}GB where the "
            "machine has so much."
        )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.3g} GB" if size < 10**12 else f"{size / 1e9:,.0f} GB"
