"""What is known of the channels of a log."""

from __future__ import annotations

from pydantic import Field

from latentode.config.base import Config


class ChannelsConfig(Config):
    """What is known of channels by name; what is not said is learned from the readings."""

    counters: tuple[str, ...] = Field(
        (), description="running totals, such as meters, which only rise but for wraps and resets"
    )
