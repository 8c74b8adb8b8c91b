"""A training run on event streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from latentode.cli import settings
from latentode.cli.options import resolve_options, sources_of
from latentode.cli.runs.event_files import describe
from latentode.cli.runs.job import Job
from latentode.cli.runs.run_folder import RunFolder
from latentode.cli.session import Session
from latentode.config import LatentODEConfig
from latentode.errors import ConfigError

if TYPE_CHECKING:
    from latentode.estimators.event_forecaster import EventForecaster

_TOLD_EVERY = 20  # steps; a line for each would bury the others
# settings that are others for events alone
_DEFAULTS: dict[str, Any] = {
    "model": {"latent_dim": 16, "hidden_dim": 64},
    "train": {"steps_per_epoch": 25, "batch_size": 48, "optimizer": {"lr": 0.01}},
}
# settings of cells that a table of events heeds
_CELLS = (
    "sep", "decimal", "encoding", "header_row", "skip_rows", "na", "states", "censored",
    "on_bad_row", "max_bad",
)  # fmt: skip
#: Settings, and tables of settings, that the reader of events heeds.
READ_OF_EVENTS = (
    "data.layout", "data.columns.time", "data.columns.id", "data.time.",
    "data.source.", *(f"data.cells.{name}" for name in _CELLS),
)  # fmt: skip
# those that a run uses
_USED = (
    *READ_OF_EVENTS,
    "model.latent_dim", "model.hidden_dim", "train.max_time", "train.max_epochs",
    "train.steps_per_epoch", "train.batch_size", "train.optimizer.lr", "train.seed", "train.device",
)  # fmt: skip


def event_settings(options: Mapping[str, Any]) -> LatentODEConfig:
    """Settings of a run on events alone, from the options of ``train``.

    Raises:
        ConfigError: If one is asked for that such a run does not use, with its name and source;
            defaults that nobody typed may stay.
    """
    config, sources = resolve_options(options, base=_DEFAULTS), sources_of(options)
    usual = settings.flat(LatentODEConfig().to_dict())
    unused = [
        f"{name} (by {sources[name]})"
        for name, value in settings.flat(config.to_dict()).items()
        if not name.startswith(_USED)
        and (value != usual[name] or sources.get(name, "").startswith("--"))
    ]
    if unused:
        raise ConfigError(
            f"{', '.join(unused)}: expected a log beside the events, got events alone. Their "
            "model uses no such setting: leave it out, or give LOGS as well."
        )
    return _completed(config)


def _completed(config: LatentODEConfig) -> LatentODEConfig:
    """The same with a value for what is None."""
    values = settings.flat(config.to_dict())
    usual = settings.flat(_DEFAULTS)
    return config.updated(**{name: usual[name] for name in usual if values[name] is None})


def settings_as_begun(config: LatentODEConfig) -> LatentODEConfig:
    """Settings that a stored run on events alone goes on with."""
    completed = _completed(config)
    if completed == config:
        return config
    usual = settings.flat(_DEFAULTS)  # begun by version 0.1.0, which had these two fixed
    fixed = ("train.optimizer.lr", "train.batch_size")
    return completed.updated(**{name: usual[name] for name in fixed})


def fit_events(session: Session, job: Job, folder: RunFolder | None) -> dict[str, Any]:
    """Train a point process on the events of a job; return its scores.

    Args:
        session: Session of the call.
        job: Events without a log.
        folder: Folder of the run, for checkpoints and the model.
    """
    from latentode.data.reading.events import read_events

    heads = job.heads
    assert heads.events is not None
    streams = read_events(
        heads.events, job.config.data, mark_column=heads.mark_column, windows=heads.windows
    )
    session.lines("plan", describe(streams))
    if heads.windows is None:
        session.warn(
            "no --windows: all series count as observed from the first to the last event of the "
            "file, which makes rates too high where streams are short"
        )

    model = _forecaster(job.config)
    total = model.steps

    def planned(steps: int) -> None:
        nonlocal total
        total = steps
        session.note(f"at most {steps} steps (of {model.steps}, to end within --max-time)")

    def told(step: int, loss: float) -> None:
        if step % _TOLD_EVERY == 0 or step == total:
            session.note(
                f"step {step} of {total}: {loss:.4f} nats per event",
                kind="epoch",
                facts={"step": step, "loss": loss},
            )

    model.fit(
        streams,
        mark_column=heads.mark_column,
        run_dir=None if folder is None else folder.path,
        resume=folder is not None and folder.has_checkpoint,
        on_step=told,
        on_plan=planned,
    )
    taken = len(model.losses_)
    if taken < total:
        session.note(
            f"--max-time {model.max_time} is over after {taken} of {total} steps: stopped, "
            "with the last state. Fewer --epochs would end with small steps."
        )
    return model.score()


def _forecaster(config: LatentODEConfig) -> EventForecaster:
    from latentode.estimators.event_forecaster import EventForecaster

    return EventForecaster(
        latent_dim=config.model.latent_dim,
        hidden_dim=config.model.hidden_dim,
        steps=config.train.max_epochs * config.train.steps_per_epoch,
        lr=config.train.optimizer.lr,
        batch_size=config.train.batch_size,
        max_time=config.train.max_time,
        random_state=config.train.seed,
        device=config.train.device,
        data=config.data,
    )
