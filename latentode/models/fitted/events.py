"""A trained model of event streams with all that it needs to predict, and its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from latentode.config import DataConfig
from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Clock
from latentode.data.events import EventStreams
from latentode.data.stored_streams import EVENTS, pack_streams, unpack_streams
from latentode.errors import DataError
from latentode.model_card import escaped
from latentode.models.fitted.device import device_of
from latentode.models.fitted.model_folder import (
    as_arrays,
    as_tensors,
    description_of,
    load_folder,
    load_weights,
    save_model,
)
from latentode.models.point_processes import JumpProcess, OwnRateProcess, RateShare

_FIELDS = {"sizes", "data", "streams"}


@dataclass(frozen=True)
class FittedEvents:
    """A jump process, the clock and marks of its streams, and the streams themselves.

    Attributes:
        model: The network.
        data: How event files are read.
        mark_column: Column of marks in them.
        streams: The streams it was trained on, from whose end it predicts.
        sizes: What the network was built with.
    """

    model: JumpProcess
    data: DataConfig
    mark_column: str | None
    streams: EventStreams
    sizes: Mapping[str, Any]

    @property
    def unit(self) -> str:
        """Unit of intensities: that of an elapsed clock, hours on a calendar."""
        return unit_of(self.streams.clock)

    @property
    def unit_ns(self) -> int:
        """Nanoseconds in it."""
        return NS_PER_UNIT[self.unit]

    @property
    def num_parameters(self) -> int:
        """Number of trained numbers."""
        return sum(p.numel() for p in self.model.parameters())

    def check(self, streams: EventStreams) -> None:
        """Refuse streams of another clock or other marks.

        Raises:
            DataError: If they differ.
        """
        known = self.streams
        if (streams.clock.kind, streams.mark_names) != (known.clock.kind, known.mark_names):
            raise DataError(
                f"events: expected {known.clock.kind} times and marks "
                f"{', '.join(known.mark_names)}, got {streams.clock.kind} times and marks "
                f"{', '.join(streams.mark_names)}. Give events like those of the training."
            )

    def save(self, folder: Path) -> None:
        """Write ``events.safetensors``, ``events.json`` and ``MODEL_CARD.md``, by rename."""
        packed, about = pack_streams(self.streams)
        meta = {
            "sizes": dict(self.sizes),
            "data": {"config": self.data.model_dump(mode="json"), "mark_column": self.mark_column},
            "streams": about,
        }
        save_model(folder, "events", self.model, as_tensors(packed), meta, self.card())

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> FittedEvents:
        """Read what `save` wrote.

        Raises:
            ConfigError: If there is no such device.
            CheckpointError: If the folder is broken, tampered with or of another version.
        """
        target = device_of(device)
        tensors, meta = load_folder(folder, "events", _FIELDS)
        with description_of("a model of events", folder / "events.json"):
            streams = unpack_streams(as_arrays(tensors, EVENTS), meta["streams"])
            data = DataConfig.model_validate(meta["data"]["config"])
            mark_column = meta["data"]["mark_column"]
            sizes = meta["sizes"]
            if sizes["num_decays"] != len(tensors["model.log_decay"]):
                raise ValueError("sizes: num_decays is not that of the weights")
            build = partial(build_process, sizes, len(streams.mark_names))
            model = load_weights(build, tensors, (EVENTS,), folder / "events.safetensors")
        return cls(model.to(target).eval(), data, mark_column, streams, sizes)

    def card(self) -> str:
        """A page about the model, in Markdown."""
        s = self.streams
        lines = [
            "# Model card",
            "",
            f"Jump process of events, {self.num_parameters:,} parameters: latent dimension "
            f"{self.sizes['latent_dim']}, {self.sizes['num_decays']} decaying counts a mark, link "
            f"{self.sizes['link']}.",
            "",
            f"- Marks: {', '.join(map(escaped, s.mark_names))}",
            f"- Time: {s.clock.kind}, zone {s.clock.zone or 'none'}; rates per {self.unit}",
            f"- Streams in training: {s.num_series} with {s.num_scored:,} events",
            "",
            "Rates hold for streams like those of the training, observed in periods like theirs.",
            "",
        ]
        return "\n".join(lines)


def unit_of(clock: Clock) -> str:
    """Unit of rates on a clock."""
    return clock.unit if clock.kind == "elapsed" else "h"


def build_process(sizes: Mapping[str, Any], num_marks: int) -> JumpProcess:
    """A process of given sizes; rates and decays are placeholders for weights to be loaded."""
    # numbers are checked there and then, so they are real where the model has no memory
    ones = partial(torch.ones, dtype=torch.float64, device="cpu")
    process = JumpProcess(
        int(sizes["latent_dim"]),
        int(sizes["hidden_dim"]),
        ones(num_marks),
        ones(int(sizes["num_decays"])),
        float(sizes["clock"]),
        link=sizes["link"],
    )
    if sizes.get("share"):  # models of version 0.2.0 have none
        process.share = RateShare(
            OwnRateProcess(torch.ones(num_marks, device="cpu"), 1.0, 1.0), 0.5, 0.5
        )
    return process
