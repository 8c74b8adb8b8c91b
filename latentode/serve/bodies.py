"""What a request brings along: a log as text, or tables as JSON; never the name of anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from latentode.config import DataConfig
from latentode.data.reading.formats.open_table import format_name
from latentode.errors import LatentODEError
from latentode.serve.limits import Limits

#: Name under which a log of a request is read, in a folder of its process alone.
LOG_NAME = "body.csv"
#: Formats of logs that a body may be in: text, which is read as text.
TEXT_FORMATS = frozenset({"CSV", "InfluxDB annotated CSV", "Home Assistant export"})
_TABLES = ("readings", "times", "plan", "events")
_SEPARATORS = (b",", b";", b"\t", b"|")
_GZIP = b"\x1f\x8b"
_SHOWN = 40  # characters of a value that a message repeats


class BodyError(LatentODEError, ValueError, kind="body"):
    """A body is not what was promised, or more than is accepted.

    Attributes:
        status: Status of the answer.
    """

    def __init__(self, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Body:
    """What a request brought.

    Attributes:
        text: A log as text; None where there is none.
        series: Series of the training that are asked about; None for all.
        tables: Tables by name: readings, times, plan, events.
    """

    text: bytes | None = None
    series: tuple[str, ...] | None = None
    tables: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_log(self) -> bool:
        """Whether it holds a log."""
        return self.text is not None or "readings" in self.tables

    def log(self, config: DataConfig) -> Path | pd.DataFrame:
        """The log as it is read: a file of this process, or a frame.

        Args:
            config: How it is read.

        Raises:
            BodyError: If it is packed, or not text.
        """
        if self.text is None:
            frame: pd.DataFrame = self.tables["readings"]
            return frame
        if self.text.startswith(_GZIP):
            raise BodyError(
                "body: expected text, got what gzip has packed. Send it unpacked.", status=415
            )
        path = Path(LOG_NAME)
        path.write_bytes(self.text)
        if (found := format_name(path, config)) not in TEXT_FORMATS:
            raise BodyError(f"body: expected a log as text (CSV), got {found}.", status=415)
        return path


def forget_log() -> None:
    """Remove the file that `Body.log` wrote."""
    Path(LOG_NAME).unlink(missing_ok=True)


def body_of(
    content: bytes, media: str, limits: Limits, *, tables: tuple[str, ...], columns: int
) -> Body:
    """Read a body.

    Args:
        content: Its bytes.
        media: "text/csv" or "application/json"; without bytes it does not matter.
        limits: What it may hold.
        tables: Tables that have a use.
        columns: Most columns of a table.

    Raises:
        BodyError: If it is not in that form, or holds too much.
    """
    if not content.strip():
        return Body()
    if media == "text/csv":
        if (lines := content.count(b"\n") + content.count(b"\r")) > 2 * limits.readings:
            raise _too_long("lines", lines, limits.readings)
        if (width := _widest(content, columns)) > columns:
            raise _too_wide("body", width, columns)
        return Body(text=content)
    found = _parsed(content)
    if not isinstance(found, dict):
        raise BodyError(f"body: expected an object, got {_shown(found)}.", status=400)
    known = ("series", *(name for name in _TABLES if name in tables))
    for name in found:
        if name not in known:
            raise BodyError(f"body: expected {', '.join(known)}, got {_shown(name)}.")
    series = found.pop("series", None)
    if series is not None:
        if "readings" in found:
            raise BodyError("series: names series of the training, and has no place with readings.")
        if not _are_names(series):
            raise BodyError(f"series: expected a list of ids, got {_shown(series)}.")
        series = tuple(dict.fromkeys(series))
    read = {name: _table(name, rows, limits, columns) for name, rows in found.items()}
    return Body(series=series, tables=read)


def _widest(content: bytes, columns: int) -> int:
    """Columns of the widest line, whichever separator there is, of those that may be too wide."""
    widths = [
        max(len(line.split()), 1 + max(line.count(each) for each in _SEPARATORS))
        for line in content.splitlines()
        if len(line) > columns
    ]
    return max(widths, default=0)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def _parsed(content: bytes) -> Any:
    """JSON as its standard has it: no NaN, no name twice, no surrogate alone."""
    try:
        text = content.decode("utf-8")
        return json.loads(text, parse_constant=_no_number, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise BodyError(f"body: expected JSON, got an error: {error}.", status=400) from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON; a missing value is null")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _table(name: str, rows: Any, limits: Limits, most: int) -> Any:
    """A table of records; of plans one, or several by name."""
    if name == "plan" and isinstance(rows, dict):
        if not rows:
            raise BodyError("plan: expected a plan, or several by name, got none.")
        plans = rows.items()
        return {each: _frame(f"plan.{each}", records, limits, most) for each, records in plans}
    return _frame(name, rows, limits, most)


def _frame(name: str, rows: Any, limits: Limits, most_columns: int) -> pd.DataFrame:
    most = limits.times if name == "times" else limits.readings
    if not isinstance(rows, list) or not rows:
        raise BodyError(f"{name}: expected a list of records, got {_shown(rows)}.")
    if len(rows) > most:
        raise _too_long(name, len(rows), most)
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or not row:
            raise BodyError(f"{name}[{number}]: expected a record, got {_shown(row)}.")
        for column, cell in row.items():
            if isinstance(cell, dict | list):
                raise BodyError(
                    f"{name}[{number}].{column[:_SHOWN]}: expected text, a number or null, got "
                    f"{_shown(cell)}."
                )
    # a frame is as wide as all names together, and as long as its records
    columns = dict.fromkeys(column for row in rows for column in row)
    if len(columns) > most_columns:
        raise _too_wide(name, len(columns), most_columns)
    if len(columns) * len(rows) > 10 * most:
        raise _too_long(f"{name}, cells", len(columns) * len(rows), 10 * most)
    return pd.DataFrame.from_records(rows, columns=list(columns))


def _too_long(name: str, found: int, most: int) -> BodyError:
    return BodyError(f"{name}: expected at most {most:,}, got {found:,}. Ask about fewer at once.")


def _too_wide(name: str, found: int, most: int) -> BodyError:
    return BodyError(
        f"{name}: expected at most {most:,} columns, got {found:,}. Send those of the model alone."
    )


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
