"""Whether the validation part is long enough to stop by."""

from __future__ import annotations

from latentode.data.splits import Part
from latentode.models.fitted.training_log import TrainingLog

# a validation part of fewer horizons than this is an anecdote: to stop by it is to stop by chance
FEWEST_STRETCHES = 5


def stops_early(log: TrainingLog) -> bool:
    """Whether the validation part is long enough to stop training by."""
    return num_stretches(log, "validation") >= FEWEST_STRETCHES


def num_stretches(log: TrainingLog, part: Part) -> float:
    """How many independent forecasts a part holds: horizons in its span, or whole series.

    Series of one calendar share what happens at a moment, so they count once, unless they hardly
    overlap.
    """
    schema, (starts, stops) = log.schema, log.part(part)
    assert schema is not None
    spans = (stops - starts)[stops > starts]
    if len(spans) == 0:
        return 0.0
    apart = schema.split.apart
    if schema.split.kind == "series" and not apart:
        return float(len(spans))
    total = spans.max() if schema.clock.kind == "calendar" and not apart else spans.sum()
    return float(total) / schema.lengths.horizon_ns
