"""What the settings of a log are called where people type them: options of the command line."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Mapping

#: Option -> setting, and what it is for.
DATA_OPTIONS = {
    "--layout": ("data.layout", "How the log is laid out."),
    "--time-column": ("data.columns.time", "Column with the time."),
    "--time-unit": ("data.time.unit", "Unit of the time; auto decides, and says so."),
    "--tz": ("data.time.tz", "Zone of time stamps that name none: Europe/Berlin, +01:00."),
    "--interval": ("data.time.interval", "Readings of numbered intervals: start, or end."),
    "--dayfirst/--no-dayfirst": ("data.time.dayfirst", "Read 03/04 as 3 April, or as March 4."),
    "--year": ("data.time.year", "Year of the first row, where dates tell none."),
    "--time-format": ("data.time.format", "strptime format of the time, e.g. '%d.%m.%Y %H:%M'."),
    "--id-column": ("data.columns.id", "Column with the id of the series; '' detects it anew."),
    "--channels": ("data.columns.channels", "Columns (long layout: names) to model, as a,b."),
    "--pairs": ("data.columns.pairs", "Columns of cells as 120/80: two channels each, as a,b."),
    "--channel-column": ("data.columns.channel", "Long layout: column with the channel's name."),
    "--value-column": ("data.columns.value", "Long layout: column with the value."),
    "--static-columns": ("data.columns.static", "Columns that are constant in a series, as a,b."),
    "--future-columns": (
        "data.columns.future",
        "Planned inputs (future covariates), known ahead, as a,b.",
    ),
    "--sep": ("data.cells.sep", "Separator of fields; 'tab' for a tabulator."),
    "--decimal": ("data.cells.decimal", "Decimal mark."),
    "--encoding": ("data.cells.encoding", "Encoding of the file, e.g. latin-1."),
    "--na": (
        "data.cells.na",
        "Texts and numbers that mean missing: a,b or channel=a; '': none.",
    ),
    "--quality": (
        "data.cells.quality",
        "Values that count: good, all, or words of the quality column.",
    ),
    "--duplicates": (
        "data.duplicates",
        "What to do with several values of one series, channel and time.",
    ),
    "--on-bad-row": ("data.cells.on_bad_row", "What to do with rows that cannot be read."),
    "--max-bad": ("data.cells.max_bad", "Largest share of bad cells, e.g. 1%."),
    "--min-obs": ("data.min_obs", "Series with fewer readings are left out of training."),
    "--clip-outliers": ("data.clip_outliers", "Clip beyond this many robust standard deviations."),
    "--far-readings": (
        "data.far_readings",
        "Readings absurdly far from those of the training: drop, or keep to follow them.",
    ),
    "--max-channels": ("data.max_channels", "Refuse logs with more channels."),
    "--states": ("data.cells.states", "Words that stand for numbers, as Manual=0,Auto=1."),
    "--censored": ("data.cells.censored", "What <0.05 is: 0.05 (bound), or left out (missing)."),
    "--start": ("data.time.start", "Leave out rows before this time, or keep any."),
    "--end": ("data.time.end", "Leave out rows after this time, or keep any."),
    "--table": ("data.source.table", "Table of a database, or sheet of a spreadsheet."),
    "--query": ("data.source.query", "SQL that gives the log, of a database."),
    "--header-row": ("data.cells.header_row", "Line of the column names, from 1; 0 for none."),
    "--skip-rows": ("data.cells.skip_rows", "Ignore the first lines of the file."),
    "--ambiguous": ("data.time.ambiguous", "Which hour is meant where the clocks went back."),
}
#: Argument of `LatentODE.fit` -> setting: how a log is read, by the names of the options.
READING = {
    flags.partition("/")[0].removeprefix("--").replace("-", "_"): setting
    for flags, (setting, _) in DATA_OPTIONS.items()
} | {name: f"channels.{name}" for name in ("counters", "lower", "upper", "kinds")}
#: Options that `LatentODE.fit` and `LatentODE` have arguments for.
ARGUMENTS = {
    **{f"--{name.replace('_', '-')}": name for name in READING},
    "--no-dayfirst": "dayfirst",
    "--events": "events",
    "--mark-column": "mark_column",
    "--windows": "windows",
    "--model-times": "model_times",
    "--label-column": "label_column",
    "--context": "context",
    "--horizon": "horizon",
}
#: Where settings go that a log is trained on with; {name} stands for one of them.
IN_TRAINING = (
    'Settings are given as LatentODE(config=LatentODEConfig().updated(**{{"{name}": ...}})).'
)
_SETTINGS = {
    name: setting for flags, (setting, _) in DATA_OPTIONS.items() for name in flags.split("/")
} | {"--split": "windows.split", "--counters": "channels.counters"}
_TYPED = re.compile(
    r"(?:\btrain (?=--events))?(?<![\w-])(--[a-z]+(?:-[a-z]+)*)"
    r"(?:[= ](\"[^\"]*\"|'[^']*'|[^\s;()]+?)(?=[.,;:)?]*(?:\s|$)))?"
)
# advice that nothing in Python corresponds to
_OF_THE_PROGRAM = re.compile(r",? or,?(?: for a trained model,)? pass --allow-missing-channels")
# what follows an option in a sentence, and is nothing to type
_PROSE = frozenset(
    {
        *("or", "and", "to", "that", "with", "if", "is", "as", "for", "in", "of", "left", "says"),
        *("cannot", "allows", "where", "alone", "again", "given", "reads", "leaves", "but"),
    }
)
#: Settings that are lists of names or words.
LISTS = ("data.cells.na", "data.cells.states", "data.columns.channels", "data.columns.pairs",
          "data.columns.static", "data.columns.future", *(f"channels.{name}" for name in (
              "counters", "lower", "upper", "kinds")))  # fmt: skip
_NUMBERS = ("data.time.year", "data.cells.header_row", "data.cells.skip_rows", "data.min_obs",
            "data.max_channels", "data.cells.max_bad", "data.clip_outliers")  # fmt: skip


def in_python(
    message: str, arguments: Mapping[str, str] = ARGUMENTS, settings_go: str = IN_TRAINING
) -> str:
    """Write a message that names options as one that names arguments and settings.

    Args:
        message: Such as ``Pass --na=-9999 if that means missing.``
        arguments: Option -> argument, of options that stand for an argument.
        settings_go: Sentence that says where settings go, with {name} for one of them.

    Returns:
        Such as ``Pass data.cells.na=('-9999',) if that means missing.``, with where settings go.
    """
    named: list[str] = []

    def replaced(match: re.Match[str]) -> str:
        flag, value = match.groups()
        name = arguments.get(flag) or _SETTINGS.get(flag)
        if name is None:
            return match[0]
        if flag not in arguments:
            named.append(name)
        if value is not None and value.rstrip(",.:") in _PROSE:
            return f"{name}{_switched(flag)} {value}"
        if flag in ("--dayfirst", "--no-dayfirst"):
            return f"{name}{_switched(flag)}" + ("" if value is None else f" {value}")
        return name if value is None else f"{name}={_value(READING.get(name, name), value)}"

    if "--allow-missing-channels" not in arguments:
        message = _OF_THE_PROGRAM.sub("", message)
    text = _TYPED.sub(replaced, message)
    return f"{text} {settings_go.format(name=named[0])}" if named else text


def _switched(flag: str) -> str:
    return {"--dayfirst": "=True", "--no-dayfirst": "=False"}.get(flag, "")


def _value(setting: str, typed: str) -> str:
    """A value as Python writes it; of ``a|b`` each."""
    try:
        plain = "".join(shlex.split(typed))
    except ValueError:  # a quote that stands for itself
        plain = typed
    if setting in LISTS:
        return repr(tuple(name.strip() for name in next(csv.reader([plain]), [])))
    if not plain:
        return "None"
    if setting in _NUMBERS and re.fullmatch(r"[\d.]*\d", plain):
        return plain
    if setting == "data.cells.max_bad" and plain.endswith("%"):
        return f"{float(plain[:-1]) / 100:g}"
    return " or ".join(map(repr, plain.split("|"))) if "|" in plain[1:-1] else repr(plain)
