"""Spellings of dates with times of day that are written so that the two stand apart."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

# a date before a time of day, and words between the two
_DATE_BEFORE = r"^(\d{1,4}[./-]\d{1,2}[./-]\d{1,4}),?\s+"
_AT = r"(?:klo|kl|alle ore|ore|alle|à|um)\.?\s+"
_DASHES = "\u2013\u2014"
_MOMENT = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}[ T]\d{1,2}:\d\d(?::\d\d)?Z?"
#: A span of time, from one moment to another; a hyphen before an hour alone is an offset.
SPAN = rf"^({_MOMENT})\s*(?:[-/{_DASHES}]|bis|to|until|à|al?|tot)\s*{_MOMENT}(\s*\(.*\))?$"
_ZONED_MONTH = r"\s?([A-Za-z]?)\s?([A-Za-z]{3})\s?(\d{4}|\d{2})?$"
# spellings of one meaning that part a time of day from its date, or its digits, in another way
_RESPELLED = (
    (SPAN, r"\1"),
    # 20240304T060000Z and 202403040600
    (
        r"^(\d{4})-?(\d\d)-?(\d\d)[T _-]?(\d\d)(\d\d)(\d\d)([.,]\d+)?(\s*(?:Z|[+-]\d\d:?\d\d))?$",
        r"\1-\2-\3 \4:\5:\6\7\8",
    ),
    (
        r"^(\d{4})-?(\d\d)-?(\d\d)[T _-]?(\d\d)(\d\d)(\s*(?:Z|[+-]\d\d:?\d\d))?$",
        r"\1-\2-\3 \4:\5\6",
    ),
    # 04.03.2024 06.00, 04/03/2024 06.00.00, 4.3.2024 klo 6.00
    (rf"{_DATE_BEFORE}(?:{_AT})?(\d{{1,2}})\.(\d\d)\.(\d\d)$", r"\1 \2:\3:\4"),
    (rf"{_DATE_BEFORE}(?:{_AT})?(\d{{1,2}})\.(\d\d)$", r"\1 \2:\3"),
    (rf"{_DATE_BEFORE}{_AT}(\d{{1,2}}:\d\d)", r"\1 \2"),
    # 2024-03-04_06-00-00 and 2024年3月4日 06:00
    (r"^(\d{4}-\d\d-\d\d)[T _](\d\d)[-.](\d\d)[-.](\d\d)$", r"\1 \2:\3:\4"),
    (r"^(\d{4})年(\d{1,2})月(\d{1,2})日", r"\1-\2-\3 "),
    # 06h30, 6 AM, and the hour alone
    (r"(\d{1,2})\s?[hH]\s?(\d\d)(?:$|\s)", r"\1:\2 "),
    (r"^([^:]*\d),?\s+(\d{1,2})\s?([AaPp]\.?[Mm]\.?)$", r"\1 \2:00 \3"),
    (r"^(\d{1,4}[./-]\d{1,2}[./-]\d{1,4})[ T](\d{1,2})\s*(?:[hH]|Uhr)?$", r"\1 \2:00"),
    # 04/Mar/2024:06:00:00, 04MAR2024:06:00:00, 2024:03:04 06:00:00 and 04:03:2024
    (r"^(\d{1,2}/[A-Za-z]{3}/\d{4}):", r"\1 "),
    (r"^(\d{1,2})([A-Za-z]{3,})(\d{4}|\d{2})(?::|\s|$)", r"\1-\2-\3 "),
    (r"^(\d{4}):(\d\d):(\d\d)(?:\s|$)", r"\1-\2-\3 "),
    (r"^(\d{1,2}):(\d{1,2}):(\d{4})(?:\s|$)", r"\1/\2/\3 "),
    # 141030ZMAR24, the date-time group of services: day, time, letter of a zone, month, year
    (rf"^(\d\d)\s?(\d\d)(\d\d)(\d\d){_ZONED_MONTH}", r"\1-\6-\7 \2:\3:\4=\5"),
    (rf"^(\d\d)\s?(\d\d)(\d\d){_ZONED_MONTH}", r"\1-\5-\6 \2:\3=\4"),
    # 06:00:00:123
    (r"(:\d\d:\d\d):(\d{3,6})$", r"\1.\2"),
)


def respelled(texts: pa.Array, like: str | None) -> pa.Array:
    """Write texts so that date and time of day stand apart.

    Args:
        texts: Cells.
        like: Only spellings of this text; None for all that occur.
    """
    for pattern, spelling in _RESPELLED:
        occurs = (
            re.search(pattern, like) is not None
            if like is not None
            else pc.any(pc.match_substring_regex(texts, pattern)).as_py()
        )
        if occurs:
            texts = pc.replace_substring_regex(texts, pattern, spelling)
            like = None if like is None else re.sub(pattern, spelling, like)
    return texts
