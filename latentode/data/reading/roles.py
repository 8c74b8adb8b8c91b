"""The meaning of columns: roles, and the names that tell them."""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from latentode.errors import DataError

# in order of preference: a later name counts only where no earlier one stands
TIME_NAMES = (
    ("_time",),
    ("timestamp", "datetime", "date_time", "time_stamp", "time", "ds", "ts", "last_changed"),
    ("date", "epoch", "utc", "t", "index", "last_updated"),
)
ID_NAMES = (
    ("series", "series_id", "unique_id", "id", "item_id"),
    ("sensor", "sensor_id", "node", "node_id", "device", "device_id", "station", "station_id"),
    (
        "machine",
        "machine_id",
        "asset",
        "asset_id",
        "patient",
        "patient_id",
        "pump",
        "engine",
        "mote",
        "user",
        "user_id",
    ),
    ("unit", "unit_id", "unit_number", "host", "location", "site", "tag"),
)
CHANNEL_NAMES = (
    ("channel", "_field", "channel_name", "statistic_id", "entity_id", "__name__"),
    ("variable", "metric", "parameter", "field", "signal", "measure", "measurement", "quantity"),
    ("attribute", "feature", "var", "property", "analyte", "assay", "determinand"),
    (
        *("messgröße", "messgrösse", "messgroesse", "größe", "kanal", "kanalname", "parametername"),
        *("parameter_name", "parameter name", "grandeur", "paramètre", "parámetro", "parametro"),
        *("magnitud", "canal", "canale", "kanaal", "grootheid", "variable_name", "signal_name"),
        *("variablename", "signalname", "channelname", "channel name", "field_name"),
    ),
)
#: Names that mean the channel where a column of values stands beside them, and the series else.
TAG_NAMES = (
    (
        *("tag", "tagname", "tag_name", "tag name", "point", "pointname", "point_name"),
        *("point name", "nodeid", "displayname", "display_name", "display name", "datapoint"),
        *("datenpunkt", "kks", "itemid", "item_name", "item name", "topic", "varname"),
    ),
    ("name", "item", "sensor_name", "label"),
    ("bezeichnung", "messstelle", "nom", "nombre", "naam"),
)
VALUE_NAMES = (
    ("value", "_value"),
    ("reading", "val", "measured_value", "values", "result", "wert", "messwert", "valeur", "valor"),
    ("waarde", "valore", "numeric_value", "value_num", "valuenum", "varvalue", "state"),
)
QUALITY_NAMES = ("quality", "status", "flag", "qc", "qualifier", "validity", "qualität", "qualite")
#: Words of a quality column for values that count.
GOOD = frozenset(
    (
        *("good", "ok", "valid", "gut", "gültig", "bon", "bueno", "true", "g", "v", "passed"),
        *("pass", "approved", "verified", "accepted", "bonne", "buena", "buono", "valide"),
        *("válido", "valido", "goed", "geldig", "god", "dobry", "yes", "ja", "oui", "sí", "si"),
        *("provisional", "ratified", "ordnungsgemäß", "in ordnung", "i.o.", "io", "bom", "boa"),
    )
)
#: Words for values that do not.
BAD = frozenset(
    (
        *("bad", "uncertain", "invalid", "suspect", "questionable", "error", "fault", "missing"),
        *("estimated", "substituted", "false", "bad input", "not good", "stale", "failed", "fail"),
        *("b", "u", "s", "n", "out of range", "doubtful", "rejected", "poor", "no", "nein", "non"),
        *("schlecht", "ungültig", "unsicher", "fehler", "gestört", "mauvais", "mauvaise"),
        *("invalide", "douteux", "malo", "mala", "inválido", "dudoso", "cattivo", "non valido"),
        *("slecht", "ongeldig", "dålig", "n.i.o.", "nio", "ruim", "defekt", "unplausibel"),
    )
)
UNIT_NAMES = (
    "unit",
    "units",
    "uom",
    "unit_of_measurement",
    "einheit",
    "unité",
    "unidad",
    "eenheid",
)
MARK_NAMES = tuple(
    (name,) for name in ("mark", "event", "type", "kind", "alarm", "code", "event_type")
)
LABEL_NAMES = tuple((name,) for name in ("label", "class", "outcome", "target", "y"))
COUNTERS = ("id", "index", "row", "record", "unnamed: 0")


def check_present(name: str, names: Sequence[str], source: str, advice: str = "") -> None:
    """Refuse a configured column that the log does not have.

    Args:
        name: The column.
        names: Columns of the log.
        source: Name of the log.
        advice: What to do, a sentence.

    Raises:
        DataError: With the nearest name that there is.
    """
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise DataError(
            f"{source}: no column {name!r}. {hint}There are: {shown}. {advice}".rstrip()
        )


def check_role(role: str, name: str | None, names: Sequence[str], source: str) -> None:
    """Refuse a configured column of a role that the log does not have.

    Args:
        role: "time", "id", "channel" or "value".
        name: The column, several of the time; None where it is detected.
        names: Columns of the log.
        source: Name of the log.

    Raises:
        DataError: With the nearest name that there is.
    """
    if name is not None:
        advice = f"Name it with --{role}-column, or have it detected with --{role}-column ''."
        for part in time_parts(name, names) if role == "time" else (name,):
            check_present(part, names, source, advice)


def by_telling_name(names: Collection[str], ranks: Sequence[Sequence[str]]) -> list[str]:
    """Columns that have a telling name, those of the first rank that occurs."""
    for rank in ranks:
        called_so = [name for name in names if name.strip().lower() in rank]
        if called_so:
            return called_so
    return []


@dataclass(frozen=True)
class Quality:
    """A column that says which values are good.

    Attributes:
        column: Its name.
        good: Its words or codes for good values, in small letters; an empty cell is none.
        of: Columns of values that it speaks of; empty for all of its row.
    """

    column: str
    good: frozenset[str]
    of: tuple[str, ...] = ()

    def is_good(self, text: str) -> bool:
        """Whether a cell of the column says that the value counts; an empty one says nothing."""
        plain = plain_code(text)
        return not plain or plain in self.good


def plain_code(text: str) -> str:
    """A word or code of a column of quality in one spelling: small letters, 192.0 as 192."""
    return re.sub(r"^(\d+)\.0+$", r"\1", text.strip().lower())


@dataclass(frozen=True)
class Roles:
    """The meaning of each column.

    Attributes:
        layout: "wide", "long", "influx" or "homeassistant"; "rows" for ids, times and a text,
            without values.
        time_parts: Columns that are the time together, mostly one; none for rows without times.
        id: Column of series ids; None where the log is one series.
        channel: Long: column of channel names; rows: column of the text.
        value: Long: column of values.
        values: Columns of values beside `value`: the channels of a wide log, and planned inputs.
        future: Names of the planned inputs: columns, or in a long log channels.
        static: Static covariates.
        quality: Columns that say which values are good.
        chosen: True where the channels were configured, so that each of them must be numeric.
        missing: Spellings of a missing value beside the usual ones.
        left_out: Column -> why it is none of these.
    """

    layout: str
    time_parts: tuple[str, ...]
    id: str | None = None
    channel: str | None = None
    value: str | None = None
    values: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    quality: tuple[Quality, ...] = ()
    chosen: bool = False
    missing: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def time(self) -> str:
        """The columns of the time as ``--time-column`` names them; empty for rows without times."""
        if len(self.time_parts) < 2:
            return "".join(self.time_parts)
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(self.time_parts)
        return line.getvalue()

    def to_columns(self, channels: tuple[str, ...]) -> dict[str, Any]:
        """Roles for a report."""
        return {
            "time": self.time,
            "id": self.id,
            "channel": self.channel,
            "value": self.value,
            "channels": channels,
            "static": self.static,
            "future": self.future,
        }


def time_parts(wanted: str, names: Sequence[str]) -> tuple[str, ...]:
    """Columns that a setting of the time names: one, or several as ``Date,Time``.

    Args:
        wanted: The setting.
        names: Columns of the log.
    """
    if wanted in names:
        return (wanted,)
    parts = tuple(part.strip() for part in next(csv.reader([wanted], skipinitialspace=True), []))
    return parts if parts and all(part in names for part in parts) else (wanted,)


_NUMBERS = re.compile(r"[0-9]+|[^0-9]+")  # and what stands between them


def natural_key(name: str) -> tuple[list[tuple[int, str]], str]:
    """Key that sorts "pump-2" before "pump-10", and tells "7" from "007"."""
    key = []
    for part in _NUMBERS.findall(name):
        number = part.lstrip("0")
        # numbers before words; a longer number is a larger one
        key.append((len(number), number) if part[0] in "0123456789" else (1 << 62, part))
    return key, name
