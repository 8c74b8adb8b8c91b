"""Settings for a log, chosen from what there is to learn from."""

from __future__ import annotations

from typing import Unpack

from latentode.config import LatentODEConfig
from latentode.config.durations import format_duration
from latentode.config.reading_arguments import ReadingArguments
from latentode.data.schema import DataSchema
from latentode.estimators.inputs import Log, read, resolved
from latentode.models.fitted.training_log import TrainingLog
from latentode.training.prepare import resolved_for


def recommend(
    log: Log,
    *,
    config: LatentODEConfig | None = None,
    **reading: Unpack[ReadingArguments],
) -> LatentODEConfig:
    """Settings that `LatentODE.fit` would train a log with, with nothing left to be chosen.

    Columns are those that were detected; context and horizon follow from the calendar, the span and
    the gaps of the log (`latentode.data.windows.choose_lengths`), the split from its series, and
    the sizes of the model from how many series there are to learn from (`ModelConfig.resolved`).
    The settings are one rule for all logs, proven on the tasks of benchmarks/RESULTS.md.

    Args:
        log: Data frame, path or data set.
        config: What is left as it is; by default everything is chosen.
        **reading: As in `LatentODE.fit`.

    Returns:
        The settings; change some by `LatentODEConfig.updated`, and give them to `LatentODE`.

    Raises:
        DataError: If the log cannot be used.

    Example:
        >>> from latentode import LatentODE, recommend
        >>> config = recommend("datasets/pump_station.csv")
        >>> config.windows.horizon
        '24h'
        >>> model = LatentODE(config=config.updated(**{"model.hidden_dim": 96}))
    """
    dataset, chosen = read(log, resolved(config, {}, reading))
    schema = DataSchema.fit(dataset, chosen)
    windows = chosen.windows.model_copy(
        update={
            "context": format_duration(schema.lengths.context_ns),
            "horizon": format_duration(schema.lengths.horizon_ns),
            "split": schema.split.kind,
        }
    )
    training_log = TrainingLog(dataset).with_schema(schema)
    return resolved_for(chosen.model_copy(update={"windows": windows}), training_log)
