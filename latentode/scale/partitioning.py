"""Any log in one pass, as parts of whole series."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from latentode.config import DataConfig, LatentODEConfig
from latentode.data.reading.blocks import BLOCK_BYTES, LogBlocks, Progress, settle
from latentode.data.reading.formats.database_url import is_url, without_password
from latentode.data.reading.formats.open_table import LogFile, Source
from latentode.data.reading.log import read_log
from latentode.files import atomic_folder
from latentode.scale.joining import Joiner
from latentode.scale.parts import Parts, PartsWriter, replaceable, writer_of
from latentode.scale.spill import Spill

_ASIDE = "aside"  # folder of what is put aside; gone before the parts are whole


def partition(
    source: Source,
    folder: str | Path,
    parts: int = 256,
    config: DataConfig | None = None,
    *,
    overwrite: bool = False,
    block_bytes: int = BLOCK_BYTES,
    say: Callable[[list[str]], None] | None = None,
    on_progress: Progress | None = None,
) -> Parts:
    """Write a log as parts of whole series; the folder is there whole or not at all.

    The log is read once, in blocks; what they hold of the series of a part is put aside beside the
    parts, and then joined and sorted part by part. Memory is bounded by a block and by the largest
    part, whatever the length of the log. A log of one block is read as `read_log` does; of a longer
    one the first block tells what columns, times and cells mean.

    Args:
        source: What `latentode.data.reading.log.read_log` reads.
        folder: Folder to make.
        parts: Number of parts; one that no series falls into is left out.
        config: How the log is read; None takes the defaults.
        overwrite: Whether a folder of parts may be replaced.
        block_bytes: Bytes of a block, about.
        say: Is told what was detected in the log, in lines for a person.
        on_progress: Is told how many bytes are read, and of how many.

    Returns:
        The parts.

    Raises:
        DataError: If the log cannot be read, leaves a question open, or a block does not agree with
            the first; no folder is left.
        OutputExistsError: If the folder holds files already.
        ResourceError: If it cannot be written.

    Example:
        >>> import tempfile
        >>> import pandas as pd
        >>> from latentode.scale import partition
        >>> hours = pd.date_range("2024-01-01", periods=20, freq="h").repeat(2)
        >>> log = pd.DataFrame({"series": ["a", "b"] * 20, "time": hours, "flow": range(40)})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     made = partition(log, f"{folder}/parts", 4)
        ...     made.manifest.series, made.manifest.readings
        (2, 40)
    """
    say = say or (lambda lines: None)  # noqa: ARG005
    expendable = replaceable(Path(folder), overwrite=overwrite)
    blocks = LogBlocks(source, config or LatentODEConfig().data, block_bytes)
    with atomic_folder(folder, expendable) as new:
        if blocks.fit:
            _write_whole(source, blocks, new, parts, say)
        else:
            _write_blocks(blocks, new, parts, say, on_progress)
        replaceable(Path(folder), overwrite=overwrite)  # another process may have been faster
    return Parts.open(folder)


def _write_whole(
    source: Source,
    blocks: LogBlocks,
    folder: Path,
    parts: int,
    say: Callable[[list[str]], None],
) -> None:
    dataset, report = read_log(source, blocks.config)
    say(report.plan())
    settle(report)
    writer_of(dataset, folder, parts).closed(
        log=_names(blocks.files),
        reading=report.pinned(blocks.config).model_dump(mode="json"),
        left_out=report.counts,
    )


def _write_blocks(
    blocks: LogBlocks,
    folder: Path,
    parts: int,
    say: Callable[[list[str]], None],
    on_progress: Progress | None,
) -> None:
    spill = Spill(folder / _ASIDE, parts)
    said = False
    for dataset in blocks.read(on_progress):
        if not said and blocks.report is not None:
            say([*blocks.report.plan(), "all other rows are read as these first ones"])
            said = True
        spill.add(dataset)
        del dataset  # not to be held beside the next block
    one = blocks.one_series()
    say([f"note: {each}" for each in blocks.notes])
    joiner = Joiner(blocks, spill)
    writer = PartsWriter(folder, joiner.like)
    buckets = iter([spill.take_as_one(one)]) if one else map(spill.take, range(parts))
    for bucket in buckets:
        if bucket is not None:
            writer.write(joiner.joined(bucket))
    joiner.ask_about_repeats()
    shutil.rmtree(folder / _ASIDE)
    writer.closed(
        log=_names(blocks.files),
        reading=blocks.pinned.model_dump(mode="json"),
        left_out=dict(blocks.counts + joiner.counts),
    )


def _names(files: Sequence[LogFile]) -> list[str]:
    """Names of files without their folders, addresses without passwords."""
    return [_name(file) for file in files]


def _name(file: LogFile) -> str:
    if not isinstance(file, str | os.PathLike):
        return "DataFrame"
    return without_password(str(file)) if is_url(file) else Path(file).name
