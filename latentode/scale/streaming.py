"""Training windows of a log that does not fit into memory: some of its parts at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from latentode.config import LatentODEConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.sampler import WindowSampler
from latentode.data.dataset import Int64, TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.errors import DataError
from latentode.models.fitted.device import rank, world_size
from latentode.models.fitted.training_log import TrainingLog
from latentode.scale.census import Census
from latentode.scale.parts import Parts, joined
from latentode.training.execution.distributed import local_part

_ORDER = 21  # names the stream of random numbers that orders parts, beside those of training


@dataclass(eq=False)
class StreamingSampler:
    """Windows of the parts in memory, which are others in every epoch.

    The parts of a process, every n-th of n processes, are put into an order at random; an epoch
    draws its windows from as many of the next as fit into memory. When all were seen, the next pass
    has another order. Which parts an epoch sees follows from the seed, its number and the process
    alone, so that a resumed training goes on as if it had not stopped.

    Args:
        parts: The log.
        census: Its series.
        schema: What was learned of it.
        config: Settings.
    """

    parts: Parts
    census: Census
    schema: DataSchema
    config: LatentODEConfig
    _loaded: tuple[int, ...] = ()
    _windows: WindowSampler | None = None
    _rows: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))

    def eligible_rows(self) -> Int64:
        """None: an epoch chooses its parts before its rows."""
        return self._rows[:0]

    def epoch(self, rows: Int64, num_batches: int, batch_size: int, seed: tuple[int, ...]) -> Int64:
        """Rows of the parts that the epoch sees; of those of other processes, nothing.

        Args:
            rows: Of `eligible_rows`.
            num_batches: Batches of the epoch.
            batch_size: Windows of a batch, over all processes.
            seed: Of the choice; the last number is that of the epoch.
        """
        assert not len(rows), "an epoch draws from its own parts"
        windows = self._load(seed[-1])
        share = local_part(batch_size)
        batches = np.zeros((num_batches, batch_size), dtype=np.int64)
        own = (*seed, rank())
        batches[:, share] = windows.epoch(self._rows, num_batches, share.stop - share.start, own)
        return batches

    def batch(self, rows: Int64, seed: tuple[int, ...], *, first: int = 0) -> SeriesBatch:
        """See `WindowSampler.batch`."""
        assert self._windows is not None
        return self._windows.batch(rows, seed, first=first)

    def _load(self, epoch: int) -> WindowSampler:
        """Windows of the parts of an epoch, or of the next ones that have any."""
        own = np.arange(rank(), len(self.parts), world_size())
        for number in range(epoch, epoch + len(own) + 1):
            chosen = self._chosen(own, number)
            if self._windows is not None and chosen == self._loaded:
                return self._windows
            self._windows = None  # makes room
            windows = training_log(self.parts, self.census, self.schema, chosen).sampler(
                "train", self.config
            )
            try:
                self._rows = windows.eligible_rows()
            except DataError:
                continue  # a part may have no series of the training part
            self._loaded, self._windows = chosen, windows
            return windows
        raise DataError(
            f"{self.parts.folder}: expected windows to train on in the parts of every process, "
            f"found none in those of process {rank()}. Start fewer processes, or make fewer parts."
        )

    def _chosen(self, own: Int64, number: int) -> tuple[int, ...]:
        """Parts of a process that the epoch of a number sees."""
        most, seed = self.config.train.buffer_readings, self.config.train.seed
        seen = 0
        for turn in count():
            order = np.random.default_rng((seed, _ORDER, turn, rank())).permutation(own)
            groups = [*fitting(self.parts, order, most)]
            if number < seen + len(groups):
                return groups[number - seen]
            seen += len(groups)
        raise AssertionError("turns have no end")


def fitting(parts: Parts, order: Sequence[int] | Int64, most: int) -> Iterator[tuple[int, ...]]:
    """Groups of parts that follow each other, each of so many readings at most, or of one part.

    Args:
        parts: The parts.
        order: Their numbers.
        most: Readings that fit into memory.
    """
    group: list[int] = []
    held = 0
    for index in map(int, order):
        size = parts.manifest.parts[index].readings
        if group and held + size > most:
            yield tuple(group)
            group, held = [], 0
        group.append(index)
        held += size
    if group:
        yield tuple(group)


def training_log(
    parts: Parts, census: Census, schema: DataSchema, chosen: Sequence[int]
) -> TrainingLog:
    """Some parts as a log to train on, in the parts of a schema.

    Args:
        parts: The log.
        census: Its series.
        schema: What was learned of it.
        chosen: Numbers of the parts.
    """
    read: list[TimeSeriesDataset] = []
    for index in chosen:
        part, kept = parts.read(index), census.kept[index]
        read.append(part if len(kept) == len(part) else part.select_series(kept))
    return TrainingLog(schema.only_known(joined(read))).with_schema(schema)
