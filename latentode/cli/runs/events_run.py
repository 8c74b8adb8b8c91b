"""A training run on event streams."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentode.cli import settings
from latentode.cli.options import resolve_options, sources_of
from latentode.cli.runs.event_files import EventFile, describe
from latentode.cli.runs.run_folder import RunFolder, new_folder, proposing_resume, start_new
from latentode.cli.session import Outcome, Session
from latentode.cli.signals import Stopped
from latentode.config import LatentODEConfig
from latentode.errors import ConfigError
from latentode.files import RunLock

if TYPE_CHECKING:
    from latentode.estimators.event_forecaster import EventForecaster

_TOLD_EVERY = 20  # steps; a line for each would bury the others
# settings that are others for events alone
_DEFAULTS: dict[str, Any] = {
    "model": {"latent_dim": 16, "hidden_dim": 64},
    "train": {"steps_per_epoch": 25, "batch_size": 48, "optimizer": {"lr": 0.01}},
}
# settings, and tables of settings, that a run uses
_USED = (
    "data.layout", "data.max_channels", "data.columns.time", "data.columns.id", "data.time.",
    "data.cells.", "model.latent_dim", "model.hidden_dim", "train.max_time", "train.max_epochs",
    "train.steps_per_epoch", "train.batch_size", "train.optimizer.lr", "train.seed", "train.device",
)  # fmt: skip


def train_events(
    session: Session,
    file: EventFile,
    config: LatentODEConfig,
    *,
    out: Path | None,
    name: str | None,
    threads: int | None,
) -> Outcome:
    """Train a point process in a new folder.

    Args:
        session: Session of the call.
        file: The events.
        config: Its `event_settings`.
        out: Folder of the run.
        name: First part of its name, where `out` is None.
        threads: Threads of torch.
    """
    path = new_folder(name or file.path.resolve().name.split(".")[0] or "events", out)
    with RunLock(path):
        folder = start_new(path)
        session.run_dir = path
        with proposing_resume(session, folder), folder.recorded(
            **_facts(session, file, config, threads)
        ):  # fmt: skip
            folder.write_config(config)
            return _fit(session, file, config, folder, threads)


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


def continue_events(
    session: Session, folder: RunFolder, config: LatentODEConfig, threads: int | None
) -> Outcome:
    """Continue the run of a folder from its last checkpoint, or from the start without one.

    Args:
        session: Session of the call.
        folder: Folder of a run on events, not done.
        config: Its settings, with what was changed.
        threads: Threads; None takes those of the run, which its bits depend on.
    """
    completed = _completed(config)
    if completed != config:  # begun by version 0.1.0, which had these two fixed
        usual = settings.flat(_DEFAULTS)
        fixed = ("train.optimizer.lr", "train.batch_size")
        config = completed.updated(**{name: usual[name] for name in fixed})
    file = EventFile.recorded(folder.record["events"])
    threads = threads or folder.record.get("threads")
    facts = _facts(session, file, config, threads)
    with folder.held(), proposing_resume(session, folder), folder.recorded(**facts):
        folder.write_config(config)
        return _fit(session, file, config, folder, threads)


def _facts(
    session: Session, file: EventFile, config: LatentODEConfig, threads: int | None
) -> dict[str, Any]:
    return {
        "kind": "events",
        "command": [*session.program.split(), *session.args],
        "events": file.record(),
        "seed": config.train.seed,
        "threads": threads,
    }


def _fit(
    session: Session,
    file: EventFile,
    config: LatentODEConfig,
    folder: RunFolder,
    threads: int | None,
) -> Outcome:
    import torch

    from latentode.data.reading.events import read_events
    from latentode.training import Interrupted

    if threads is not None:
        torch.set_num_threads(threads)
    folder.update(threads=torch.get_num_threads())
    streams = read_events(
        file.path, config.data, mark_column=file.mark_column, windows=file.windows
    )
    session.lines("plan", describe(streams))
    if file.windows is None:
        session.warn(
            "no --windows: all series count as observed from the first to the last event of the "
            "file, which makes rates too high where streams are short"
        )

    def told(step: int, loss: float) -> None:
        if step % _TOLD_EVERY == 0 or step == model.steps:
            session.note(
                f"step {step} of {model.steps}: {loss:.4f} nats an event",
                kind="epoch",
                facts={"step": step, "loss": loss},
            )

    model = _forecaster(config)
    try:
        model.fit(
            streams, mark_column=file.mark_column, run_dir=folder.path,
            resume=folder.has_checkpoint, on_step=told,
        )  # fmt: skip
    except Interrupted as stop:
        raise Stopped(int(stop.signal), saved=True) from stop
    _say_if_cut_short(session, model)
    session.lines("next", ["next:", f"  {session.command_line('events', folder.path)}"])
    return Outcome(run_dir=folder.path, metrics=model.score())


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


def _say_if_cut_short(session: Session, model: EventForecaster) -> None:
    taken = len(model.losses_)
    if taken < model.steps:
        session.note(
            f"--max-time {model.max_time} is over after {taken} of {model.steps} steps: stopped, "
            "with the last state. Fewer --epochs would end with small steps."
        )
