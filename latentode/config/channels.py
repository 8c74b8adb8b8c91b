"""What is known of the channels of a log: bounds, and what kind of numbers they hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from latentode.config.base import Config

#: What the readings of a channel are: any numbers, two states, or numbers of things.
ChannelKind = Literal["continuous", "binary", "count"]
KINDS: tuple[ChannelKind, ...] = get_args(ChannelKind)
_NO_BOUND = "none"


class ChannelsConfig(Config):
    """What is known of channels by name; what is not said is learned from the readings."""

    counters: tuple[str, ...] = Field(
        (), description="running totals, such as meters, which only rise but for wraps and resets"
    )
    lower: tuple[str, ...] = Field(
        (), description="least value of a channel: 'rain=0'; 'rain=none' for no bound"
    )
    upper: tuple[str, ...] = Field(
        (), description="greatest value of a channel: 'humidity=100'; 'humidity=none' for no bound"
    )
    kinds: tuple[str, ...] = Field(
        (), description="what its readings are: 'valve=binary', 'people=count', 'level=continuous'"
    )

    @field_validator("lower", "upper")
    @classmethod
    def _are_bounds(cls, pairs: tuple[str, ...]) -> tuple[str, ...]:
        for name, text in _split(pairs, "NAME=NUMBER such as rain=0"):
            if _bound(text) is None:
                raise ValueError(f"expected {name}=NUMBER or {name}=none, got {name}={text}")
        return pairs

    @field_validator("kinds")
    @classmethod
    def _are_kinds(cls, pairs: tuple[str, ...]) -> tuple[str, ...]:
        for name, text in _split(pairs, "NAME=KIND such as valve=binary"):
            if text not in KINDS:
                raise ValueError(f"expected one of {', '.join(KINDS)}, got {name}={text}")
        return pairs

    @model_validator(mode="after")
    def _counters_are_counters(self) -> Self:
        for name, _ in _split((*self.lower, *self.upper, *self.kinds), ""):
            if name in self.counters:
                raise ValueError(f"expected no bounds or kinds of counters, got some of {name}")
        return self

    def bounds(self, side: Literal["lower", "upper"]) -> Mapping[str, float]:
        """Declared bounds of one side by channel, infinite where there is to be none.

        Counters are bounded by 0 below: they are modelled by their rates.
        """
        free = -math.inf if side == "lower" else math.inf
        found = {name: _bound(text) for name, text in _split(getattr(self, side), "")}
        bounds = {n: free if b is None or math.isinf(b) else b for n, b in found.items()}
        return bounds if side == "upper" else bounds | dict.fromkeys(self.counters, 0.0)

    def declared_kinds(self) -> Mapping[str, ChannelKind]:
        """Declared kinds by channel; the rates of counters are any numbers."""
        pairs = _split(self.kinds, "")
        kinds = {name: kind for name, text in pairs for kind in KINDS if kind == text}
        return {**kinds, **dict.fromkeys(self.counters, KINDS[0])}


def _split(pairs: tuple[str, ...], rule: str) -> list[tuple[str, str]]:
    """Name and text of each pair; a name may hold "=" itself."""
    split = [pair.rpartition("=") for pair in pairs]
    for (name, _, text), pair in zip(split, pairs, strict=True):
        if not name.strip() or not text.strip():
            raise ValueError(f"expected {rule}, got {pair!r}")
    return [(name.strip(), text.strip()) for name, _, text in split]


def _bound(text: str) -> float | None:
    """A number; infinite for none, None for any other text."""
    if text.lower() == _NO_BOUND:
        return math.inf
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


NOTHING_KNOWN = ChannelsConfig()
