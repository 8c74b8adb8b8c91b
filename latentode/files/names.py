"""Safe file names from names of the data."""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 60  # a name may have 255 bytes, and a number and endings join it


def slug(name: str, index: int) -> str:
    """Make a safe, distinct file name out of any text: ``NNNN-slug``.

    The index keeps names apart whose slugs are equal, and keeps clear of names that some systems
    reserve ("CON", "..").

    Args:
        name: Any text, for example a series id.
        index: Position of the name among its like, from 0.

    Returns:
        A name of ASCII letters, digits, ``_``, ``-`` and inner dots, without folder separators.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9._]+|\.{2,}", "-", plain)[:_LONGEST].strip("-._")
    return f"{index:04d}-{words}" if words else f"{index:04d}"
