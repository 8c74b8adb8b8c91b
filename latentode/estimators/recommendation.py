"""Settings for a log, chosen from what there is to learn from."""

from __future__ import annotations

from latentode.config import LatentODEConfig
from latentode.config.durations import format_duration
from latentode.data.schema import DataSchema
from latentode.estimators.inputs import Log, read, resolved
from latentode.models.fitted.training_log import TrainingLog
from latentode.training.fit import resolved_for


def recommend(
    log: Log,
    *,
    config: LatentODEConfig | None = None,
    id_column: str | None = None,
    time_column: str | None = None,
    channel_column: str | None = None,
    value_column: str | None = None,
) -> LatentODEConfig:
    """Settings that `LatentODE.fit` would train a log with, with nothing left to be chosen.

    Columns are those that were detected; context and horizon follow from the calendar, the span and
    the gaps of the log (`latentode.data.windows.choose_lengths`), the split from its series, and
    the sizes of the model from how many series there are to learn from (`ModelConfig.resolved`).
    The settings are one rule for all logs, proven on the tasks of benchmarks/RESULTS.md.

    Args:
        log: Data frame, path or data set.
        config: What is left as it is; by default everything is chosen.
        id_column: As in `LatentODE.fit`.
        time_column: As in `LatentODE.fit`.
        channel_column: As in `LatentODE.fit`.
        value_column: As in `LatentODE.fit`.

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
    columns = (id_column, time_column, channel_column, value_column)
    dataset, chosen = read(log, resolved(config, {}, columns))
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
