"""Opening a log: every module of this folder with a `FORMAT` is asked whether it can."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from glob import glob
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from latentode.config import DataConfig
from latentode.data.reading import formats
from latentode.data.reading.formats.database_url import DatabaseUrl, is_url
from latentode.data.reading.formats.frames import Frame
from latentode.data.reading.formats.part_folder import names_parts
from latentode.data.reading.formats.table import (
    Format,
    LogSource,
    NoRowsError,
    Table,
    check_distinct,
)
from latentode.data.reading.formats.text_blocks import binary_kind, first_bytes
from latentode.data.reading.roles import natural_key
from latentode.errors import ConfigError, DataError

LogFile = str | os.PathLike[str] | Frame
Source = LogFile | Sequence[LogFile]
_NO_LOGS = frozenset({".md", ".json", ".png", ".pdf", ".html", ".py", ".toml", ".sh", ""})


def _all_formats() -> list[Format]:
    names = [f"{formats.__name__}.{module.name}" for module in iter_modules(formats.__path__)]
    modules = [import_module(name) for name in names if name != __name__]
    present = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    return sorted(present, key=_rank)


def _rank(log_format: Format) -> int:
    return log_format.rank


#: The formats, in the order of asking; `latentode.register` adds to them.
FORMATS = _all_formats()


def add_format(log_format: Format) -> None:
    """Ask a format, too, from now on, in the place of one whose class is called the same.

    Args:
        log_format: The format.
    """
    others = [each for each in FORMATS if _home(each) != _home(log_format)]
    FORMATS[:] = sorted([*others, log_format], key=_rank)


def _home(log_format: Format) -> tuple[str, str]:
    return type(log_format).__module__, type(log_format).__qualname__


def open_table(source: LogFile, config: DataConfig) -> Table:
    """Open one log file, data frame or database.

    Args:
        source: File, address of a database (``postgresql://...``), or data frame of pandas or of
            a library that speaks Arrow.
        config: How it is read.

    Returns:
        The table.

    Raises:
        DataError: If no format can open it, it is damaged or empty, or has a column name twice.
    """
    log = _source(source, config)
    table = _format_of(log).open(log)
    check_distinct(table.columns, table.name)
    return table


def open_tables(source: Source, config: DataConfig) -> Iterator[Table]:
    """Open a log that may stand in several files, one after another as they are asked for.

    Args:
        source: What `open_table` opens; a folder; a pattern such as ``logs/*.csv``; or several of
            these.
        config: How they are read.

    Yields:
        One table per file, files in natural order of their names.

    Raises:
        DataError: If there is no file, or one cannot be opened.
    """
    files = log_files(source)
    first: Table | None = None
    empty: list[str] = []
    for file in files:
        try:
            table = open_table(file, config)
        except NoRowsError:
            if first is None and file is files[-1]:
                raise
            empty.append(str(file))
            continue
        if first is None and len(files) > 1:
            table.doubts.decide(
                "files", f"{len(files):,} files read as one log", f"from {files[0]} to {files[-1]}"
            )
        first = first or table
        yield table
    if empty and first is not None:
        first.doubts.decide("files", f"file(s) without rows left out: {', '.join(empty)}")


def log_files(source: Source) -> list[LogFile]:
    """The files of a log, in natural order of their names.

    Args:
        source: As in `open_tables`.

    Raises:
        DataError: If there is none.
    """
    several = isinstance(source, Sequence) and not isinstance(source, str | bytes)
    parts: list[LogFile] = list(source) if several else [source]  # type: ignore[list-item,arg-type]
    files = [file for part in parts for file in _files(part)]
    if not files:
        raise DataError(f"{parts[0] if parts else 'log'}: expected a log, got no file.")
    return files


def log_weight(file: LogFile, config: DataConfig) -> int:
    """Bytes of a file of a log, by which it is told whether it is opened in blocks.

    Args:
        file: One of `log_files`.
        config: How it is read.

    Raises:
        DataError: If no format can open it.
    """
    log = _source(file, config)
    return _format_of(log).weight(log)


def open_blocks(file: LogFile, config: DataConfig, size: int) -> Iterator[Table]:
    """Open a file some rows after others.

    Args:
        file: One of `log_files`.
        config: How it is read.
        size: Bytes at once, about.

    Yields:
        Tables of the same columns.

    Raises:
        DataError: As `open_table` does.
    """
    log = _source(file, config)
    for table in _format_of(log).blocks(log, size):
        check_distinct(table.columns, table.name)
        yield table
        del table  # not to be held beside the next one


def format_name(file: LogFile, config: DataConfig) -> str:
    """Name of the format that opens a file, from its first bytes.

    Args:
        file: One of `log_files`.
        config: How it is read.

    Raises:
        DataError: If no format can open it.
    """
    return _format_of(_source(file, config)).name


def _source(file: LogFile, config: DataConfig) -> LogSource:
    log = _located(file)
    return LogSource(log, config, first_bytes(log) if isinstance(log, Path) else b"")


def _located(source: LogFile) -> Path | DatabaseUrl | Frame:
    if not isinstance(source, str | os.PathLike):
        return source
    return DatabaseUrl(str(source)) if is_url(source) else Path(source)


def _files(part: LogFile) -> list[LogFile]:
    """The files that a folder or a pattern stands for; anything else as it is."""
    if not isinstance(part, str | os.PathLike) or is_url(part):
        return [part]
    path = Path(part)
    if path.is_dir():
        if names_parts(path):
            raise DataError(
                f"{path}: expected a log, got a folder of parts. Give it to `train`, `forecast`, "
                "`interpolate` or `evaluate`; in Python it is latentode.scale.Parts.open(folder)."
            )
        inside = [file for file in path.iterdir() if file.is_file() and file.name[0] not in "._"]
        kinds = Counter(_kind(file) for file in inside)
        logs = {kind: number for kind, number in kinds.items() if kind not in _NO_LOGS}
        if not logs:
            raise DataError(f"{path}: expected a folder of logs, got none in it.{_below(path)}")
        commonest = max(logs, key=lambda kind: (logs[kind], kind))
        return sorted((file for file in inside if _kind(file) == commonest), key=_by_name)
    if not path.exists() and any(mark in str(part) for mark in "*?["):
        return sorted(map(Path, glob(str(part))), key=_by_name)
    return [path]


def _below(path: Path) -> str:
    """The pattern that finds logs in the folders of a folder; empty without any."""
    kinds = Counter(_kind(file) for file in path.glob("*/*") if file.is_file())
    logs = {kind: number for kind, number in kinds.items() if kind not in _NO_LOGS}
    if not logs:
        return ""
    commonest = max(logs, key=lambda kind: (logs[kind], kind))
    return f" Its folders hold some: pass '{path}/*/*{commonest}'."


def _kind(file: Path) -> str:
    return "".join(file.suffixes[-2:] if file.suffix == ".gz" else file.suffixes[-1:]).lower()


def _by_name(file: LogFile) -> Any:
    return natural_key(str(file))


def _refuse_settings(source: LogSource, log_format: Format) -> None:
    """Refuse settings of the source that a format does not heed.

    Raises:
        ConfigError: Naming the first of them.
    """
    told = source.config.source
    for name, value in (("table", told.table), ("query", told.query)):
        if value is not None and name not in log_format.source_settings:
            raise ConfigError(
                f"--{name}: expected none for {log_format.name}, got {value!r}. Leave it out; for "
                f"a model that was trained with it, pass --{name} ''."
            )


def _format_of(source: LogSource) -> Format:
    """The first format that can open a log."""
    layout = source.config.layout
    for log_format in FORMATS:
        ruled_out = log_format.layout is not None and layout not in ("auto", log_format.layout)
        if not ruled_out and log_format.can_open(source):
            _refuse_settings(source, log_format)
            return log_format
    *names, last = [log_format.name for log_format in FORMATS]
    kind = binary_kind(source.start) or f"an object of type {type(source.log).__name__!r}"
    raise DataError(
        f"{source.log if source.start else 'log'}: expected one of {', '.join(names)} and {last}, "
        f"got {kind}. Export it as CSV, or give a data frame."
    )
