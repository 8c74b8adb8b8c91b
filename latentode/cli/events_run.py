"""A training run on event streams."""

from __future__ import annotations

from pathlib import Path

from latentode.cli.event_files import EventFile, describe, read_windows
from latentode.cli.provenance import fingerprint
from latentode.cli.run_folder import new_folder, start_new
from latentode.cli.session import Outcome, Session
from latentode.config import LatentODEConfig
from latentode.files import RunLock

_TOLD_EVERY = 20


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
        config: Settings; the sizes of the model, epochs, seed and the way files are read count.
        out: Folder of the run.
        name: First part of its name, where `out` is None.
        threads: Threads of torch.
    """
    path = new_folder(name or file.path.resolve().name.split(".")[0] or "events", out)
    with RunLock(path):
        folder = start_new(path)
        session.run_dir = path
        facts = {
            "kind": "events",
            "command": [*session.program.split(), *session.args],
            "log": fingerprint(file.path),
            "seed": config.train.seed,
            "threads": threads,
        }
        with folder.recorded(**facts):
            folder.write_config(config)
            metrics = _fit(session, file, config, folder.model_path, threads)
    session.lines("next", ["next:", f"  {session.command_line('events', path)}"])
    return Outcome(run_dir=path, metrics=metrics)


def _fit(
    session: Session, file: EventFile, config: LatentODEConfig, target: Path, threads: int | None
) -> dict[str, float]:
    import torch

    from latentode.data.event_frame import read_events
    from latentode.event_estimator import EventForecaster

    if threads is not None:
        torch.set_num_threads(threads)
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

    model = EventForecaster(
        latent_dim=config.model.latent_dim,
        hidden_dim=config.model.hidden_dim,
        steps=config.train.max_epochs * config.train.steps_per_epoch,
        random_state=config.train.seed,
        data=config.data,
    )
    model.fit(streams, mark_column=file.mark_column, on_step=told)
    model.save(target)
    return model.score()
