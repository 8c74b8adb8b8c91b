"""A block of a CSV file: where its fields are, and its columns as pandas parses them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentode.data.dataset import Int64
from latentode.data.reading.formats.table import Chunk, ReadPlan

_NEWLINE, _QUOTE, _RETURN = 10, 34, 13  # as bytes
# before 3.1 the default parser of pandas may be off by one unit in the last place
_EXACT: dict[str, Any] = (
    {"float_precision": "round_trip"}
    if tuple(int(part) for part in pd.__version__.split(".")[:2]) < (3, 1)
    else {}
)


def record_layout(
    data: bytes, sep: int, num_fields: int
) -> tuple[NDArray[np.int64] | None, Int64] | None:
    """Find the fields of a block, or None where a record is blank or has a wrong number of fields.

    A trailing field too many is what a parser swallows by shifting all columns; so records are
    counted before they are parsed.

    Args:
        data: The block.
        sep: Separator, as a byte.
        num_fields: Fields that each record should have.

    Returns:
        Positions of separators and line ends, shape (record, field), or None with quotes; and the
        line of each record, counted from 0 at the start of the block.
    """
    codes = np.frombuffer(data, dtype=np.uint8)
    ends = codes == _NEWLINE
    marked = (codes == sep) | ends
    quoted = b'"' in data
    if quoted:
        outside = np.cumsum(codes == _QUOTE, dtype=np.uint8) % 2 == 0
        newlines = np.cumsum(ends)
        marked &= outside
    positions = np.flatnonzero(marked)
    if not len(positions) or len(positions) % num_fields or positions[-1] != len(data) - 1:
        return None
    marks = positions.reshape(-1, num_fields)
    last = ends[positions]
    if not last[num_fields - 1 :: num_fields].all() or np.count_nonzero(last) != len(marks):
        return None
    # a record of one field and one or two bytes may be a blank line to the parser
    if num_fields == 1 and (np.diff(marks[:, 0], prepend=-1) <= 2).any():
        return None
    if quoted:
        return None, np.concatenate([[0], newlines[marks[:-1, -1]]])
    return marks, np.arange(len(marks))


@dataclass
class CsvChunk(Chunk):
    """Rows of one block, parsed by pandas when they are first asked for.

    Attributes:
        data: The block.
        sep: Separator.
        fields: Names of the fields; empty for those without one.
        plan: Which columns are needed.
        marks: Positions of separators and line ends, shape (record, field); None with quotes.
        lines: Line of each row.
        exact_text: Columns of the whole log that looked like numbers once: text from then on.
    """

    data: bytes
    sep: str
    fields: list[str]
    plan: ReadPlan
    marks: NDArray[np.int64] | None
    lines: Int64
    exact_text: set[str]
    _read_as_text: frozenset[str] = frozenset()
    _parsed: pd.DataFrame | None = None

    def _read(self, columns: list[str], text: list[str]) -> pd.DataFrame:
        index = [self.fields.index(name) for name in columns]
        plan = self.plan
        numbers = [name for name in columns if name in plan.numbers or not plan.stamps]
        numbers = [name for name in numbers if name not in (*plan.text, *text)]
        frame = pd.read_csv(
            io.BytesIO(self.data),
            sep=self.sep,
            header=None,
            names=cast("Any", range(len(self.fields))),
            usecols=index,
            index_col=False,
            dtype=cast("Any", {self.fields.index(name): object for name in text}),
            keep_default_na=False,
            na_values=cast(
                "Any", {self.fields.index(name): list(plan.missing) for name in numbers}
            ),
            decimal=plan.decimal,
            skip_blank_lines=False,
            low_memory=False,
            encoding="utf-8",
            **_EXACT,
        )
        return cast(pd.DataFrame, frame).rename(columns=dict(enumerate(self.fields)))

    def _frame(self) -> pd.DataFrame:
        if self._parsed is None:
            plan = self.plan
            columns = [*plan.text, *plan.numbers] + ([] if plan.stamps else [plan.time])
            text = [name for name in plan.text if name in self.exact_text]
            self._read_as_text = frozenset(text)
            self._parsed = self._read(list(dict.fromkeys(columns)), text)
        return self._parsed

    def text(self, name: str) -> pd.Series:
        """Strings of a column; ids that look like numbers are parsed a second time."""
        frame = self._frame() if name in self.plan.text else self._read([name], [])
        if name in self._read_as_text or isinstance(frame[name].dtype, pd.StringDtype):
            return frame[name]
        # the parser took ids for numbers: "007" and "7" would be one
        self.exact_text.add(name)
        return self._read([name], [name])[name]

    def column(self, name: str) -> pd.Series:
        """A column of the plan as parsed with it, another one as strings."""
        frame = self._frame()
        return frame[name] if name in frame else self.text(name)

    def fixed_width(self, name: str) -> NDArray[np.uint8] | None:
        """Bytes of a column as they stand in the file; None in a block with quotes."""
        marks = self.marks
        if marks is None:
            return None
        index = self.fields.index(name)
        starts = marks[:, index - 1] + 1 if index else np.concatenate([[0], marks[:-1, -1] + 1])
        stops = marks[:, index]
        if index == len(self.fields) - 1 and self.data[int(stops[0]) - 1] == _RETURN:
            stops = stops - 1
        widths = stops - starts
        width = int(widths[0])
        if width == 0 or (widths != width).any():
            return None
        # one item of `width` bytes a row is copied faster than `width` items
        window = np.ndarray(
            (len(self.data) - width + 1,), dtype=f"V{width}", buffer=self.data, strides=(1,)
        )
        return window[starts].view(np.uint8).reshape(-1, width)
