"""What the settings of a log are called where people type them: options of the command line."""

from __future__ import annotations

import csv
import re

#: Option -> setting, and what it is for.
DATA_OPTIONS = {
    "--layout": ("data.layout", "How the log is laid out."),
    "--time-column": ("data.columns.time", "Column with the time."),
    "--time-unit": ("data.time.unit", "Unit of the time; auto decides, and says so."),
    "--tz": ("data.time.tz", "Zone of time stamps that name none: Europe/Berlin, +01:00."),
    "--dayfirst/--no-dayfirst": ("data.time.dayfirst", "Read 03/04 as 3 April, or as March 4."),
    "--time-format": ("data.time.format", "strptime format of the time, e.g. '%d.%m.%Y %H:%M'."),
    "--id-column": ("data.columns.id", "Column with the id of the series; '' detects it anew."),
    "--channels": ("data.columns.channels", "Columns (long layout: names) to model, as a,b."),
    "--channel-column": ("data.columns.channel", "Long layout: column with the channel's name."),
    "--value-column": ("data.columns.value", "Long layout: column with the value."),
    "--static-columns": ("data.columns.static", "Columns that are constant in a series, as a,b."),
    "--future-columns": ("data.columns.future", "Inputs known for future times too, as a,b."),
    "--sep": ("data.cells.sep", "Separator of fields; 'tab' for a tabulator."),
    "--decimal": ("data.cells.decimal", "Decimal mark."),
    "--encoding": ("data.cells.encoding", "Encoding of the file, e.g. latin-1."),
    "--na": ("data.cells.na", "Texts and numbers that mean missing, as a,b; '': none."),
    "--quality": ("data.cells.quality", "Values that count: good, all, or words of the quality column."),
    "--duplicates": ("data.duplicates", "Readings of one series, channel and time."),
    "--on-bad-row": ("data.cells.on_bad_row", "Rows that cannot be read."),
    "--max-bad": ("data.cells.max_bad", "Largest share of bad cells, e.g. 1%."),
    "--min-obs": ("data.min_obs", "Series with fewer readings are left out of training."),
    "--clip-outliers": ("data.clip_outliers", "Clip beyond this many robust standard deviations."),
    "--max-channels": ("data.max_channels", "Refuse logs with more channels."),
    "--states": ("data.cells.states", "Words that stand for numbers, as Manual=0,Auto=1."),
    "--censored": ("data.cells.censored", "What <0.05 is: 0.05 (bound), or left out (missing)."),
    "--start": ("data.time.start", "Leave out rows before this time, or keep any."),
    "--end": ("data.time.end", "Leave out rows after this time, or keep any."),
    "--table": ("data.source.table", "Table of a database, or sheet of a spreadsheet."),
    "--query": ("data.source.query", "SQL that gives the log, of a database."),
    "--header-row": ("data.cells.header_row", "Line of the column names, from 1; 0 for none."),
    "--skip-rows": ("data.cells.skip_rows", "Ignore the first lines of the file."),
    "--ambiguous": ("data.time.ambiguous", "Readings in the hour that occurs twice."),
}
#: Settings that `LatentODE.fit` has arguments for.
_ARGUMENTS = {
    "data.columns.id": "id_column",
    "data.columns.time": "time_column",
    "data.columns.channel": "channel_column",
    "data.columns.value": "value_column",
}
_FLAGS = {
    name: setting for flags, (setting, _) in DATA_OPTIONS.items() for name in flags.split("/")
}
_TYPED = re.compile(
    r"(--[a-z][a-z-]*)(?:[= ](\"[^\"]*\"|'[^']*'|[^\s;:()]+?))?(?=[.,;:)]*(?:\s|$))"
)


def in_python(message: str) -> str:
    """Write a message that names options as one that names arguments and settings.

    Args:
        message: Such as ``Pass --na=-9999 if that means missing.``

    Returns:
        Such as ``Pass data.cells.na=('-9999',) if that means missing.``, with where settings go.
    """
    named: list[str] = []

    def replaced(match: re.Match[str]) -> str:
        flag, value = match.groups()
        setting = _FLAGS.get(flag)
        if setting is None:
            return match[0]
        argument = _ARGUMENTS.get(setting)
        if argument is None:
            named.append(setting)
        typed, rest = _value(flag, setting, value)
        return f"{argument or setting}{typed}{rest}"

    text = _TYPED.sub(replaced, message)
    if named:
        text += (
            " Settings are given as "
            f'LatentODE(config=LatentODEConfig().updated(**{{"{named[0]}": ...}})).'
        )
    return text


def _value(flag: str, setting: str, value: str | None) -> tuple[str, str]:
    """What stands for a value after the name, and a word that was none."""
    if flag.startswith("--no-") or setting == "data.time.dayfirst":
        return f"={not flag.startswith('--no-')}", "" if value is None else f" {value}"
    if value is None:
        return "", ""
    is_word = value in _WORDS or (value.isalpha() and value.islower() and len(value) > 1)
    if is_word and value not in _CHOICES:
        return "", f" {value}"
    plain = value[1:-1] if value[:1] in ('"', "'") else value
    if setting in ("data.cells.na", "data.columns.channels", "data.cells.states"):
        return f"={tuple(next(csv.reader([plain]), []))!r}", ""
    return f"={plain!r}", ""


_WORDS = {"or", "to", "and", "that", "with", "if", "is", "as", "for", "in", "of"}
_CHOICES = {
    *("drop", "nan", "error", "mean", "first", "last", "wide", "long", "bound", "missing"),
    *("good", "all", "s", "ms", "us", "ns", "min", "h", "d", "excel", "matlab", "julian", "mjd"),
}
