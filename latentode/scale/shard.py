"""A share of the parts, for jobs that are started side by side."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Shard:
    """Every `count`-th part, from the `number`-th on.

    Attributes:
        number: From 1.
        count: How many shards there are; 1 for all parts.
    """

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``3/16``.

        Args:
            text: The text.

        Raises:
            ValueError: If it names no shard.
        """
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip())
        number, count = (int(each) for each in found.groups()) if found else (0, 0)
        if not 1 <= number <= count:
            raise ValueError(
                f"expected a shard of 1 to as many as there are, the third of sixteen as 3/16, "
                f"got {text!r}."
            )
        return cls(number, count)

    def picks(self, index: int) -> bool:
        """Whether a part, counted from 0, is of this shard."""
        return index % self.count == self.number - 1

    @property
    def ending(self) -> str:
        """Of names of files that each shard has for itself."""
        return "" if self.count == 1 else f"-{self.number}-of-{self.count}"
