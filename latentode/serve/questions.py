"""What may be asked, and with which parameters: those of the command line, without the dashes."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from latentode.config import LatentODEConfig
from latentode.config.data_options import DATA_OPTIONS, LISTS
from latentode.config.levels import parse_levels
from latentode.errors import ConfigError

#: Options that a request does not have: they name databases, raise limits, or are for training.
_NOT_ASKED = frozenset({"--table", "--query", "--max-channels", "--min-obs"})
_OF_READING = {
    flags.partition("/")[0].removeprefix("--"): row
    for flags, row in DATA_OPTIONS.items()
    if flags not in _NOT_ASKED
}
#: Parameters that say how a log is read.
HOW_IT_IS_READ = frozenset({*_OF_READING, "allow-missing-channels"})
_LONGEST = 500  # characters of a parameter; the longest are lists of names
Text = Annotated[str, Field(max_length=_LONGEST, min_length=1)]
_MaybeEmpty = Annotated[str, Field(max_length=_LONGEST)]
_MOST_DRAWS = 1_000_000  # beyond any limit that an operator would set


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


_FIELDS: dict[str, Any] = {
    name.replace("-", "_"): (_MaybeEmpty | None, Field(None, alias=name, description=text))
    for name, (_, text) in _OF_READING.items()
}
_FIELDS["allow_missing_channels"] = (
    bool,
    Field(
        False,
        alias="allow-missing-channels",
        description="Accept a log without some channels of the model.",
    ),
)
_Reading: Any = create_model("_Reading", __base__=_Asked, **_FIELDS)


def _levels(text: Any) -> Any:
    """Increasing probabilities of a text."""
    return ",".join(map(repr, parse_levels(text))) if isinstance(text, str) else text


class _Predicted(_Reading):
    every: Text | None = Field(None, description="Time step of the answer, e.g. 5min.")
    align: Literal["clock", "origin"] | None = Field(
        None, description="Times at full steps of the clock, or counted from each series' reading."
    )
    samples: int = Field(200, ge=1, le=_MOST_DRAWS, description="Sample paths of each series.")
    quantiles: Annotated[Text | None, BeforeValidator(_levels)] = Field(
        None, description="Columns of the answer, e.g. 0.05,0.5,0.95."
    )


class Forecast(_Predicted):
    """Parameters of a forecast."""

    horizon: Text | None = Field(None, description="How far beyond the last reading, e.g. 6h.")
    origin: Text | None = Field(
        None, alias="from", description="When series without a reading begin."
    )


class Interpolation(_Predicted):
    """Parameters of an interpolation."""

    at_missing: bool = Field(
        False, alias="at-missing", description="At the empty cells of the log."
    )


class Score(_Reading):
    """Parameters of anomaly scores."""

    samples: int = Field(
        200, ge=2, le=_MOST_DRAWS, description="Samples of the latent state that are averaged over."
    )


class Events(_Reading):
    """Parameters of rates of events and of what comes next."""

    every: Text | None = Field(None, description="Time step of the rates, e.g. 5min.")
    horizon: Text | None = Field(
        None, description="How far ahead, e.g. 6h; ten mean gaps by default."
    )
    samples: int = Field(100, ge=2, le=_MOST_DRAWS, description="Sample paths.")
    table: Literal["intensity", "next_event"] = Field(
        "intensity", description="Which of both tables a CSV answer holds."
    )


class Inspection(_Reading):
    """Parameters of what is detected in a log."""

    rows: int = Field(
        500, ge=0, le=5_000, description="Newest rows of each series that are answered."
    )


#: What is asked -> its parameters.
QUESTIONS: Mapping[str, type[BaseModel]] = {
    "forecast": Forecast,
    "interpolate": Interpolation,
    "score": Score,
    "events": Events,
    "inspect": Inspection,
}


def config_for(trained: LatentODEConfig, asked: Mapping[str, Any]) -> LatentODEConfig:
    """Settings to read a log with: those of the training, but for what was asked.

    Args:
        trained: Settings of the training.
        asked: Parameters by name, with dashes.

    Raises:
        ConfigError: If one is out of range, by its name.
    """
    given = {
        _OF_READING[name][0]: _value(name, _OF_READING[name][0], text)
        for name, text in asked.items()
        if name in _OF_READING
    }
    # a body is no database, whatever the log of the training was
    sources = trained.data.source
    if sources.table is not None or sources.query is not None:
        given |= {"data.source.table": None, "data.source.query": None}
    if not given:
        return trained
    layout = given.get("data.layout", trained.data.layout)
    if layout != trained.data.layout:  # the columns of one layout mean nothing in another
        roles = ("time", "id", "channel", "value")
        given = {f"data.columns.{role}": None for role in roles} | given
    return trained.updated(**given)


def _value(name: str, setting: str, text: str) -> Any:
    """The value of a setting as it is typed; an empty text has it detected."""
    if setting in LISTS:
        try:
            row = next(csv.reader([text], skipinitialspace=True), [])
        except csv.Error as error:
            raise ConfigError(f"{name}: expected names as a,b, got {text!r} ({error}).") from None
        return [each.strip() for each in row]
    if text == "":
        return None
    if name == "sep" and text in ("tab", "\\t"):
        return "\t"
    if name == "max-bad" and text.endswith("%"):
        try:
            return float(text[:-1]) / 100
        except ValueError:
            return text
    return text
