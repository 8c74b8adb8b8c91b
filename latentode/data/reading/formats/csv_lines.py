"""Line of each record of a file of separated values."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

import numpy as np

from latentode.data.dataset import Int64

_NEWLINE, _QUOTE, _RETURN = 10, 34, 13  # as bytes


def record_lines(blocks: Iterable[bytes], first_line: int) -> Int64:
    """Line in which each record begins that is not an empty line.

    A quote anywhere counts, so that one inside an unquoted cell misleads it: compare the number of
    records with what a parser found.

    Args:
        blocks: Blocks of whole records.
        first_line: First line that counts.

    Returns:
        Lines from 1, shape (record,).
    """
    parts: list[Int64] = []
    line = 1
    for block in blocks:
        codes = np.frombuffer(block, dtype=np.uint8)
        ends = np.flatnonzero(codes == _NEWLINE)
        numbers = line + np.arange(len(ends))  # of the line that ends there
        line += len(ends)
        starts = np.concatenate([[0], ends[:-1] + 1])
        lengths = ends - starts - (codes[ends - 1] == _RETURN) * (ends > starts)
        begins = np.ones(len(ends), dtype=bool)
        if b'"' in block:
            inside = np.cumsum(codes == _QUOTE) % 2 == 1
            begins[1:] = ~inside[ends[:-1]]
        parts.append(numbers[begins & (lengths > 0) & (numbers >= first_line)])
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def parsed_lines(blocks: Iterable[bytes], sep: str, first_line: int) -> Int64:
    """The same, by a parser: slower, and right for quotes inside cells.

    Args:
        blocks: Blocks of whole records.
        sep: Separator.
        first_line: First line that counts.

    Returns:
        Lines from 1, shape (record,).
    """
    rows = _lines(blocks)
    for _ in range(first_line - 1):
        next(rows, None)
    reader = csv.reader(rows, delimiter=sep)
    lines, start = [], first_line
    for row in reader:
        if row:
            lines.append(start)
        start = first_line + reader.line_num
    return np.array(lines, dtype=np.int64)


def _lines(blocks: Iterable[bytes]) -> Iterator[str]:
    for block in blocks:
        yield from io.StringIO(block.decode(), newline="")
