"""Columns beside the values: how good they are, and in which unit."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from latentode.config import DataConfig
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.profile import Sample
from latentode.data.reading.roles import GOOD, QUALITY_NAMES, UNIT_NAMES, by_telling_name

_BAD = frozenset(
    {
        *("bad", "uncertain", "invalid", "suspect", "questionable", "error", "fault", "missing"),
        *(
            "estimated",
            "substituted",
            "schlecht",
            "ungültig",
            "mauvais",
            "malo",
            "false",
            "0",
            "64",
        ),
        *("bad input", "not good", "stale", "failed", "fail", "b", "u", "s", "n", "out of range"),
    }
)


def find_quality(
    sample: Sample, free: Sequence[str], config: DataConfig, doubts: Doubts
) -> str | None:
    """Find a column that says of each row whether its values are good.

    Args:
        sample: The log.
        free: Columns that have no other role.
        config: Whether rows of other quality are kept (``cells.quality``).
        doubts: Takes the decision.
    """
    named = [name for name in free if _is_called(name, QUALITY_NAMES)]
    for name in named:
        words = {text.lower() for text in sample[name].distinct}
        if words and words & GOOD and words <= GOOD | _BAD:
            kept = config.cells.quality == "all"
            what = "kept whatever it says" if kept else "rows that it does not call good left out"
            doubts.decide(
                "quality",
                f"{name!r} says how good values are: {what}",
                ", ".join(sample[name].distinct[:6]),
                option=f"--quality {'good' if kept else 'all'}",
            )
            return name
    return None


def _is_called(name: str, words: Sequence[str]) -> bool:
    plain = name.strip().lower().replace(" ", "_")
    return any(plain == word or plain.endswith(f"_{word}") for word in words)


def find_unit(
    sample: Sample, free: Sequence[str], channel: str | None, doubts: Doubts
) -> str | None:
    """Find a column of units; a channel with several units is asked about.

    Args:
        sample: The log.
        free: Columns that have no other role.
        channel: Column of channel names of a long log.
        doubts: Takes the question.
    """
    named = by_telling_name([name for name in free if sample[name].is_words], (UNIT_NAMES,))
    if not named:
        return None
    name = named[0]
    texts = sample[name].texts
    groups = sample[channel].texts if channel is not None else pd.Series("", index=texts.index)
    pairs = pd.DataFrame({"channel": groups, "unit": texts})
    pairs = pairs[pairs["unit"] != ""]
    for group, units in pairs.groupby("channel")["unit"]:
        counts = units.value_counts()
        if len(counts) == 1:
            sample.table.units[str(group)] = str(counts.index[0])
            continue
        shown = ", ".join(f"{unit} in {number:,} rows" for unit, number in counts.items())
        first = sample.table.at(int(sample.rows[units[units != units.iloc[0]].index[0]]))
        of = f"channel {group!r}" if group else "the log"
        doubts.ask(
            "unit",
            f"column {name!r}: the unit of {of} changes ({shown}; first at {first}). Convert the "
            "readings to one unit, and read the log again.",
        )
    return name
