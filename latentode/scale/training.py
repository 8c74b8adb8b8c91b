"""Training on a log in parts, whatever its size: the settings of a log in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from latentode.config import DataConfig, LatentODEConfig
from latentode.config.launch import processes_told, told
from latentode.config.messages import explain
from latentode.data.parting import Parting
from latentode.errors import ConfigError, DataError
from latentode.estimators.latent_ode import LatentODE
from latentode.models.fitted.training_log import TrainingLog
from latentode.progress_bar import bar_unless
from latentode.scale.census import Census
from latentode.scale.parts import Parts
from latentode.scale.statistics import learn_schema
from latentode.scale.streaming import StreamingSampler, fitting, training_log
from latentode.training.fit import fit_prepared
from latentode.training.prepare import TrainingData, resolved_for
from latentode.training.stopping import stops_early
from latentode.training.trainer import ProgressRecord

_SAMPLE = 22  # names the stream of random numbers that chooses the sample
# settings of the data that are about training; all others were settled when the parts were made
_FIRST_PASS = "windows, split and scales first: every part is read, and each channel of all parts"
_OF_TRAINING = ("min_obs", "far_readings")


def fit(
    parts: Parts | str | Path,
    config: LatentODEConfig | None = None,
    *,
    run_dir: str | Path | None = None,
    resume: bool = False,
    on_event: Callable[[ProgressRecord], None] | None = None,
) -> LatentODE:
    """Learn from a log in parts.

    Scales, windows and split are those of the whole log, to the bit, in passes over the parts. Of a
    log of at most ``train.buffer_readings`` readings the training is that of a log in memory. Of a
    larger one, an epoch draws its windows from the parts that fit, the next from the next; a sample
    of as many readings, chosen at random, stands for the log in validation and in what is learned
    before and after the steps. Such a model remembers no series: it forecasts from logs alone.

    Args:
        parts: The parts, or their folder.
        config: Settings; how the log was read is taken from the parts.
        run_dir: Folder for checkpoints, metrics.csv and the model.
        resume: Go on from the last checkpoint of `run_dir`.
        on_event: As in `LatentODE.fit`.

    Returns:
        The fitted estimator.

    Raises:
        DataError: If a part is absent or damaged, or the log has too little to train on.
        ConfigError: If a setting is out of range, or asks for a log in memory.

    Example:
        >>> import tempfile
        >>> from latentode import LatentODEConfig, scale
        >>> from latentode.data.synthetic import make
        >>> brief = LatentODEConfig().updated(
        ...     **{"train.max_epochs": 1, "train.steps_per_epoch": 2, "model.latent_dim": 2}
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = make("oscillator", num_series=20).dataset
        ...     parts = scale.write_parts(log, f"{folder}/parts", 4)
        ...     model = scale.fit(parts, brief)
        >>> model.config_.model.latent_dim
        2
    """
    parts = parts if isinstance(parts, Parts) else Parts.open(parts)
    config = as_read(config or LatentODEConfig(), parts)
    folder = None if run_dir is None else Path(run_dir)
    if parts.manifest.readings <= config.train.buffer_readings:
        return LatentODE(config=config).fit(
            parts.whole(), run_dir=folder, resume=resume, on_event=on_event
        )
    _check(parts, config)
    model = LatentODE(config=config)
    with bar_unless(on_event) as say:
        if say is not None and told("RANK", 0) == 0:
            say({"event": "note", "text": _FIRST_PASS})
        data = streamed(parts, config)
        model.fitted_ = fit_prepared(data, run_dir=folder, resume=resume, on_event=say)
    model.config_ = model.fitted_.config
    return model


def as_read(config: LatentODEConfig, parts: Parts) -> LatentODEConfig:
    """Settings under which the log of the parts was read, beside those of the training.

    Args:
        config: Settings of the training.
        parts: The parts.

    Raises:
        DataError: If the parts name a setting that this version does not know.
        ConfigError: If another reading of the log is asked for.
    """
    own = {name: getattr(config.data, name) for name in _OF_TRAINING}
    try:
        data = DataConfig.model_validate({**parts.manifest.reading, **own})
    except ValidationError as error:
        raise DataError(
            f"{parts.folder}: expected settings of reading that this version knows, got others "
            f"({explain(DataConfig, error)}) Make the parts again with `partition`."
        ) from None
    plain = DataConfig(**own)
    made, usual = dict(_flat(data.model_dump())), dict(_flat(plain.model_dump()))
    for name, value in _flat(config.data.model_dump()):
        if value not in (made[name], usual[name]):
            raise ConfigError(
                f"data.{name}: expected no setting of how the log is read, as the parts of "
                f"{parts.folder} were read already, got {value!r}. Leave it out, or make the parts "
                "again with it."
            )
    return config.model_copy(update={"data": data})


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def streamed(parts: Parts, config: LatentODEConfig) -> TrainingData:
    """What a model is trained on where the parts do not fit into memory together.

    Args:
        parts: The parts.
        config: Settings.

    Raises:
        DataError: If a part is absent or damaged, or the log has too little to train on.
        ConfigError: If readings contradict what was declared of a channel.
    """
    census = Census.of(parts, config.data.min_obs)
    parting = Parting.of(census.times, config)
    census = census.without_rows()
    schema = learn_schema(parts, census, parting, config)
    spans = TrainingLog(census.times).with_schema(schema)
    config = resolved_for(config, spans)
    sample = training_log(parts, census, schema, _sample(parts, config))
    sampler = StreamingSampler(parts, census, schema, config)
    nothing = TrainingLog(sample.dataset.select_series([]))
    return TrainingData(
        sample, config, sampler, nothing, stops_early(spans), (_line(parts, sample, config),)
    )


def _sample(parts: Parts, config: LatentODEConfig) -> tuple[int, ...]:
    """Numbers of the parts that stand for the log, in increasing order."""
    generator = np.random.default_rng((config.train.seed, _SAMPLE))
    order = generator.permutation(len(parts))
    return tuple(sorted(next(fitting(parts, order, config.train.buffer_readings))))


def _line(parts: Parts, sample: TrainingLog, config: LatentODEConfig) -> str:
    readings, most = parts.manifest.readings, config.train.buffer_readings
    sampled = sample.dataset.readings.num_readings
    return (
        f"in memory: of {readings:,} readings, {most:,} at a time to train on "
        f"(train.buffer_readings), and a sample of {sampled:,}, of {len(sample.dataset):,} series, "
        "to judge the training by"
    )


def _check(parts: Parts, config: LatentODEConfig) -> None:
    """Refuse what cannot be done without the whole log in memory."""
    if config.train.refit:
        raise ConfigError(
            "train.refit: expected a log that fits into memory, got parts of "
            f"{parts.manifest.readings:,} readings. Leave out --refit, or raise "
            "train.buffer_readings."
        )
    processes = processes_told()
    if processes > len(parts):
        raise DataError(
            f"{parts.folder}: expected at least a part for each of {processes} processes, got "
            f"{len(parts)} parts. Start fewer processes, or make more parts with `partition`."
        )
