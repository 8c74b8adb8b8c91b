"""A training run on event streams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from latentode.cli.runs.event_files import EventFile, describe, read_windows
from latentode.cli.runs.run_folder import RunFolder, new_folder, proposing_resume, start_new
from latentode.cli.session import Outcome, Session
from latentode.cli.signals import Stopped
from latentode.config import LatentODEConfig
from latentode.errors import ConfigError
from latentode.files import RunLock

_STEPS_PER_EPOCH = 25  # where the settings leave the number open
_TOLD_EVERY = 20  # steps; a line for each would bury the others


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
        config: Settings; the sizes of the model, epochs, seed, device and the way files are read
            count.
        out: Folder of the run.
        name: First part of its name, where `out` is None.
        threads: Threads of torch.

    Raises:
        ConfigError: If a setting is asked for that only models of readings have.
    """
    _refuse_latent_settings(config)
    path = new_folder(name or file.path.resolve().name.split(".")[0] or "events", out)
    with RunLock(path):
        folder = start_new(path)
        session.run_dir = path
        with proposing_resume(session, folder), folder.recorded(
            **_facts(session, file, config, threads)
        ):  # fmt: skip
            folder.write_config(config)
            return _fit(session, file, config, folder, threads)


def _refuse_latent_settings(config: LatentODEConfig) -> None:
    asked = [f"train.regularizers.{k}" for k, v in config.train.regularizers if v]
    asked += ["train.fit_prior"] if config.train.fit_prior else []
    if asked:
        raise ConfigError(
            f"{asked[0]}: expected a log beside the events, got events alone. Their model has "
            "neither a prior nor penalised paths: leave it out, or give LOGS as well."
        )


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
    from latentode.estimators.event_forecaster import EventForecaster
    from latentode.training import Interrupted

    if threads is not None:
        torch.set_num_threads(threads)
    folder.update(threads=torch.get_num_threads())
    windows = read_windows(file.windows)
    streams = read_events(file.path, config.data, mark_column=file.mark_column, windows=windows)
    session.lines("plan", describe(streams))
    if windows is None:
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

    sizes = config.model.resolved()
    model = EventForecaster(
        latent_dim=sizes.latent_dim,
        hidden_dim=sizes.hidden_dim,
        steps=config.train.max_epochs * (config.train.steps_per_epoch or _STEPS_PER_EPOCH),
        random_state=config.train.seed,
        device=config.train.device,
        data=config.data,
    )
    try:
        model.fit(
            streams, mark_column=file.mark_column, run_dir=folder.path,
            resume=folder.has_checkpoint, on_step=told,
        )  # fmt: skip
    except Interrupted as stop:
        raise Stopped(int(stop.signal), saved=True) from stop
    session.lines("next", ["next:", f"  {session.command_line('events', folder.path)}"])
    return Outcome(run_dir=folder.path, metrics=model.score())
