"""Logs in parts, and small questions to them that workers can be sent."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from model_cases import irregular_log

from latentode.data.synthetic import make
from latentode.errors import DataError
from latentode.files import atomic_write
from latentode.scale import write_parts


def some_parts(folder, num_parts=6, num_series=24):
    """Parts of a small log, each of which has a series."""
    log = make("toy_periodic", num_series=num_series, random_state=0).dataset
    parts = write_parts(log, Path(folder) / f"parts-{num_parts}", num_parts)
    assert len(parts) == num_parts
    return parts


def irregular_parts(folder, num_parts=4, num_series=24, **options):
    """A log of series of many lengths, and its parts."""
    counts = [4 + 5 * (index % 7) for index in range(num_series)]
    log = irregular_log(counts, **options)
    return log, write_parts(log, Path(folder) / f"parts-{num_parts}", num_parts)


@dataclass(frozen=True)
class Count:
    """Writes how many series a part has, and notes that it was asked.

    Attributes:
        notes: Folder with a file for each time that a part was asked.
        failing: Parts that fail.
        deadly: Parts in whose midst the process is killed, while `notes` has fewer than `deaths`
            files of theirs.
        deaths: How often.
    """

    notes: Path
    failing: tuple[int, ...] = ()
    deadly: tuple[int, ...] = ()
    deaths: int = 1

    def __call__(self, parts, index, file):
        self.notes.mkdir(exist_ok=True)
        before = len(list(self.notes.glob(f"{index}-*")))
        (self.notes / f"{index}-{before}").touch()
        if index in self.failing:
            raise DataError(f"part {index}: expected good luck, got none.")
        if index in self.deadly and before < self.deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        dataset = parts.read(index)
        atomic_write(file, str(len(dataset)).encode())
        return {"series": len(dataset)}

    def asked(self):
        """Parts in the order of their numbers, as often as they were asked."""
        return sorted(int(each.name.split("-")[0]) for each in self.notes.iterdir())


@dataclass(frozen=True)
class Threads:
    """Writes how many threads torch takes."""

    def __call__(self, _parts, _index, file):
        import torch

        atomic_write(file, str(torch.get_num_threads()).encode())
        return {}


@dataclass(frozen=True)
class Slow:
    """Says in which process it is, and never ends.

    Attributes:
        pids: Folder with a file for each process.
    """

    pids: Path

    def __call__(self, _parts, _index, _file):
        self.pids.mkdir(exist_ok=True)
        (self.pids / str(os.getpid())).touch()
        while True:
            time.sleep(1)
