"""What a folder of parts holds, by its manifest alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latentode.cli.session import Outcome

if TYPE_CHECKING:
    from latentode.scale.manifest import ChannelEntry, Manifest

_MOST_CHANNELS = 40  # lines of channels, which a log may have a thousand of


def describe_parts(folder: Path, given: Sequence[str]) -> Outcome:
    """Describe a folder of parts; its log was looked at when it was read.

    Args:
        folder: The folder.
        given: Options of the call.

    Raises:
        UsageError: If there are any.
    """
    if given:
        raise click.UsageError(
            f"{given[0]}: {folder} is a folder of parts, which its manifest describes. Leave "
            f"{given[0]} out, or inspect the log itself."
        )
    from latentode.scale import Parts

    parts = Parts.open(folder)
    data = parts.manifest.model_dump(mode="json", exclude={"parts"})
    text = "\n".join(_lines(parts.manifest))
    return Outcome(data={"folder": str(folder), "num_parts": len(parts), **data}, text=text)


def _lines(facts: Manifest) -> list[str]:
    from latentode.data.reading.second_look.log_rows import short_instant
    from latentode.data.reading.tally import REASONS

    first, last = (short_instant(time, facts.clock_of) for time in (facts.first_ns, facts.last_ns))
    size = sum(each.bytes for each in facts.parts) / 1e6
    log = ", ".join(facts.log[:4]) + (", ..." if len(facts.log) > 4 else "")
    zone = f", zone {facts.clock.zone}" if facts.clock.zone else ""
    channels = facts.channels[:_MOST_CHANNELS]
    more = len(facts.channels) - len(channels)
    return [
        f"{len(facts.parts):,} parts of {log or 'a data set'}, {size:,.1f} MB",
        f"time: {facts.clock.kind}{zone}, {first} to {last}",
        f"series: {facts.series:,}; channels: {len(facts.channels)}; readings: "
        f"{facts.readings:,} at {facts.rows:,} times",
        *map(_channel, channels),
        *([f"and {more:,} more channels"] if more else []),
        *(f"planned input {each.name}" for each in facts.inputs),
        *(f"static covariate {name}" for name, _ in facts.static_columns),
        *(f"{number:,} {REASONS[reason]}" for reason, number in facts.left_out.items()),
    ]


def _channel(entry: ChannelEntry) -> str:
    if entry.mean is None:
        return f"channel {entry.name}: no reading"
    unit = f" {entry.unit}" if entry.unit else ""
    return (
        f"channel {entry.name}: {entry.minimum:.6g} to {entry.maximum:.6g}{unit}, mean "
        f"{entry.mean:.4g}, {entry.readings:,} readings"
    )
