"""Lines that stand in quotes as a whole, as a spreadsheet writes what it took for one column."""

from __future__ import annotations

import re
from collections.abc import Sequence

# quotes inside are doubled: in "a","b" a single one ends a cell
_WRAPPED = re.compile(rb'^"((?:[^"\r\n]|"")*)"(?=[,;\t]*\r?$)[,;\t]*', re.MULTILINE)
_SEPARATORS = re.compile(r"[,;\t|]")
_MOST = 0.5  # share of the lines


def are_wrapped(lines: Sequence[str]) -> bool:
    """Whether all lines with several fields stand in quotes as a whole.

    Args:
        lines: Lines of a text, with their ends.
    """
    filled = [line.rstrip("\r\n") for line in lines if line.strip()]
    inner = [unwrapped(line.encode()).decode() for line in filled]
    parted = [bool(_SEPARATORS.search(line)) for line in inner]
    wrapped = [old != new for old, new in zip(filled, inner, strict=True)]
    several = [was for was, has in zip(wrapped, parted, strict=True) if has]
    return bool(several) and all(several) and len(several) > _MOST * len(filled)


def unwrapped(block: bytes) -> bytes:
    """Lines without the quotes around them, and with single quotes for those inside.

    Args:
        block: Whole lines.
    """
    return _WRAPPED.sub(lambda match: match[1].replace(b'""', b'"'), block)
