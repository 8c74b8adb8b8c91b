"""Names of channels in files that may have one twice, or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def distinct_names(names: Sequence[str]) -> list[str]:
    """Make names distinct, in their order: a second "EEG" is "EEG (2)", a nameless one "channel 3".

    Example:
        >>> distinct_names(["EEG", "", "EEG"])
        ['EEG', 'channel 2', 'EEG (2)']
    """
    taken = Counter(names)
    result = []
    for place, name in enumerate(names, start=1):
        first = name or f"channel {place}"
        distinct, count = first, 1
        while distinct in result or (count > 1 and taken[distinct]):
            count += 1
            distinct = f"{first} ({count})"
        result.append(distinct)
    return result
