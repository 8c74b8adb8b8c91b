"""A log with all that is modelled of it: readings, and the events and labels beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from latentode.config import LatentODEConfig
from latentode.data.batches.sampler import WindowSampler
from latentode.data.dataset import Int64, TimeSeriesDataset
from latentode.data.events import LogEvents
from latentode.data.labels import LABELS, Labels, unpack_labels
from latentode.data.schema import DataSchema
from latentode.data.splits import PARTS, Part
from latentode.data.stored_streams import EVENTS, pack_streams, unpack_streams
from latentode.models.fitted.context import PREFIXES, last_context, pack, unpack
from latentode.models.fitted.model_folder import as_arrays, as_tensors

#: What the names of stored tensors of a log begin with.
LOG_PREFIXES = (*PREFIXES, EVENTS, LABELS)
#: Fields of the JSON file that belong to a log.
LOG_FIELDS = {"context_ids", "events", "labels"}
# of training windows, where covariates tell series apart: 5 % learn no more; without covariates it
# would be the distribution of the training part alone, at the price of 1 % of MAE and CRPS
_UNREAD_SHARE = 0.03


@dataclass(frozen=True, eq=False)
class TrainingLog:
    """Readings of a log, with the events and labels of its series in the same order.

    Attributes:
        dataset: The readings.
        events: Events beside them; None for readings alone.
        labels: Labels of the series, or of times of them; None without.
        schema: What was learned of the data; None until then, see `with_schema`.
        bounds: Exclusive start and inclusive end of every part, by name, shape (series,).
    """

    dataset: TimeSeriesDataset
    events: LogEvents | None = None
    labels: Labels | None = None
    schema: DataSchema | None = None
    bounds: Mapping[Part, tuple[Int64, Int64]] | None = None

    def with_schema(self, schema: DataSchema) -> TrainingLog:
        """The log in the parts of a schema."""
        bounds = {part: schema.split.bounds(self.dataset, part) for part in PARTS}
        return replace(self, schema=schema, bounds=bounds)

    def select(self, series: Sequence[int]) -> TrainingLog:
        """Keep some series of a log that is not parted yet, in the order given."""
        assert self.bounds is None
        if list(series) == list(range(len(self.dataset))):
            return self
        return TrainingLog(
            self.dataset.select_series(series),
            None if self.events is None else self.events.select(series),
            None if self.labels is None else self.labels.select(series),
        )

    def newest(self) -> TrainingLog:
        """The newest context of every series, with all events and labels."""
        assert self.schema is not None
        return TrainingLog(last_context(self.dataset, self.schema), self.events, self.labels)

    def part(self, name: Part) -> tuple[Int64, Int64]:
        """Exclusive start and inclusive end of a part of each series; see `Split.bounds`."""
        assert self.bounds is not None
        return self.bounds[name]

    def sampler(self, part: Part, config: LatentODEConfig) -> WindowSampler:
        """Windows of one part."""
        assert self.schema is not None
        schema, (starts, stops) = self.schema, self.part(part)
        return WindowSampler(
            schema.modelled(self.dataset),
            starts,
            stops,
            schema.lengths,
            schema.builder(),
            config.model.anchor,
            max_rows=config.windows.max_rows,
            max_queries=config.windows.max_queries,
            events=None if self.events is None else self.events.streams,
            labels=self.labels,
            unread_share=_UNREAD_SHARE if schema.has_covariates else 0.0,
            from_first=schema.split.kind == "series",
        )

    def lines(self) -> list[str]:
        """What is modelled beside the readings, a line each."""
        lines = []
        if self.events is not None:
            streams = self.events.streams
            source = "report times of the log" if self.events.reports else "events beside the log"
            names = ", ".join(streams.mark_names)
            lines.append(f"events: {streams.num_scored:,} of {names} ({source})")
        if self.labels is not None:
            counts = ", ".join(f"{name} {count:,}" for name, count in self.labels.counts().items())
            lines.append(f"labels of {self.labels.kind}: {counts}")
        return lines

    def pack(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors by names that begin with one of `LOG_PREFIXES`, and `LOG_FIELDS`."""
        tensors, events, labels = as_tensors(pack(self.dataset)), None, None
        if self.events is not None:
            arrays, streams = pack_streams(self.events.streams)
            tensors |= as_tensors(arrays)
            events = {"streams": streams, **self.events.facts()}
        if self.labels is not None:
            arrays, labels = self.labels.pack()
            tensors |= as_tensors(arrays)
        ids = list(self.dataset.series_ids)
        return tensors, {"context_ids": ids, "events": events, "labels": labels}

    @classmethod
    def unpack(
        cls, tensors: Mapping[str, Tensor], meta: Mapping[str, Any], schema: DataSchema
    ) -> TrainingLog:
        """The log that `pack` was given.

        Args:
            tensors: Tensors by name.
            meta: What the JSON file holds.
            schema: What was learned of its data.

        Raises:
            LookupError: If a tensor or a field is absent.
            TypeError: If a field is of another type.
            ValueError: If they do not describe a log of this schema.
        """
        stored = {
            name: tensor.numpy() for name, tensor in tensors.items() if name.startswith(PREFIXES)
        }
        dataset, events, labels = unpack(stored, meta["context_ids"], schema), None, None
        if meta["events"] is not None:
            facts = dict(meta["events"])
            streams = unpack_streams(as_arrays(tensors, EVENTS), facts.pop("streams"))
            events = LogEvents(streams, **facts)
        if meta["labels"] is not None:
            arrays = as_arrays(tensors, LABELS)
            labels = unpack_labels(arrays, meta["labels"], dataset.series_ids)
        return cls(dataset, events, labels)
