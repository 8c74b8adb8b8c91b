"""Bytes of a log file as UTF-8 blocks of whole records, whatever its packing and encoding."""

from __future__ import annotations

import codecs
import gzip
import os
import re
import stat
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, cast

from latentode.data.reading.doubts import Doubts
from latentode.errors import ConfigError, DataError

BLOCK_BYTES = 4 << 20
#: Bytes of a line, or of a record with line breaks in quotes: hundreds of thousands of columns.
LONGEST_RECORD = 4 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_START_BYTES = 512  # enough to tell every binary format by
_GZIP = b"\x1f\x8b"
_NOT_TEXT = {
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"%PDF": "a PDF document",
    b"\x89HDF": "an HDF5 or NetCDF file",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet",
    b"SQLite format 3": "an SQLite database",
}


def first_bytes(path: Path) -> bytes:
    """First bytes of a file, as they are stored.

    Raises:
        DataError: If the file cannot be opened, or is a pipe or a device: these are read once, may
            have no end, and nobody may write into them.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise DataError(
                    f"{path}: expected a file, got a pipe, device or folder. Write what comes out "
                    "of it to a file first, and name that."
                )
            return file.read(_START_BYTES)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}). Check the name of the log."
        ) from None


def binary_kind(start: bytes) -> str | None:
    """What a file is that begins like one of the usual binary files, in words; None for others."""
    return next((kind for magic, kind in _NOT_TEXT.items() if start.startswith(magic)), None)


def read_blocks(
    path: Path, encoding: str | None, doubts: Doubts, size: int | None = None
) -> Iterator[bytes]:
    """Read a text file, packed with gzip or not, as UTF-8 blocks of whole records.

    Args:
        path: File.
        encoding: Its encoding; None detects byte order marks, then takes UTF-8, then latin-1.
        doubts: Takes a decision on the encoding.
        size: Bytes of a block, about; None takes `BLOCK_BYTES`.

    Yields:
        Blocks, each with a newline at its end; a quoted line break does not end a record.

    Raises:
        DataError: If the file is truncated, binary, or not in its encoding, with the byte offset;
            or has a line longer than `LONGEST_RECORD`, with its number.
    """
    offset = 0
    seen_other = False
    fallback = False
    pieces = _decoded(path, encoding, doubts, size or BLOCK_BYTES)
    for data in _whole_records(_short_lines(_with_newlines(pieces), path)):
        position = data.find(b"\0")
        if position >= 0:
            raise DataError(
                f"{path}: expected text, got a NUL byte at byte offset {offset + position}. "
                "Repair the file, or name its encoding with --encoding (for example utf-16-le)."
            )
        size = len(data)
        if not data.isascii():
            other = None if fallback else _first_other(data)
            if other is not None:
                if seen_other or encoding is not None:
                    raise DataError(
                        f"{path}: expected UTF-8, as named or as in the lines before, got another "
                        f"encoding at byte offset {offset + other}. Name the encoding with "
                        "--encoding."
                    )
                fallback = True
                doubts.decide(
                    "encoding",
                    "read as latin-1",
                    "it is not UTF-8",
                    confidence="likely",
                    option="--encoding cp1252",
                )
            data = data.decode("latin-1").encode() if fallback else data
            seen_other = True
        yield data
        offset += size


def is_stored_as(path: Path, encoding: str | None, text: bytes) -> bool:
    """Whether a file begins with the bytes of a UTF-8 text, and may go on in UTF-8.

    Args:
        path: File.
        encoding: Encoding that was named, if one was.
        text: First bytes of the text, as `read_blocks` yields them.
    """
    if encoding is not None and _codec(encoding) not in ("utf-8", "utf-8-sig"):
        return False
    with path.open("rb") as file:
        start = file.read(len(text) + len(codecs.BOM_UTF8)).removeprefix(codecs.BOM_UTF8)
        file.seek(-1, os.SEEK_END)
        if file.read(1) == b"\0":
            return False
    return start[: len(text)].rstrip(b"\n") == text.rstrip(b"\n")


def _first_other(data: bytes) -> int | None:
    """Position of the first byte that is not UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return None


def _pieces(path: Path, size: int) -> Iterator[bytes]:
    """Raw bytes, unpacked."""
    packed = first_bytes(path).startswith(_GZIP)
    done = 0
    try:
        with path.open("rb") as raw:
            file = cast("IO[bytes]", gzip.GzipFile(fileobj=raw) if packed else raw)
            while True:
                try:
                    # to the end of a line, so that no block has to be cut and copied
                    piece = file.read(size) + file.readline(size)
                except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                    raise DataError(
                        f"{path}: the gzip stream breaks off or is damaged near byte offset "
                        f"{raw.tell()} of the file, after at least {done} bytes of text ({error}). "
                        "Copy or download the file again."
                    ) from None
                if not piece:
                    return
                done += len(piece)
                yield piece
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from None


def _decoded(path: Path, encoding: str | None, doubts: Doubts, size: int) -> Iterator[bytes]:
    """Bytes in UTF-8 where the encoding is named or marked, else as they are."""
    pieces = _pieces(path, size)
    first = next(pieces, b"")
    if encoding is None:
        encoding = next((name for bom, name in _BOMS if first.startswith(bom)), None)
        if encoding is None:
            _refuse_binary(path, first[: 1 << 16].rstrip(b"\0") or first[:1])
        elif encoding != "utf-8-sig":
            doubts.decide("encoding", f"read as {encoding}", "it begins with the byte order mark")
    if encoding is None or _codec(encoding) in ("utf-8", "utf-8-sig"):
        yield from _without_end(chain([first.removeprefix(codecs.BOM_UTF8)], pieces), doubts)
        return
    decoder = codecs.getincrementaldecoder(_codec(encoding))()
    done = 0
    try:
        for piece in chain([first], pieces):
            yield decoder.decode(piece).encode()
            done += len(piece)
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        at = done + getattr(error, "start", 0)
        raise DataError(
            f"{path}: expected {encoding}, got other bytes at byte offset {at}. "
            "Name the encoding with --encoding."
        ) from None


def _without_end(pieces: Iterator[bytes], doubts: Doubts) -> Iterator[bytes]:
    """All but NUL bytes at the end, which a logger leaves that lost its power."""
    nuls = b""
    for piece in pieces:
        text = piece.rstrip(b"\0")
        if text:
            yield nuls + text
            nuls = b""
        nuls += piece[len(text) :]
    if nuls:
        doubts.decide(
            "encoding", f"{len(nuls):,} NUL bytes at the end left out", "no text follows them"
        )


def _codec(encoding: str) -> str:
    try:
        "".encode(encoding)  # refuses what is an encoding of no text: zlib, base64
        info = codecs.lookup(encoding)
    except (LookupError, UnicodeError):
        raise ConfigError(
            f"--encoding: expected the name of an encoding (utf-8, latin-1, cp1252, utf-16, ...), "
            f"got {encoding!r}."
        ) from None
    return info.name


def _refuse_binary(path: Path, start: bytes) -> None:
    match = _BINARY.search(start)
    if match:
        raise DataError(
            f"{path}: expected text, got byte 0x{match[0].hex()} at byte offset {match.start()}. "
            "It is a binary file, or UTF-16 without a mark: then say --encoding utf-16-le or "
            "utf-16-be."
        )


def _with_newlines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Turn the lone carriage returns of old programs into newlines."""
    lone = None
    for piece in pieces:
        lone = b"\r" in piece and b"\n" not in piece if lone is None else lone
        yield piece.replace(b"\r", b"\n") if lone else piece


def _short_lines(pieces: Iterator[bytes], path: Path) -> Iterator[bytes]:
    """Pieces of a text, as long as no line in them is too long to be one."""
    number, begun = 1, 0  # line that the next piece goes on with, and bytes of it so far
    for piece in pieces:
        start = -begun
        while len(piece) - start > LONGEST_RECORD:
            end = piece.rfind(b"\n", max(start, 0), start + LONGEST_RECORD + 1)
            if end < 0:
                number += piece.count(b"\n", 0, max(start, 0))
                raise DataError(
                    f"{path}: expected lines of at most {LONGEST_RECORD:,} bytes, got a longer one "
                    f"in line {number}. Write one row of readings a line; many channels are read "
                    "in the long layout: one reading a line, with the name of its channel."
                )
            start = end + 1
        yield piece
        number += piece.count(b"\n")
        last = piece.rfind(b"\n")
        begun = begun + len(piece) if last < 0 else len(piece) - last - 1


def _whole_records(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        cut = piece.rfind(b"\n") + 1
        data = rest + piece[:cut] if rest or cut < len(piece) else piece
        if not cut:
            rest += piece
            continue
        inside_quotes = b'"' in data and data.count(b'"') % 2 == 1
        # beyond the limit a quote that never closes is taken as a character of its cell
        if inside_quotes and len(data) <= len(piece) + LONGEST_RECORD:
            rest += piece
            continue
        yield data
        rest = piece[cut:]
    if rest and not rest.isspace():
        yield rest if rest.endswith(b"\n") else rest + b"\n"
