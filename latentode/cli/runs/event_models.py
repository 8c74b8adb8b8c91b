"""Models of events alone, of the commands that ask them: where they lie, what they read and say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentode.cli.options import flags_of
from latentode.cli.runs.event_files import describe
from latentode.cli.runs.events_run import READ_OF_EVENTS
from latentode.cli.runs.models import config_for
from latentode.cli.session import Session
from latentode.config import LatentODEConfig

if TYPE_CHECKING:
    from latentode.data.events import EventStreams
    from latentode.estimators.event_forecaster import EventForecaster

# settings that go with the clock of the model, and that a table of rows has no use for
_OF_THE_TRAINING = ("data.layout", "data.time.unit")


@dataclass(frozen=True)
class EventModel:
    """The folder of a model of events alone.

    Attributes:
        path: Folder of the model.
        home: Folder of the run; None for a model outside of one.
    """

    path: Path
    home: Path | None

    @classmethod
    def find(cls, run: Path, session: Session) -> EventModel | None:
        """The model of a run folder, or in a model folder; None where it is of readings.

        Args:
            run: The folder that was named.
            session: Session of the call, which learns the run folder.
        """
        if (run / "model" / "events.json").is_file():
            found = cls(run / "model", run)
        elif (run / "events.json").is_file():
            is_run = run.name == "model" and (run.parent / "run.json").is_file()
            found = cls(run, run.parent if is_run else None)
        else:
            return None
        session.run_dir = found.home
        return found

    def read(
        self,
        session: Session,
        file: Path | None,
        windows: Path | None,
        *,
        device: str,
        settings: Mapping[str, Any] | None = None,
    ) -> tuple[EventForecaster, EventStreams]:
        """The model, and a file of events as its own were read.

        Args:
            session: Told what was read.
            file: The events; None for those of the training.
            windows: When each series of the file was observed.
            device: Where the model computes.
            settings: Settings of the data that were given, by dotted name; None for none.

        Raises:
            UsageError: If windows or settings are given of a file that was not.
        """
        from latentode.estimators.event_forecaster import EventForecaster, streams_of

        if windows is not None and file is None:
            raise click.UsageError("--windows are those of a file: name the events as well.")
        if settings and file is None:
            flags = ", ".join(flags_of(settings))
            raise click.UsageError(f"{flags}: how EVENTS are read, and none were named.")
        model = EventForecaster.load(self.path, device=device)
        data = config_for(LatentODEConfig(data=model.fitted_.data), settings or {}).data
        streams = streams_of(model.fitted_, file, windows, model.random_state, data=data)
        session.lines("plan", describe(streams))
        return model, streams


def scores_of(model: EventForecaster, streams: EventStreams) -> dict[str, Any]:
    """Nats per event and tests of fit of a model, as `event_lines` writes them."""
    from latentode.models.point_processes import goodness_of_fit

    tests = goodness_of_fit.as_numbers(model.goodness_of_fit(streams))
    return {**model.score(streams), "unit": model.fitted_.unit, "tests": tests}


def unread_by_events(settings: Mapping[str, Any]) -> list[str]:
    """The options, of settings that were given, that say nothing of a file of events."""
    return flags_of(
        [
            name
            for name in settings
            if name in _OF_THE_TRAINING or not name.startswith(READ_OF_EVENTS)
        ]
    )
