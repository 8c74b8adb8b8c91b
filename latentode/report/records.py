"""All that a report tells, as JSON types: what `report --json` answers and its page is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from latentode.model_card import SCORED
from latentode.report.cautions import cautions
from latentode.report.data import density_charts, reading_records, split_records
from latentode.report.events import label_records, rate_records, stream_records
from latentode.report.forecasts import kinds_in_words, look_back_records, next_records
from latentode.report.run_files import RunFiles
from latentode.report.scores import score_records
from latentode.report.training import training_records

if TYPE_CHECKING:
    from latentode.data.dataset import TimeSeriesDataset
    from latentode.estimators import LatentODE
    from latentode.estimators.event_forecaster import EventForecaster

#: Version of the form of the records.
SCHEMA = 1
_OF_RUN = (
    "status", "kind", "started", "ended", "command", "seed", "threads", "versions", "log", "events",
    "labels", "updates",
)  # fmt: skip
_PATHS = ("path", "source", "log")  # where they are texts


@dataclass
class Records:
    """Sections of a report, and the charts that they name.

    Attributes:
        sections: Section -> its records.
        charts: Name -> chart, as ``charts.js`` takes it.
        missing: What is not told and why, with the command that changes it.
        path: The run folder.
    """

    path: Path
    sections: dict[str, Any] = field(default_factory=dict)
    charts: dict[str, Any] = field(default_factory=dict)
    missing: list[dict[str, str]] = field(default_factory=list)

    def add(self, name: str, found: tuple[Any, dict[str, Any]]) -> None:
        """Take a section and its charts; an empty one is left out.

        Args:
            name: Its name.
            found: Records and charts.
        """
        records, charts = found
        if records:
            self.sections[name] = records
            self.charts |= charts

    def lack(self, what: str, command: str = "") -> None:
        """Say what is missing.

        Args:
            what: In a sentence.
            command: What to type for it.
        """
        self.missing.append({"what": what, "command": command})

    def to_dict(self) -> dict[str, Any]:
        """Everything, JSON types."""
        return {
            "schema": SCHEMA,
            **self.sections,
            "missing": self.missing,
            "charts": self.charts,
        }


def of_run(files: RunFiles, commands: Sequence[dict[str, str]]) -> Records:
    """What the files of a run tell, without its model and its log.

    Args:
        files: The files.
        commands: What to type next: "command" and "what" it does.
    """
    records = Records(files.path)
    run = {
        name: _without_folders(files.run[name])
        for name in _OF_RUN
        if files.run.get(name) is not None
    }
    records.sections["run"] = {"name": files.path.resolve().name, **run}
    records.add("data", (_without_folders(reading_records(files.reading, files.named_missing)), {}))
    records.add("training", training_records(files.epochs))
    records.add("scores", score_records(files.scores, files.compared))
    if files.scores:
        about = files.scores.get(SCORED)
        told = about if isinstance(about, dict) else {}
        records.sections["scored"] = {"at": files.scored, **_without_folders(told)}
    records.sections["card"] = files.card
    records.sections["next"] = list(commands)
    return records


def _without_folders(record: Any) -> Any:
    """A record of files by their names: where they lie is nobody's business who gets the page."""
    if isinstance(record, list):
        return [_without_folders(each) for each in record]
    if not isinstance(record, dict):
        return record
    return {
        key: PurePath(value).name
        if key in _PATHS and isinstance(value, str)
        else _without_folders(value)
        for key, value in record.items()
    }


def add_model(records: Records, model: LatentODE, log: TimeSeriesDataset | None) -> None:
    """Add what a model of readings tells, and its log where it is there.

    Args:
        records: Take it.
        model: The model.
        log: The log, aligned with the model; None where it is not there.
    """
    fitted = model.fitted_
    schema = fitted.schema
    card = model.describe(records.path)
    trainings = records.sections.get("scored", {}).get("trainings")
    if trainings not in (None, 1 + len(fitted.later)):
        records.lack("Scores of the model as it is now: those that are here are of an earlier one.")
    records.sections["model"] = {
        "parameters": card["parameters"],
        "context_ns": schema.lengths.context_ns,
        "horizon_ns": schema.lengths.horizon_ns,
        "reason": schema.lengths.reason,
        "kinds": kinds_in_words(schema.special_kinds()),
        "calibration": card.get("calibration") or "",
        "card": card["model_card"],
    }
    typed = records.sections["run"].get("command") or ()
    records.sections["cautions"] = cautions(fitted, card["model_card"], typed)
    if log is not None:
        records.charts |= density_charts(log, schema.split)
        records.sections["split"] = split_records(schema.split, log)
        records.add("look_back", look_back_records(model, log))
    records.add("forecast", next_records(model, fitted.context if log is None else log))
    if fitted.log.events is not None:
        records.add("events", stream_records(fitted.log.events.streams))
    if fitted.log.labels is not None:
        records.sections["labels"] = label_records(fitted.log.labels)


def add_events(records: Records, model: EventForecaster) -> None:
    """Add what a model of events alone tells.

    Args:
        records: Take it.
        model: The model.
    """
    found, charts = stream_records(model.fitted_.streams)
    rates, drawn = rate_records(model)
    records.add("events", ({**found, "rates": rates}, charts | drawn))
    records.sections["model"] = {"parameters": model.fitted_.num_parameters}
