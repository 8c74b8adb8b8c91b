"""Bytes of a file of separated values as its parser takes them: as stored, or mended on the way."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from latentode.data.reading.doubts import Doubts
from latentode.data.reading.formats.csv_dialect import Dialect
from latentode.data.reading.formats.csv_records import BLANKS
from latentode.data.reading.formats.text_blocks import is_stored_as, read_blocks
from latentode.data.reading.formats.wrapped_lines import unwrapped

#: Text that holds a header and first rows, by which a file is understood.
HEAD_BYTES = 1 << 20
_NEWLINE = 10  # as a byte
_PIECE = 1 << 18  # bytes that stay in the cache of a processor
_BLANKS = re.compile(rb'("[^"\n]*")|^[ \t]+|[ \t]+(?=\r?$)|[ \t]+', re.MULTILINE)


class CsvSource:
    """A file of separated values.

    A file that is stored in UTF-8 and needs no mending is parsed where it lies.

    Args:
        path: File.
        encoding: Its encoding, where it was named.
        dialect: How it is written.
        start: First bytes of its text.
        doubts: Takes a decision on the encoding.
        text: Lines of the file in UTF-8 that are parsed alone; None for all.

    Attributes:
        path: File.
        repeats: Whether lines of its head that stand again below are blanked.
    """

    def __init__(
        self,
        path: Path,
        encoding: str | None,
        dialect: Dialect,
        start: bytes,
        doubts: Doubts,
        text: bytes | None = None,
    ) -> None:
        self._text = text
        self.path, self._encoding, self._doubts = path, encoding, doubts
        self._dialect = dialect
        self._start = start
        self._stored = text is None and is_stored_as(path, encoding, start)
        self.repeats = False
        self._counted: _CountedLines | None = None

    def open(self, *, to_end: bool = True) -> io.RawIOBase | io.BufferedIOBase:
        """What the parser reads, from the first line of the file on.

        Args:
            to_end: Whether all of it is read, so that its lines are counted.
        """
        if self._is_plain:
            file = _CountedLines(self.path)
            self._counted = file if to_end else self._counted
            return file
        if self._text is not None and self._needs_no_mending:
            return io.BytesIO(self._text)
        return io.BufferedReader(_Stream(self.blocks()), 1 << 20)

    def take_head(self) -> bytes | None:
        """First lines of the file as they are parsed, once; None where it has no others."""
        start, self._start = self._start, b""  # a folder of files is not to hold them all
        if len(start) < HEAD_BYTES // 2 or self._dialect.last_line is not None:
            return None
        return self._mend(start, first=True)

    def blocks(self) -> Iterator[bytes]:
        """Blocks of whole records, with the lines of the file."""
        first, left = True, self._dialect.last_line
        for block in self._texts():
            if left is not None:
                block = block[: _offset(block, left + 1) or len(block)]
                left -= block.count(b"\n")
            yield self._mend(block, first)
            first = False
            if left == 0:
                return

    def bytes_above(self) -> int:
        """Bytes of the lines above the first that is parsed."""
        left, total = self._dialect.first_line - 1, 0
        for block in self.blocks() if left else ():
            lines = block.count(b"\n")
            if lines >= left:
                return total + _offset(block, left + 1)
            left, total = left - lines, total + len(block)
        return total

    def decode(self) -> None:
        """Look at all of the encoding, as the parser found bytes that it cannot read.

        Raises:
            DataError: If the file is not text, or not in one encoding; with the byte offset.
        """
        self._stored = False
        for _ in self._texts():
            pass

    def _texts(self) -> Iterator[bytes]:
        """The text as it is before it is mended."""
        if self._text is not None:
            return iter([self._text])
        return read_blocks(self.path, self._encoding, self._doubts)

    def count_lines(self) -> int:
        """Number of lines in the file."""
        if self._is_plain and self._counted is not None:
            return self._counted.number
        if self._text is not None:
            return self._lines_of_text
        return sum(block.count(b"\n") for block in self.blocks())

    @cached_property
    def _lines_of_text(self) -> int:
        return (self._text or b"").count(b"\n")

    @cached_property
    def may_hold_hexes(self) -> bool:
        """Whether "0x" may stand in the file, which the parser takes for the start of a number."""
        if self._text is not None:
            return b"0x" in self._text or b"0X" in self._text
        if not self._stored:
            return True
        # one byte is looked for far faster than two
        pairs = ((b"x", b"0x"), (b"X", b"0X"))
        return any(
            any(one in piece and two in piece for one, two in pairs)
            for piece in self._stored_pieces()
        )

    def count_quotes(self) -> int:
        """Number of quotes in the file."""
        return sum(block.count(b'"') for block in self.blocks())

    def _stored_pieces(self) -> Iterator[bytearray]:
        """The file as it is stored; each piece is valid until the next is asked for."""
        # mapped pages would count as memory in use
        with self.path.open("rb", buffering=0) as file:
            buffer = bytearray(_PIECE)
            while size := file.readinto(buffer):
                if size < len(buffer):
                    del buffer[size:]
                yield buffer

    @property
    def _is_plain(self) -> bool:
        return self._stored and self._needs_no_mending

    @property
    def _needs_no_mending(self) -> bool:
        dialect = self._dialect
        mended = self.repeats or dialect.spaced or dialect.cut or dialect.sep == BLANKS
        whole = dialect.last_line is None and not dialect.wrapped
        return whole and not mended

    def _mend(self, block: bytes, first: bool) -> bytes:
        dialect = self._dialect
        if dialect.wrapped:
            block = unwrapped(block)
        if self.repeats:
            block = self._without_repeats(block, first)
        if first and dialect.cut:
            block = self._cut_first_row(block)
        if dialect.spaced:
            sep = dialect.sep.encode()
            block = re.sub(re.escape(sep) + b' +"', sep + b'"', block)
        if dialect.sep == BLANKS:
            block = _BLANKS.sub(_one_blank, block)
        return block

    def _without_repeats(self, block: bytes, first: bool) -> bytes:
        """Empty the lines that stand above the first row; those above it are not parsed."""
        lines = b"|".join(re.escape(line.encode()) for line in self._dialect.above)
        pattern = re.compile(rb"^(?:%b)(?=\r?$)" % lines, re.MULTILINE)
        head = _offset(block, self._dialect.first_line) if first else 0
        return block[:head] + pattern.sub(b"", block[head:])

    def _cut_first_row(self, block: bytes) -> bytes:
        start = _offset(block, self._dialect.first_line)
        end = block.find(b"\n", start)
        sep = self._dialect.sep.encode()
        row = block[start:end].rstrip(b"\r").rsplit(sep, self._dialect.cut)[0]
        return block[:start] + row + block[end:]


def _offset(block: bytes, line: int) -> int:
    """Where a line begins; 0 where it does not."""
    offset = 0
    for _ in range(line - 1):
        offset = block.find(b"\n", offset) + 1
        if not offset:
            break
    return offset


def _one_blank(match: re.Match[bytes]) -> bytes:
    if match[1]:
        return match[1]
    string, start, end = match.string, match.start(), match.end()
    inside = start and string[start - 1 : start] != b"\n" and string[end : end + 1] not in b"\r\n"
    return b" " if inside else b""


class _CountedLines(io.RawIOBase):
    """A file as it is stored, whose lines are counted while they are in the cache of a processor.

    Attributes:
        number: How many were read.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.number, self._ended = 0, True

    def readable(self) -> bool:
        """True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Next bytes, and count the lines that begin in them."""
        block = self._file.read(size)
        if block:
            self.number += int(self._ended)
            ends = np.count_nonzero(np.frombuffer(block, dtype=np.uint8) == _NEWLINE)
            self._ended = block[-1] == _NEWLINE
            self.number += int(ends) - int(self._ended)
        return block

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


class _Stream(io.RawIOBase):
    """Blocks as a file."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Take the next bytes."""
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
