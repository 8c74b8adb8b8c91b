"""What every command that asks a trained model about a log is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentode.cli.options import (
    DATA_OPTIONS,
    Decorator,
    data_options,
    flags_of,
    given_settings,
    parameter_of,
)
from latentode.cli.outputs import (
    check_folder,
    check_output,
    output_option,
    overwrite_option,
)
from latentode.cli.runs.logs import Logs, logs_argument
from latentode.cli.runs.models import (
    device_option,
    load_exported,
    load_model,
    own_bounds,
    own_log,
    read_for,
    run_or_file_argument,
)
from latentode.cli.runs.run_folder import RunFolder
from latentode.cli.session import Outcome, Session

if TYPE_CHECKING:
    from latentode.data.dataset import TimeSeriesDataset
    from latentode.estimators import ExportedLatentODE, LatentODE

_missing_option = click.option(
    "--allow-missing-channels",
    "allow_missing",
    is_flag=True,
    help="Accept LOGS without some channels of the model: as if they were never read.",
)
_SHARED = ("run", "logs", "device", "output", "overwrite", "allow_missing")


@dataclass(frozen=True)
class Request:
    """A question to the model of a run: about which log, and where the answer goes.

    Attributes:
        session: Session of the call.
        run: RUN, or a model folder.
        logs: LOGS; None where none were named.
        device: Where the model computes.
        output: Where the caller wants the answer; None for the default.
        overwrite: Whether an existing output may be replaced.
        allow_missing: Whether LOGS may lack channels of the model.
        settings: Settings of the data that were given as options, by dotted name.
    """

    session: Session
    run: Path
    logs: Logs | None
    device: str
    output: Path | None
    overwrite: bool
    allow_missing: bool
    settings: Mapping[str, Any]

    def check_output(self, *suffixes: str) -> None:
        """Check that the output can be written, into a file of one of these endings or on stdout.

        Raises:
            UsageFailure: If the ending stands for no format, or stdout is wanted twice.
            OutputExistsError: If the output exists and may not be replaced.
            ResourceError: If the output cannot be written.
        """
        check_output(self.output, suffixes=suffixes, overwrite=self.overwrite, stdout=self.session)

    @property
    def home(self) -> Path | None:
        """The run folder that was named, or that the model which was named lies in; else None."""
        for folder in (self.run, self.run.parent if self.run.name == "model" else self.run):
            if (folder / "run.json").is_file():
                return folder
        return None

    def check_home(self, *names: str) -> None:
        """Check that the default output can be written, where none was named.

        Args:
            *names: Its folder in the run folder; none where it lies in the run folder itself.

        Raises:
            ResourceError: If it cannot.
        """
        if self.output is None and self.home is not None:
            check_folder(self.home.joinpath(*names))

    def load(self, *, reads_own: bool = False) -> tuple[LatentODE, RunFolder | None]:
        """The model, and its run folder where there is one.

        Args:
            reads_own: Whether the log of the training is read where no LOGS were named.

        Raises:
            UsageError: If options are about the reading of LOGS and nothing would heed them.
        """
        far = self._far_readings(reads_own)
        model, folder = load_model(self.run, self.session, self.device)
        if far is not None:
            model.set_far_readings(far)
        return model, folder

    def _far_readings(self, reads_own: bool) -> str | None:
        """What is to be done with far readings, once the options fit what is asked."""
        far: str | None = self.settings.get("data.far_readings")
        flags = flags_of(self.settings.keys() - {"data.far_readings"})
        unread = [*flags, *(["--allow-missing-channels"] if self.allow_missing else [])]
        if unread and self.logs is None and not reads_own:
            raise click.UsageError(f"{', '.join(unread)}: how LOGS are read, and none were given.")
        if "--min-obs" in flags:
            raise click.UsageError(
                "--min-obs: leaves series out of training, and this model is trained. Leave it out."
            )
        return far

    def load_either(
        self, *, reads_own: bool = False
    ) -> tuple[LatentODE | ExportedLatentODE, RunFolder | None]:
        """`load`, of a file that `export` wrote too, which is asked without torch.

        Args:
            reads_own: As in `load`.
        """
        if self.run.is_dir():
            return self.load(reads_own=reads_own)
        far = self._far_readings(reads_own)
        model = load_exported(self.run, self.device)
        if far is not None:
            model.set_far_readings(far)
        return model, None

    def read(
        self, model: LatentODE | ExportedLatentODE, *, allow_unread: bool = False
    ) -> TimeSeriesDataset | None:
        """LOGS as the model's own log was read, but for the settings that were given.

        Args:
            model: The model.
            allow_unread: Whether no series need have a reading.
        """
        if self.logs is None:
            return None
        return self._read(model, self.logs, {}, allow_unread=allow_unread)

    def read_or_own(
        self, model: LatentODE | ExportedLatentODE, folder: RunFolder | None
    ) -> TimeSeriesDataset:
        """The same; the log of the training where no LOGS were named."""
        if self.logs is not None:
            return self._read(model, self.logs, {})
        return self._read(model, own_log(self.run, folder), own_bounds(folder))

    def _read(
        self,
        model: LatentODE | ExportedLatentODE,
        logs: Logs,
        bounds: Mapping[str, Any],
        *,
        allow_unread: bool = False,
    ) -> TimeSeriesDataset:
        return read_for(
            model,
            logs,
            self.session,
            settings={**bounds, **self.settings},
            allow_missing=self.allow_missing,
            allow_unread=allow_unread,
        )


def request_options(*, logs_required: bool = False) -> Decorator:
    """Add RUN, LOGS and the options of a `Request`, which a command is given in their place."""

    def wrap(function: Callable[..., Outcome]) -> Callable[..., Outcome]:
        @wraps(function)
        def asked(session: Session, **options: Any) -> Outcome:
            # by name of the parameter; --device and --horizon of a command are no settings
            data = {name: options.pop(name) for name in map(parameter_of, DATA_OPTIONS)}
            shared = {name: options.pop(name) for name in _SHARED}
            return function(Request(session, settings=given_settings(data), **shared), **options)

        entry: Callable[..., Outcome] = asked
        for option in (
            data_options,
            _missing_option,
            overwrite_option,
            output_option,
            device_option,
            logs_argument(required=logs_required),
            run_or_file_argument,
        ):
            entry = option(entry)
        return entry

    return wrap
